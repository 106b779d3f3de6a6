"""Generation: events of flows, with the error that their training leaves, and whether they can stand for others."""

from hepflow.generation.closeness import Closeness, closeness
from hepflow.generation.generator import Generated, Generator
from hepflow.generation.judgement import Judgement, Tail, judge

__all__ = ["Closeness", "Generated", "Generator", "Judgement", "Tail", "closeness", "judge"]
