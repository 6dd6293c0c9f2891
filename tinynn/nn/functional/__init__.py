"""torch.nn.functional: layers, activations and losses as functions of tensors, a file for each kind.

Those that are one operation are rows of the derivative table (tinynn/ops); here they get torch's arguments
and errors. The others are written with tensor operations.
"""

# ruff: noqa: F401 - what is imported here is the namespace

from tinynn.nn.functional.activation import (
    celu,
    celu_,
    elu,
    elu_,
    gelu,
    glu,
    gumbel_softmax,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    hardtanh_,
    leaky_relu,
    leaky_relu_,
    log_softmax,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    relu_,
    rrelu,
    rrelu_,
    selu,
    selu_,
    sigmoid,
    silu,
    softmax,
    softmin,
    softplus,
    softshrink,
    softsign,
    tanh,
    tanhshrink,
    threshold,
    threshold_,
)
from tinynn.nn.functional.affine import (
    bilinear,
    linear,
)
from tinynn.nn.functional.attention import (
    multi_head_attention_forward,
    scaled_dot_product_attention,
)
from tinynn.nn.functional.convolution import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from tinynn.nn.functional.distance import cosine_similarity, normalize, pairwise_distance, pdist
from tinynn.nn.functional.dropouts import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from tinynn.nn.functional.embedding import embedding, embedding_bag, one_hot
from tinynn.nn.functional.folding import channel_shuffle, fold, pixel_shuffle, pixel_unshuffle, unfold
from tinynn.nn.functional.fractional import fractional_max_pool2d, fractional_max_pool3d
from tinynn.nn.functional.grids import affine_grid, grid_sample
from tinynn.nn.functional.linear_cross_entropy import linear_cross_entropy
from tinynn.nn.functional.loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    gaussian_nll_loss,
    huber_loss,
    kl_div,
    l1_loss,
    legacy_reduction,
    mse_loss,
    nll_loss,
    poisson_nll_loss,
    smooth_l1_loss,
)
from tinynn.nn.functional.margins import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from tinynn.nn.functional.normalization import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    local_response_norm,
    rms_norm,
)
from tinynn.nn.functional.padding import pad
from tinynn.nn.functional.pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    max_unpool1d,
    max_unpool2d,
    max_unpool3d,
)
from tinynn.nn.functional.resampling import interpolate, upsample, upsample_bilinear, upsample_nearest
