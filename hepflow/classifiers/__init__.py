"""Classifiers as density ratios, and their cross-fitting."""

from hepflow.classifiers.bdt import BoostedTrees
from hepflow.classifiers.calibration import Calibration, calibrate
from hepflow.classifiers.crossfit import Classifier, CrossFit, Folds, crossfit, deal, train_fold
from hepflow.classifiers.mlp import NeuralNetwork
from hepflow.classifiers.stacking import Stack, stack
from hepflow.shown import show_briefly

__all__ = [
    "BoostedTrees",
    "Calibration",
    "Classifier",
    "CrossFit",
    "Folds",
    "NeuralNetwork",
    "Stack",
    "calibrate",
    "crossfit",
    "deal",
    "stack",
    "train_fold",
]

show_briefly([globals()[name] for name in __all__])
