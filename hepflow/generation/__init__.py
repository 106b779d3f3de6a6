"""Events made of others: differences of samples as weighted events."""

from hepflow.generation.subtraction import Subtracted, SubtractedHistogram, subtract
from hepflow.shown import show_briefly

__all__ = ["Subtracted", "SubtractedHistogram", "subtract"]

show_briefly([globals()[name] for name in __all__])
