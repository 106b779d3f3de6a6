"""Outlier detectors: scores of how unlike most events one is, learned from one sample without labels."""

from hepflow.outliers.autoencoder import Autoencoder, VariationalAutoencoder
from hepflow.outliers.detector import Detector
from hepflow.outliers.flow import FlowDensity, LatentRadius
from hepflow.outliers.isolation import IsolationForest
from hepflow.outliers.normalized import NormalizedAutoencoder
from hepflow.shown import show_briefly

__all__ = [
    "Autoencoder",
    "Detector",
    "FlowDensity",
    "IsolationForest",
    "LatentRadius",
    "NormalizedAutoencoder",
    "VariationalAutoencoder",
]

show_briefly([globals()[name] for name in __all__])
