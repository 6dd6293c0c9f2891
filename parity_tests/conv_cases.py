"""Cases for what looks at windows: convolutions, pools, padding; test_conv.py runs them."""

import numpy as np

from parity_tests.harness import FLOATS, INTEGERS, Case, Draw, normal, positive, values

HALF_TOO = ("float16", *FLOATS)
NAN, INF = float("nan"), float("inf")
PICTURE = np.random.default_rng(0).integers(0, 256, (2, 4, 9, 8), np.uint8)
IMAGE, WEIGHT, BIAS = normal(2, 4, 7, 6), normal(6, 4, 3, 2), normal(6)
# pairs of equal values, nan and infinities, in windows that overlap
TIES = values(
    [
        [
            [1.0, 1.0, 2.0, -1.0, 0.5],
            [1.0, 1.0, 2.0, 2.0, -INF],
            [NAN, 3.0, NAN, 0.0, 0.0],
            [3.0, NAN, 0.0, 0.0, INF],
            [-1.0, 0.0, 0.0, INF, INF],
        ]
    ]
)


def distinct(*shape: int) -> Draw:
    """Values at least 0.5 apart: a little more or less changes no maximum."""

    def make(rng):
        size = 1
        for n in shape:
            size *= n
        return rng.permutation(size).reshape(shape) * 0.5 - size / 4

    return Draw(make)


