"""How far apart two results are, counted in floating point numbers: `ulps(ours, theirs)`.

0 means the same numbers, 1 that some pair are neighbours. It needs no tolerance, and means the same for large
numbers and small ones, in float16, float32 and float64.
"""

import numpy as np

from experiments.common.lockstep import ulps_between


def ulps(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The worst distance between values at the same place, in numbers of their dtype; 0.0 for empty arrays.

    0.0 and -0.0 are the same number, and so are two nan; a nan in only one of the arrays is infinitely far.
    Results that are not floats are exact: 0.0 where they are equal, else inf. Raises ValueError for arrays of
    unlike shapes or dtypes.
    """
    a, b = np.asarray(ours), np.asarray(theirs)
    if (a.shape, a.dtype) != (b.shape, b.dtype):
        raise ValueError(f"not comparable: {a.dtype}{list(a.shape)} and {b.dtype}{list(b.shape)}")
    if a.dtype.kind != "f":
        return 0.0 if np.array_equal(a, b) else np.inf
    nan = np.isnan(a)
    if not np.array_equal(nan, np.isnan(b)):
        return np.inf
    distances = ulps_between(a[~nan], b[~nan])
    return float(distances.max()) if distances.size else 0.0
