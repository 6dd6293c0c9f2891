"""Why an entry of torch's databases is not compared: `reason_of(name)`."""

import re

# The first pattern that a name begins with tells the reason.
REASONS = [
    (r"sparse\.|to_sparse|SparseAdam|_segment_reduce", "sparse and ragged tensors: there are none"),
    (r"masked\.", "masked tensors, a prototype of PyTorch's: there are none"),
    (r"fft\.|i?stft", "Fourier transforms: their results are complex numbers"),
    (
        r"complex|polar|view_as_(real|complex)|c(half|float|double)$|linalg\.eig(vals)?$",
        "complex numbers: none",
    ),
    (r"bfloat16|torch\._scaled_mm", "bfloat16 and dtypes of 8 bits: there are none"),
    (r"jiterator", "PyTorch's compiler for CUDA"),
    (
        r"_|torch\.ops|native_|.*_backward|grid_sampler_|constant_pad_nd|hash_tensor|slice$",
        "PyTorch's internals: kernels and decompositions that its public functions call",
    ),
    (r"empty_permuted|resize_", "memory laid out by hand"),
    (r"special\.|igamma", "special functions of physics and statistics"),
    (r"signal\.windows", "window functions of signal processing"),
    (r"linalg\.|svd_|pca_", "factorisations that have no place in training"),
]
OTHERS = "not written"


def reason_of(name: str) -> str:
    return next((reason for pattern, reason in REASONS if re.match(pattern, name)), OTHERS)
