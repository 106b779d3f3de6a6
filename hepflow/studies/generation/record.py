"""Generated events as a record: how they were judged, and what they allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import hypot
from typing import ClassVar

from hepflow.quantity import Quantity
from hepflow.records import Record
from hepflow.verdicts import ERRORS, Verdict

Numbers = tuple[float, ...]
Rows = tuple[Numbers, ...]


@dataclass(frozen=True)
class Difference:
    """A two-sample test of generated events with those held out, as `hepflow.twosample.result.Difference`."""

    test: str
    feature: str | None
    value: float
    error: float
    same: float
    p_value: float
    replicas: int | None = None

    @property
    def beyond(self) -> bool:
        """Whether the p-value is only an upper limit."""
        return self.replicas is not None and self.p_value <= 1 / (self.replicas + 1)


@dataclass(frozen=True)
class PlantedDifference:
    """A difference that was planted: the area under the curve of the best classifier, and what the test saw of it."""

    best: float
    seen: float
    error: float


@dataclass(frozen=True)
class Near:
    """Closeness to the training events, as `hepflow.generation.closeness.Closeness`."""

    nearer: float
    error: float
    copies: int
    events: int

    @property
    def z(self) -> float:
        """How far the share is above one half, in its errors."""
        return (self.nearer - 0.5) / self.error


@dataclass(frozen=True)
class TailShare:
    """Generated over held-out events beyond a quantile, with the error that both numbers and the training leave."""

    name: str
    quantile: float
    at: float
    ratio: float
    error: float


@dataclass(frozen=True)
class JudgementRecord:
    """What tells the generated events from real ones.

    Parameters
    ----------
    tests
        Of each column and derived quantity, and of all columns together.
    global_p
        Of all tests.
    events
        Generated and held-out events that were compared.
    auc, floor
        Area under the curve of the classifier test, and that of two samples that are both real, each with its error.
    planted
        What the classifier sees of differences of a known size.
    closeness
        To the events that were learned from.
    tails
        Of each column and derived quantity.
    """

    tests: tuple[Difference, ...]
    global_p: float
    events: tuple[int, int]
    auc: tuple[float, float]
    floor: tuple[float, float]
    planted: tuple[PlantedDifference, ...]
    closeness: Near
    tails: tuple[TailShare, ...]

    @property
    def powerless(self) -> bool:
        """Whether the classifier saw nothing of any planted difference: then it proves nothing of the events."""
        floor, own = self.floor
        return all(one.seen - floor <= ERRORS * hypot(one.error, own) for one in self.planted)


@dataclass(frozen=True)
class Histogram:
    """A column or derived quantity in bins, generated and held out, both with the total of the latter.

    Parameters
    ----------
    quantity
        What is on the axis.
    edges
        Of the bins; what lies beyond is left out.
    generated, error, statistical
        Expected events, their error with that of the training, and the part of it that the generated number leaves.
    real, real_error
        Held-out events and their error.
    """

    quantity: Quantity
    edges: Numbers
    generated: Numbers
    error: Numbers
    statistical: Numbers
    real: Numbers
    real_error: Numbers


@dataclass(frozen=True)
class Curve:
    """Median expected limits on the signal strength for each number of generated events; None where none was found.

    Parameters
    ----------
    uncertainty
        Relative error of the background's yield.
    training
        Whether the error that the training leaves is among the errors.
    limits
        As many as there are numbers of events.
    """

    uncertainty: float
    training: bool
    limits: tuple[float | None, ...]


@dataclass(frozen=True)
class LimitsRecord:
    """Limits against the number of generated events.

    Parameters
    ----------
    observable
        What is in bins.
    edges
        Of the bins; the outer ones hold what lies beyond, too.
    background, error, signal
        Events expected in each, the background's error with that of the training, signal at strength one.
    generated
        Numbers of events.
    curves
        One for each uncertainty with the error of the training, and one without.
    trained
        Events that were learned from.
    plain
        Limit for each uncertainty where those are used as they are, in the place of generated ones.
    """

    observable: Quantity
    edges: Numbers
    background: Numbers
    error: Numbers
    signal: Numbers
    generated: tuple[int, ...]
    curves: tuple[Curve, ...]
    trained: int
    plain: tuple[float | None, ...]

    @property
    def uncertainties(self) -> Numbers:
        """Each once, in the order in which they were asked for."""
        return tuple(one.uncertainty for one in self.curves if one.training)

    def curve(self, uncertainty: float, *, training: bool) -> Curve:
        """Return the curve of an uncertainty, with the error of the training or without."""
        return next(one for one in self.curves if (one.uncertainty, one.training) == (uncertainty, training))


@dataclass(frozen=True)
class GenerationRecord(Record):
    """Events from flows, schema ``hepflow-generation-1``.

    Parameters
    ----------
    name, seed, config_hash, versions
        Which generation this is.
    architecture, replicas, posterior, bias
        Of the flows; what the replicas are draws of, and the second architecture where there is one.
    columns, given
        What was generated, and which of these are conditions.
    trained, held_out
        Numbers of events.
    output, generated, fingerprint
        The file, how many events it holds, and the fingerprint of the training as `manifest.json` has it.
    losses
        Of each replica: its training and validation loss, epoch by epoch.
    judgement, histograms
        How the events were judged.
    correlations
        Between columns and derived quantities, in the order of the histograms: of generated and of held-out events.
    limits
        None without a signal.
    cutflows
        What became of the events of each input, in order.
    verdicts
        Whether the events can stand for real ones.
    """

    schema: ClassVar[str] = "hepflow-generation-1"
    remedy: ClassVar[str] = "`hepflow generate CONFIG` writes it anew"

    name: str
    seed: int
    config_hash: str
    versions: Mapping[str, str]
    architecture: str
    replicas: int
    bias: str | None
    columns: tuple[Quantity, ...]
    given: tuple[str, ...]
    trained: int
    held_out: int
    output: str
    generated: int
    fingerprint: str
    losses: tuple[Mapping[str, Numbers], ...]
    judgement: JudgementRecord
    histograms: tuple[Histogram, ...]
    correlations: tuple[Rows, Rows]
    limits: LimitsRecord | None = None
    cutflows: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    verdicts: tuple[Verdict, ...] = ()
    posterior: str = "bootstrap"

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """The verdicts that did not pass."""
        return tuple(verdict for verdict in self.verdicts if not verdict.passed)
