"""Classifiers as density ratios, and their cross-fitting."""

from hepflow.classifiers.bdt import BoostedTrees
from hepflow.classifiers.calibration import Calibration, calibrate
from hepflow.classifiers.crossfit import CrossFit, Folds, crossfit, deal, train_fold
from hepflow.classifiers.factor import LearnsFactors, fit_factor
from hepflow.classifiers.mlp import NeuralNetwork
from hepflow.classifiers.ratio import Classifier as Classifier
from hepflow.classifiers.ratio import DensityRatio, Rows, table
from hepflow.classifiers.reweighter import Reweighted, Reweighter
from hepflow.classifiers.smooth import SmoothRatio
from hepflow.classifiers.stacking import Stack, stack
from hepflow.shown import show_briefly

__all__ = [
    "BoostedTrees",
    "Calibration",
    "CrossFit",
    "DensityRatio",
    "Folds",
    "LearnsFactors",
    "NeuralNetwork",
    "Reweighted",
    "Reweighter",
    "Rows",
    "SmoothRatio",
    "Stack",
    "calibrate",
    "crossfit",
    "deal",
    "fit_factor",
    "stack",
    "table",
    "train_fold",
]

show_briefly([globals()[name] for name in __all__])