# ruff: noqa: E501 - a case is a line
# fmt: off
CONVOLUTIONS = {
    "conv1d":                  (lambda f, x, w, b: f.conv1d(x, w, b), normal(2, 3, 7), normal(4, 3, 3), normal(4)),
    "conv1d settings":         (lambda f, x, w, b: f.conv1d(x, w, b, 2, 1, 2, 3), normal(2, 3, 8), normal(6, 1, 3), normal(6)),
    "conv1d same":             (lambda f, x, w: f.conv1d(x, w, padding="same"), normal(2, 3, 7), normal(4, 3, 4)),
    "conv1d one sample":       (lambda f, x, w: f.conv1d(x, w), normal(3, 7), normal(4, 3, 3)),
    "conv2d":                  (lambda f, x, w, b: f.conv2d(x, w, b), IMAGE, WEIGHT, BIAS),
    "conv2d no bias":          (lambda f, x, w: f.conv2d(x, w), IMAGE, WEIGHT),
    "conv2d one sample":       (lambda f, x, w, b: f.conv2d(x, w, b), normal(4, 7, 6), WEIGHT, BIAS),
    "conv2d stride":           (lambda f, x, w, b: f.conv2d(x, w, b, stride=(2, 3)), IMAGE, WEIGHT, BIAS),
    "conv2d stride leaves some": (lambda f, x, w: f.conv2d(x, w, stride=4), IMAGE, WEIGHT),
    "conv2d padding":          (lambda f, x, w, b: f.conv2d(x, w, b, padding=(2, 1)), IMAGE, WEIGHT, BIAS),
    "conv2d wide padding":     (lambda f, x, w: f.conv2d(x, w, padding=(5, 4)), normal(1, 2, 2, 3), normal(1, 2, 2, 3)),
    "conv2d dilation":         (lambda f, x, w, b: f.conv2d(x, w, b, dilation=(2, 3)), IMAGE, WEIGHT, BIAS),
    "conv2d groups":           (lambda f, x, w, b: f.conv2d(x, w, b, groups=2), IMAGE, normal(6, 2, 3, 2), BIAS),
    "conv2d depthwise":        (lambda f, x, w: f.conv2d(x, w, padding=1, groups=4), IMAGE, normal(8, 1, 3, 3)),
    "conv2d all":              (lambda f, x, w, b: f.conv2d(x, w, b, (2, 1), (1, 2), (1, 2), 2), IMAGE, normal(6, 2, 3, 2), BIAS),
    "conv2d lists":            (lambda f, x, w: f.conv2d(x, w, None, [2], [1, 0], (1,)), IMAGE, WEIGHT),
    "conv2d valid":            (lambda f, x, w: f.conv2d(x, w, padding="valid", stride=2), IMAGE, WEIGHT),
    "conv2d same":             (lambda f, x, w: f.conv2d(x, w, padding="same"), IMAGE, normal(6, 4, 3, 5)),
    "conv2d same even":        (lambda f, x, w, b: f.conv2d(x, w, b, padding="same", dilation=(1, 3)), IMAGE, normal(6, 4, 4, 2), BIAS),
    "conv2d 1 x 1":            (lambda f, x, w, b: f.conv2d(x, w, b), IMAGE, normal(6, 4, 1, 1), BIAS),
    "conv2d one place":        (lambda f, x, w: f.conv2d(x, w), normal(3, 2, 3, 2), normal(4, 2, 3, 2)),
    "conv2d one channel":      (lambda f, x, w, b: f.conv2d(x, w, b, padding=1), normal(9, 1, 4, 4), normal(3, 1, 3, 3), normal(3)),
    "conv2d twice":            (lambda f, x, w, v: f.conv2d(f.relu(f.conv2d(x, w, padding=1)), v), IMAGE, normal(6, 4, 3, 3), normal(2, 6, 2, 2)),
    "conv2d of a view":        (lambda f, x, w: f.conv2d(x.transpose(2, 3)[:, 1:3], w), IMAGE, normal(3, 2, 2, 3)),
    "conv2d seen by rows":     (lambda f, x, w: f.conv2d(x, w).flatten(1), IMAGE, WEIGHT),
    "max_pool2d after conv":   (lambda f, x, w: f.max_pool2d(f.relu(f.conv2d(x, w)), 2), IMAGE, WEIGHT),
    "conv2d no samples":       (lambda f, x, w, b: f.conv2d(x, w, b), normal(0, 4, 7, 6), WEIGHT, BIAS),
    "conv3d":                  (lambda f, x, w, b: f.conv3d(x, w, b), normal(2, 2, 4, 3, 5), normal(3, 2, 2, 2, 3), normal(3)),
    "conv3d all":              (lambda f, x, w, b: f.conv3d(x, w, b, (1, 2, 1), (1, 0, 2), (2, 1, 1), 2), normal(2, 4, 4, 3, 5), normal(4, 2, 2, 2, 3), normal(4)),
    "conv_transpose1d":        (lambda f, x, w, b: f.conv_transpose1d(x, w, b, 2, 1, 1, 1, 2), normal(2, 3, 5), normal(3, 4, 3), normal(4)),
    "conv_transpose1d one sample": (lambda f, x, w: f.conv_transpose1d(x, w), normal(3, 5), normal(3, 4, 3)),
    "conv_transpose2d":        (lambda f, x, w, b: f.conv_transpose2d(x, w, b), normal(2, 6, 3, 4), WEIGHT, normal(4)),
    "conv_transpose2d no bias": (lambda f, x, w: f.conv_transpose2d(x, w), normal(2, 6, 3, 4), WEIGHT),
    "conv_transpose2d stride": (lambda f, x, w: f.conv_transpose2d(x, w, stride=(3, 2), padding=(1, 0), output_padding=(2, 1)), normal(2, 6, 3, 4), WEIGHT),
    "conv_transpose2d dilation": (lambda f, x, w: f.conv_transpose2d(x, w, dilation=(2, 3), padding=2), normal(2, 6, 3, 4), WEIGHT),
    "conv_transpose2d output_padding over stride": (lambda f, x, w: f.conv_transpose2d(x, w, output_padding=1, dilation=2), normal(2, 3, 4, 4), normal(3, 4, 3, 3)),
    "conv_transpose2d groups": (lambda f, x, w, b: f.conv_transpose2d(x, w, b, 2, 1, 0, 2), normal(2, 6, 3, 4), normal(6, 2, 3, 2), normal(4)),
    "conv_transpose2d no samples": (lambda f, x, w: f.conv_transpose2d(x, w), normal(0, 6, 3, 4), WEIGHT),
    "conv_transpose3d":        (lambda f, x, w, b: f.conv_transpose3d(x, w, b, 2, 1, (0, 1, 0)), normal(2, 3, 2, 3, 2), normal(3, 2, 2, 3, 2), normal(2)),
}
COUNTING = {  # in whole numbers
    "conv2d whole":            (lambda f, x, w: f.conv2d(x, w, padding=1), IMAGE, WEIGHT),
    "conv_transpose2d whole":  (lambda f, x, w: f.conv_transpose2d(x, w, stride=2), normal(2, 6, 3, 4), WEIGHT),
    "avg_pool2d whole":        (lambda f, x: f.avg_pool2d(x, 2), IMAGE),
    "max_pool2d whole":        (lambda f, x: f.max_pool2d(x, 2, padding=1, return_indices=True), IMAGE),
    "max_pool3d whole":        (lambda f, x: f.max_pool3d(x, 2), IMAGE),
    "unfold of bools":         (lambda f, x: f.unfold(x, 2), IMAGE),
    "fold of bools":           (lambda f, x: f.fold(x, (4, 3), 2), normal(2, 12, 6)),
    "pad whole":               (lambda f, x: f.pad(x, (1, 2), value=1.7), IMAGE),
    "pad whole reflect":       (lambda f, x: f.pad(x, (1, 2, 3, 0), "reflect"), IMAGE),
    "pad whole circular":      (lambda f, x: f.pad(x, (1, 2, 3, 0), "circular"), IMAGE),
}
MAXIMA = {
    "max_pool1d":              (lambda f, x: f.max_pool1d(x, 2), distinct(2, 3, 7)),
    "max_pool1d indices":      (lambda f, x: f.max_pool1d(x, 3, 2, 1, return_indices=True), distinct(3, 8)),
    "max_pool2d":              (lambda f, x: f.max_pool2d(x, 2), distinct(2, 3, 7, 6)),
    "max_pool2d even":         (lambda f, x: f.max_pool2d(x, 2), distinct(5, 3, 4, 6)),
    "max_pool2d one sample":   (lambda f, x: f.max_pool2d(x, (3, 2)), distinct(3, 7, 6)),
    "max_pool2d overlapping":  (lambda f, x: f.max_pool2d(x, 3, 2, 1), distinct(2, 3, 7, 6)),
    "max_pool2d dilation":     (lambda f, x: f.max_pool2d(x, (3, 2), (1, 2), 1, 2, return_indices=True), distinct(2, 3, 7, 6)),
    "max_pool2d ceil":         (lambda f, x: f.max_pool2d(x, 3, (2, 4), ceil_mode=True, return_indices=True), distinct(2, 3, 8, 6)),
    "max_pool2d ceil padding": (lambda f, x: f.max_pool2d(x, 3, 2, 1, ceil_mode=True), distinct(2, 3, 8, 6)),
    "max_pool2d far apart":    (lambda f, x: f.max_pool2d(x, 2, 3, return_indices=True), distinct(2, 3, 8, 6)),
    "max_pool2d alone":        (lambda f, x: f.max_pool2d(x, 1), distinct(2, 3, 4, 2)),
    "max_pool2d alone of two": (lambda f, x: f.max_pool2d(x, 1, 2), distinct(2, 3, 4, 2)),
    "max_pool2d ties":         (lambda f, x: f.max_pool2d(x, 2, 1, return_indices=True), TIES),
    "max_pool2d ties apart":   (lambda f, x: f.max_pool2d(x, 2, 2, 1, return_indices=True), TIES),
    "max_pool2d no samples":   (lambda f, x: f.max_pool2d(x, 2), distinct(0, 3, 4, 4)),
    "max_pool3d":              (lambda f, x: f.max_pool3d(x, 2, return_indices=True), distinct(2, 2, 4, 3, 5)),
    "max_pool3d settings":     (lambda f, x: f.max_pool3d(x, (2, 3, 2), (1, 2, 2), (1, 1, 0), ceil_mode=True), distinct(2, 2, 4, 3, 5)),
    "adaptive_max_pool1d":     (lambda f, x: f.adaptive_max_pool1d(x, 3, return_indices=True), distinct(2, 3, 8)),
    "adaptive_max_pool2d":     (lambda f, x: f.adaptive_max_pool2d(x, (2, 3)), distinct(2, 3, 7, 6)),
    "adaptive_max_pool2d indices": (lambda f, x: f.adaptive_max_pool2d(x, (3, 4), return_indices=True), distinct(2, 3, 7, 6)),
    "adaptive_max_pool2d None": (lambda f, x: f.adaptive_max_pool2d(x, (None, 2)), distinct(3, 7, 6)),
    "adaptive_max_pool2d more": (lambda f, x: f.adaptive_max_pool2d(x, 9, return_indices=True), distinct(2, 3, 7, 6)),
    "adaptive_max_pool2d none": (lambda f, x: f.adaptive_max_pool2d(x, (0, 2)), distinct(2, 3, 7, 6).constant),  # torch fails in backward
    "adaptive_max_pool2d ties": (lambda f, x: f.adaptive_max_pool2d(x, 2, return_indices=True), TIES),
    "adaptive_max_pool3d":     (lambda f, x: f.adaptive_max_pool3d(x, (2, 1, 3), return_indices=True), distinct(2, 2, 4, 3, 5)),
    "max_unpool1d":            (lambda f, x: f.max_unpool1d(*f.max_pool1d(x, 2, return_indices=True), 2), distinct(2, 3, 8)),
    "max_unpool2d":            (lambda f, x: f.max_unpool2d(*f.max_pool2d(x, 2, return_indices=True), 2), distinct(2, 3, 4, 6)),
    "max_unpool2d size":       (lambda f, x: f.max_unpool2d(*f.max_pool2d(x, 2, return_indices=True), 2, output_size=(5, 7)), distinct(2, 3, 5, 7)),
    "max_unpool3d":            (lambda f, x: f.max_unpool3d(*f.max_pool3d(x, 2, return_indices=True), 2), distinct(2, 2, 4, 2, 6)),
}
MEANS = {
    "avg_pool1d":              (lambda f, x: f.avg_pool1d(x, 3, 2, 1), normal(2, 3, 7)),
    "avg_pool2d":              (lambda f, x: f.avg_pool2d(x, 2), IMAGE),
    "avg_pool2d one sample":   (lambda f, x: f.avg_pool2d(x, (3, 2)), normal(4, 7, 6)),
    "avg_pool2d padding":      (lambda f, x: f.avg_pool2d(x, 3, 2, 1), IMAGE),
    "avg_pool2d not padding":  (lambda f, x: f.avg_pool2d(x, 3, 2, 1, count_include_pad=False), IMAGE),
    "avg_pool2d ceil":         (lambda f, x: f.avg_pool2d(x, 3, (2, 4), 1, ceil_mode=True), normal(2, 3, 8, 6)),
    "avg_pool2d ceil not padding": (lambda f, x: f.avg_pool2d(x, 3, (2, 4), 1, True, False), normal(2, 3, 8, 6)),
    "avg_pool2d divisor":      (lambda f, x: f.avg_pool2d(x, 3, 2, 1, divisor_override=-2), IMAGE),
    "avg_pool2d alone":        (lambda f, x: f.avg_pool2d(x, 1), IMAGE),
    "avg_pool2d after conv":   (lambda f, x, w: f.avg_pool2d(f.conv2d(x, w), 3, 1, 1), IMAGE, WEIGHT),
    "avg_pool2d no samples":   (lambda f, x: f.avg_pool2d(x, 2), normal(0, 3, 4, 4)),
    "avg_pool3d":              (lambda f, x: f.avg_pool3d(x, (2, 3, 2), (1, 2, 2), (1, 1, 0), True, False), normal(2, 2, 4, 3, 5)),
    "adaptive_avg_pool1d":     (lambda f, x: f.adaptive_avg_pool1d(x, 3), normal(2, 3, 8)),
    "adaptive_avg_pool2d":     (lambda f, x: f.adaptive_avg_pool2d(x, (3, 4)), IMAGE),
    "adaptive_avg_pool2d even": (lambda f, x: f.adaptive_avg_pool2d(x, (7, 3)), IMAGE),
    "adaptive_avg_pool2d one": (lambda f, x: f.adaptive_avg_pool2d(x, 1), IMAGE),
    "adaptive_avg_pool2d None": (lambda f, x: f.adaptive_avg_pool2d(x, (None, 2)), normal(4, 7, 6)),
    "adaptive_avg_pool2d more": (lambda f, x: f.adaptive_avg_pool2d(x, 9), IMAGE),
    "adaptive_avg_pool2d none": (lambda f, x: f.adaptive_avg_pool2d(x, (2, 0)), IMAGE.constant),  # torch fails in backward
    "adaptive_avg_pool2d after conv": (lambda f, x, w: f.adaptive_avg_pool2d(f.conv2d(x, w), 2), IMAGE, WEIGHT),
    "adaptive_avg_pool3d":     (lambda f, x: f.adaptive_avg_pool3d(x, (2, 1, 3)), normal(2, 2, 4, 3, 5)),
    "lp_pool1d":               (lambda f, x: f.lp_pool1d(x, 2, 3, 1), positive(2, 3, 7)),
    "lp_pool2d":               (lambda f, x: f.lp_pool2d(x, 3.0, (2, 3), ceil_mode=True), positive(2, 3, 7, 6)),
}
PADDING = {
    "pad":                     (lambda f, x: f.pad(x, (1, 2, 0, 3)), IMAGE),
    "pad value":               (lambda f, x: f.pad(x, (1, 2), value=-2.5), normal(3)),
    "pad less":                (lambda f, x: f.pad(x, (-1, 2, 3, -2)), IMAGE),
    "pad to nothing":          (lambda f, x: f.pad(x, (-4, -2)), IMAGE),
    "pad by nothing":          (lambda f, x: f.pad(x, ()), IMAGE),
    "pad all":                 (lambda f, x: f.pad(x, (1, 0, 0, 1, 2, 0)), normal(2, 3, 2)),
    "pad reflect 1":           (lambda f, x: f.pad(x, (3, 2), "reflect"), normal(2, 3, 4)),
    "pad reflect 2":           (lambda f, x: f.pad(x, (1, 2, 3, 0), "reflect"), normal(2, 3, 4, 5)),
    "pad reflect 3":           (lambda f, x: f.pad(x, (1, 1, 2, 0, 0, 1), "reflect"), normal(2, 2, 3, 4)),
    "pad reflect less":        (lambda f, x: f.pad(x, (-1, 2, 3, -2), "reflect"), normal(2, 3, 4, 5)),
    "pad replicate 1":         (lambda f, x: f.pad(x, (6, 2), "replicate"), normal(3, 4)),
    "pad replicate 2":         (lambda f, x: f.pad(x, (1, 2, 3, -1), "replicate"), normal(2, 3, 4, 5)),
    "pad replicate 3":         (lambda f, x: f.pad(x, (1, 1, 2, 0, 0, 1), "replicate"), normal(1, 2, 2, 3, 4)),
}
CIRCULAR = {  # torch writes the parts into a new tensor
    "pad circular 1":          (lambda f, x: f.pad(x, (4, 2), "circular"), normal(2, 3, 4)),
    "pad circular 2":          (lambda f, x: f.pad(x, (1, 2, 3, 0), "circular"), normal(2, 3, 4, 5)),
    "pad circular less":       (lambda f, x: f.pad(x, (-1, 3, 2, -1), "circular"), normal(2, 3, 4, 5)),
}
FOLDS = {
    "unfold":                  (lambda f, x: f.unfold(x, 2), IMAGE),
    "unfold settings":         (lambda f, x: f.unfold(x, (2, 3), 2, 1, (1, 2)), normal(4, 7, 6)),
    "unfold no samples":       (lambda f, x: f.unfold(x, 2), normal(0, 3, 4, 4)),
    "fold":                    (lambda f, x: f.fold(x, (4, 3), 2), normal(2, 12, 6)),
    "fold settings":           (lambda f, x: f.fold(x, (7, 6), (2, 3), 2, 1, (1, 2)), normal(12, 14)),
    "pixel_shuffle":           (lambda f, x: f.pixel_shuffle(x, 2), normal(2, 8, 3, 4)),
    "channel_shuffle":         (lambda f, x: f.channel_shuffle(x, 2), normal(2, 6, 3)),
    "pixel_unshuffle":         (lambda f, x: f.pixel_unshuffle(x, 3), normal(2, 3, 6)),
}
CHANNELS = {
    "batch_norm 4-d":          (lambda f, x, w, b: f.batch_norm(x, None, None, w, b, training=True), IMAGE, normal(4), normal(4)),
    "batch_norm 5-d":          (lambda f, x, w: f.batch_norm(x, None, None, w, training=True, eps=0.1), normal(2, 3, 2, 3, 2), normal(3)),
    "batch_norm after conv":   (lambda f, x, w, v, b: f.batch_norm(f.conv2d(x, w), None, None, v, b, training=True), IMAGE, WEIGHT, normal(6), normal(6)),
    "batch_norm eval after conv": (lambda f, x, w, m, v: f.batch_norm(f.conv2d(x, w), m, v), IMAGE, WEIGHT, normal(6).constant, positive(6).constant),
    "batch_norm no samples":   (lambda f, x, w, b: f.batch_norm(x, None, None, w, b, training=True), normal(0, 4, 2), normal(4), normal(4)),
    "batch_norm running 4-d":  (lambda f, x, m, v: (f.batch_norm(x, m, v, training=True, momentum=0.3), m, v), IMAGE, normal(4).constant, positive(4).constant),
    "group_norm":              (lambda f, x, w, b: f.group_norm(x, 3, w, b), normal(2, 6, 4, 5), normal(6), normal(6)),
    "group_norm w":            (lambda f, x, w: f.group_norm(x, 2, w, eps=0.1), normal(2, 6, 3), normal(6)),
    "group_norm 2-d":          (lambda f, x: f.group_norm(x, 2), normal(3, 6)),
    "group_norm after conv":   (lambda f, x, w, v, b: f.group_norm(f.conv2d(x, w), 2, v, b), IMAGE, WEIGHT, normal(6), normal(6)),
    "instance_norm":           (lambda f, x, w, b: f.instance_norm(x, None, None, w, b), normal(2, 3, 4, 5), normal(3), normal(3)),
    "instance_norm plain":     (lambda f, x: f.instance_norm(x, eps=0.1), normal(2, 3, 4)),
    "instance_norm running":   (lambda f, x, m, v: (f.instance_norm(x, m, v, momentum=0.3), m, v), normal(2, 3, 4), normal(3).constant, positive(3).constant),
    "instance_norm eval":      (lambda f, x, m, v: f.instance_norm(x, m, v, use_input_stats=False), normal(2, 3, 4), normal(3).constant, positive(3).constant),
    "rms_norm":                (lambda f, x: f.rms_norm(x, (5,)), normal(2, 3, 5)),
    "rms_norm w":              (lambda f, x, w: f.rms_norm(x, [3, 5], w, 0.1), normal(2, 3, 5), normal(3, 5)),
    "local_response_norm":     (lambda f, x: f.local_response_norm(x, 3, 0.5, 0.8, 2.0), normal(2, 6, 4, 5)),
    "local_response_norm 3-d": (lambda f, x: f.local_response_norm(x, 4, 0.5), normal(2, 6, 4)),
    "local_response_norm 5-d": (lambda f, x: f.local_response_norm(x, 2, 0.5), normal(2, 3, 2, 3, 2)),
}
IMAGES = {1: normal(2, 3, 7), 2: normal(2, 3, 5, 6), 3: normal(1, 2, 3, 4, 5)}
MODES = {  # the dimensions, and other settings
    "nearest":         ((1, 2, 3), [{}]),
    "nearest-exact":   ((1, 2, 3), [{}]),
    "area":            ((1, 2, 3), [{}]),
    "linear":          ((1,),      [{}, {"align_corners": True}]),
    "bilinear":        ((2,),      [{}, {"align_corners": True}, {"antialias": True}, {"antialias": True, "align_corners": True}]),
    "trilinear":       ((3,),      [{}, {"align_corners": True}]),
    "bicubic":         ((2,),      [{}, {"align_corners": True}, {"antialias": True}]),
    "lanczos":         ((2,),      [{"antialias": True}]),
}
SIZES = {
    "smaller":         {"size": 3},
    "larger":          {"size": 11},
    "the same":        {"scale_factor": 1.0},
    "to one":          {"size": 1},
    "by 1.7":          {"scale_factor": 1.7},
    "by 1.7 again":    {"scale_factor": 1.7, "recompute_scale_factor": True},
    "by 0.6":          {"scale_factor": 0.6},
}
RESIZED = {
    f"interpolate {mode} {n} {how} {' '.join(options)}": (
        lambda f, x, mode=mode, options=options, size=size: f.interpolate(x, mode=mode, **size, **options), IMAGES[n]
    )
    for mode, (dimensions, settings) in MODES.items()
    for n in dimensions
    for options in settings
    for how, size in SIZES.items()
}
BYTES = {
    f"{name} of bytes": (run, values(PICTURE))
    for name, (run, _) in RESIZED.items() if any(mode in name for mode in ("bilinear", "bicubic", "lanczos")) and "to one" not in name
}
NOT_FINITE = {  # in the results that they are a part of, and nowhere else
    "interpolate nearest nan": (lambda f, x: f.interpolate(x[None], 7), TIES),
    "interpolate bilinear nan": (lambda f, x: f.interpolate(x[None], 7, mode="bilinear"), TIES),
    "interpolate bicubic nan": (lambda f, x: f.interpolate(x[None], (5, 7), mode="bicubic"), TIES),
    "interpolate area nan":    (lambda f, x: f.interpolate(x[None], (3, 4), mode="area"), TIES),
    "avg_pool2d nan":          (lambda f, x: f.avg_pool2d(x, 3, 2, 1), TIES),
}
SLOPES = {
    "max_pool2d":              lambda f, x: f.max_pool2d(x, 3, 2, 1),
    "interpolate":             lambda f, x: f.interpolate(x, 5, mode="bilinear"),
}
# fmt: on


