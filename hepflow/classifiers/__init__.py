"""Classifiers as density ratios, and their cross-fitting."""

from hepflow.classifiers.bdt import BoostedTrees
from hepflow.classifiers.crossfit import Classifier, CrossFit, Folds, crossfit, deal

__all__ = ["BoostedTrees", "Classifier", "CrossFit", "Folds", "crossfit", "deal"]
