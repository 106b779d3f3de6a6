"""Smooth background spectra: the dijet function, fitted to the sidebands."""

from hepflow.smooth.dijet import SQRT_S
from hepflow.smooth.order import MAX_SHAPE, FTest, SmoothFit, fit_smooth

__all__ = ["MAX_SHAPE", "SQRT_S", "FTest", "SmoothFit", "fit_smooth"]
