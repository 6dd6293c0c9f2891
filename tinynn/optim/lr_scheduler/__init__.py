"""Learning rate schedulers: call `scheduler.step()` after each epoch, and it sets every group's "lr".

`base.py` has what they share, `formulas.py` those given by a formula, `cyclic.py` those that rise and fall,
`composed.py` those made of others, `plateau.py` the one that watches a metric.
"""

from tinynn.optim.lr_scheduler.base import LRScheduler
from tinynn.optim.lr_scheduler.composed import ChainedScheduler, SequentialLR
from tinynn.optim.lr_scheduler.cyclic import CosineAnnealingWarmRestarts, CyclicLR, OneCycleLR
from tinynn.optim.lr_scheduler.formulas import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from tinynn.optim.lr_scheduler.plateau import ReduceLROnPlateau

_LRScheduler = LRScheduler  # the base class's name before PyTorch 2.0, which scripts still subclass

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
