"""Generation: events from flows, with the error that their training leaves."""

from hepflow.generation.generator import Generated, Generator

__all__ = ["Generated", "Generator"]
