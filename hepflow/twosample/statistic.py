"""Statistic: what every test of two samples is here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from hepflow.sample import FloatArray
from hepflow.twosample.pooled import Pooled

Measure = Callable[[FloatArray, FloatArray], FloatArray]
"""From weights of all rows in the first and the second sample, shapes ``(P, R)``, to R values of a statistic."""


class Statistic(ABC):
    """A number that grows with the difference between two samples; `prepare` makes one of your own.

    Attributes
    ----------
    label
        What tables and figures call it.
    each
        Whether it is for one feature at a time; else for all of them together.
    columns
        Least number of features that it needs.
    """

    label: ClassVar[str]
    each: ClassVar[bool] = False
    columns: ClassVar[int] = 1

    @abstractmethod
    def prepare(self, pooled: Pooled, seed: int) -> Measure:
        """Return the statistic as a function of weights; what does not depend on them is computed once.

        Parameters
        ----------
        pooled
            The rows of both samples; a statistic of each feature gets one column at a time.
        seed
            Of what it draws at random.
        """

    def anew(self, pooled: Pooled, measure: Measure, seed: int) -> Measure:
        """Return what replicas without a difference are measured with: the same, but where each is trained on."""
        return measure

    def null_p(self, pooled: Pooled, value: float) -> float | None:
        """Return the p-value where the distribution without a difference is known; None where replicas tell."""
        return None
