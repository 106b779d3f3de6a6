"""Generation: events of flows, with the error that their training leaves, and events subtracted from events."""

from hepflow.generation.closeness import Closeness, closeness
from hepflow.generation.generator import Generated, Generator, replicas_density
from hepflow.generation.judgement import Judgement, Tail, judge
from hepflow.generation.subtraction import Subtracted, SubtractedHistogram, subtract
from hepflow.shown import show_briefly

__all__ = [
    "Closeness",
    "Generated",
    "Generator",
    "Judgement",
    "Subtracted",
    "SubtractedHistogram",
    "Tail",
    "closeness",
    "judge",
    "replicas_density",
    "subtract",
]

show_briefly([globals()[name] for name in __all__])
