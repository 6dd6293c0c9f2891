"""Optimizers and learning rate schedulers, under torch.optim's names.

Each file of an algorithm opens with its equations; optimizer.py and elementwise.py show how they are stepped.
"""

from tinynn.optim import lr_scheduler, swa_utils
from tinynn.optim.adadelta import Adadelta
from tinynn.optim.adafactor import Adafactor
from tinynn.optim.adagrad import Adagrad
from tinynn.optim.adam import Adam
from tinynn.optim.adamax import Adamax
from tinynn.optim.adamw import AdamW
from tinynn.optim.asgd import ASGD
from tinynn.optim.lbfgs import LBFGS
from tinynn.optim.muon import Muon
from tinynn.optim.nadam import NAdam
from tinynn.optim.optimizer import Optimizer
from tinynn.optim.radam import RAdam
from tinynn.optim.rmsprop import RMSprop
from tinynn.optim.rprop import Rprop
from tinynn.optim.sgd import SGD

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "lr_scheduler",
    "swa_utils",
]
