"""Plots: results in, figures out. Nothing is computed here but where to draw."""

from hepflow.plots.figure import Figure
from hepflow.plots.mjj import spectrum
from hepflow.plots.run import draw_run

__all__ = ["Figure", "draw_run", "spectrum"]
