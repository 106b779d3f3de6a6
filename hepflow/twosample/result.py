"""What two-sample tests found: one line a test and feature, as text and as a table."""

from __future__ import annotations

from dataclasses import dataclass

from hepflow.shown import LINES, grid
from hepflow.text import aligned, number, with_error

HEAD = ("test", "feature", "value", "same", "p")
ALL = "all"  # in place of a feature, of tests of all of them


@dataclass(frozen=True)
class Difference:
    """One test of one feature, or of all.

    Parameters
    ----------
    test, feature
        What was measured, and of which feature; None of all of them together.
    value, error
        The statistic and its standard deviation over bootstrap replicas.
    same
        Its mean where there is no difference: most distances are above zero then, too.
    p_value
        Probability of a value as large, or larger, without a difference.
    replicas
        That the p-value comes from, which is at least ``1 / (replicas + 1)``; None where the distribution is known.
    """

    test: str
    feature: str | None
    value: float
    error: float
    same: float
    p_value: float
    replicas: int | None = None

    @property
    def beyond(self) -> bool:
        """Whether no replica without a difference was as far, so that the p-value is only an upper limit."""
        return self.replicas is not None and self.p_value <= 1 / (self.replicas + 1)

    def cells(self) -> tuple[str, str, str, str, str]:
        """Return the line of a table: test, feature, value, value without a difference, p-value."""
        return (
            self.test,
            ALL if self.feature is None else self.feature,
            with_error(self.value, self.error),
            number(self.same),
            f"{'< ' if self.beyond else ''}{number(self.p_value, '.2g')}",
        )


@dataclass(frozen=True)
class TwoSample:
    """Tests whether two samples are of one density.

    Parameters
    ----------
    differences
        One of each test and feature, in the order in which tests were asked for.
    global_p
        Probability that without a difference any of the tests would be as far out as the farthest is: what is left of
        a small p-value where one looks at many. At least ``1 / (replicas + 1)``.
    events, worth
        Numbers of events of the two samples, and what their weights make them worth.
    replicas
        Without a difference, and as many of the bootstrap.
    """

    differences: tuple[Difference, ...]
    global_p: float
    events: tuple[int, int]
    worth: tuple[float, float]
    replicas: int

    @property
    def smallest(self) -> Difference:
        """The test with the smallest p-value; of several the one whose value is farthest, in its errors."""
        return self._ranked()[0]

    def __getitem__(self, key: str | tuple[str, str | None]) -> Difference:
        """Return the test of a label, such as ``"Frechet"``, or of a label and a feature.

        Raises
        ------
        KeyError
            If there is no such test.
        """
        test, feature = key if isinstance(key, tuple) else (key, None)
        for one in self.differences:
            if (one.test, one.feature) == (test, feature):
                return one
        known = ", ".join(
            repr(each.test if each.feature is None else (each.test, each.feature))
            for each in self.differences[:20]
        )
        raise KeyError(f"no test {key!r}; there are {known}")

    def text(self) -> str:
        """Return all tests as a table of plain text."""
        return "\n".join([self._title(), *aligned([HEAD, *(one.cells() for one in self.differences)])])

    def __repr__(self) -> str:
        """Return the tests in ten lines: where there are more, those of the smallest p-values."""
        most = LINES - 2  # title and head
        if len(self.differences) <= most:
            return self.text()
        shown = self._ranked()[: most - 1]
        lines = aligned([HEAD, *(one.cells() for one in self.differences if one in shown)])
        return "\n".join(
            [self._title(), *lines, f"and {len(self.differences) - len(shown)} of larger p: see text()"]
        )

    def _repr_html_(self) -> str:
        return grid(self._title(), HEAD, [one.cells() for one in self.differences])

    def _title(self) -> str:
        sizes = " and ".join(
            f"{events:,}" + (f" (worth {worth:,.0f})" if worth < 0.999 * events else "")
            for events, worth in zip(self.events, self.worth, strict=True)
        )
        return (
            f"TwoSample: {sizes} events, {len(self.differences)} tests, global p "
            f"{'< ' if self.global_p <= 1 / (self.replicas + 1) else ''}{number(self.global_p, '.2g')}"
        )

    def _ranked(self) -> list[Difference]:
        return sorted(
            self.differences,
            key=lambda one: (one.p_value, -(one.value - one.same) / one.error if one.error > 0 else 0.0),
        )