def slope(function):
    """The derivative of a function's cube, to be differentiated twice more."""

    def run(torch, x):
        y = function(torch.nn.functional, x)
        return torch.autograd.grad((y * y * y).sum(), x, create_graph=True)[0]

    return run


def _cases(table: dict, **options) -> list[Case]:
    return [
        Case(name, lambda torch, *inputs, f=f: f(torch.nn.functional, *inputs), *inputs, **options)
        for name, (f, *inputs) in table.items()
    ]


CASES: list[Case] = [
    *_cases(CONVOLUTIONS, scaled=True, dtypes=HALF_TOO),
    *_cases(COUNTING, dtypes=INTEGERS),
    *_cases(MAXIMA, dtypes=HALF_TOO),
    *_cases(MEANS, scaled=True, dtypes=HALF_TOO),
    *_cases(PADDING, dtypes=HALF_TOO),
    *_cases(CIRCULAR, names=False),
    *_cases(FOLDS, scaled=True, dtypes=HALF_TOO),
    *_cases(CHANNELS, scaled=True, dtypes=HALF_TOO),
    *_cases(RESIZED, scaled=True),
    *_cases(NOT_FINITE, scaled=True),
    *_cases(BYTES, dtypes=("uint8",)),
    *(
        Case(f"slope of {name}", slope(function), distinct(2, 3, 7, 6), scaled=True, names=False)
        for name, function in SLOPES.items()
    ),
]
