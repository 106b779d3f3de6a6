"""An unfolding as a record: yields in bins with their errors by source, and what says whether to believe them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2 as chi2_law

from hepflow.quantity import Quantity
from hepflow.records import Record
from hepflow.verdicts import Verdict

Numbers = tuple[float, ...]
Rows = tuple[Numbers, ...]


@dataclass(frozen=True)
class Binned:
    """Unfolded yields in bins, as `hepflow.unfolding.UnfoldedHistogram` without its replicas.

    Parameters
    ----------
    edges
        Of the bins.
    values, covariance
        Yields and their statistical covariance, of data and simulation.
    prior
        What was simulated.
    """

    edges: Numbers
    values: Numbers
    covariance: Rows
    prior: Numbers

    @property
    def error(self) -> Numbers:
        """Statistical errors."""
        return tuple(map(float, np.sqrt(np.diag(np.asarray(self.covariance)))))


@dataclass(frozen=True)
class Reference:
    """What a method in bins finds, or why it could not.

    Parameters
    ----------
    binned
        Its yields; None without a counterpart at detector level, and where it could not.
    why
        What stopped it.
    """

    binned: Binned | None
    why: str = ""


@dataclass(frozen=True)
class Shift:
    """What a systematic variation, by one standard deviation, adds to the yields."""

    name: str
    shift: Numbers


@dataclass(frozen=True)
class Beside:
    """A histogram beside what it should be, as `hepflow.unfolding.Compared`.

    Parameters
    ----------
    name
        Of the check.
    found, expected, error
        Yields, what they should be, and the error of the difference.
    chi2, bins
        Of the difference with its covariance; None where that has no inverse.
    """

    name: str
    found: Numbers
    expected: Numbers
    error: Numbers
    chi2: float | None
    bins: int

    @property
    def p_value(self) -> float | None:
        """Probability of a chi2 as large as this."""
        return None if self.chi2 is None else float(chi2_law.sf(self.chi2, self.bins))


@dataclass(frozen=True)
class Seen:
    """An observable at detector level.

    Parameters
    ----------
    edges
        Of the bins.
    data, data_error, simulated
        Yields of data, their error, and those of the simulation as it was.
    refolded
        The simulation with the unfolded weights beside the data; None of methods in bins.
    """

    edges: Numbers
    data: Numbers
    data_error: Numbers
    simulated: Numbers
    refolded: Beside | None = None


@dataclass(frozen=True)
class Line:
    """The bottom line for one model: chi2 from the simulation before and after unfolding, and their bins."""

    model: str
    before: float
    after: float
    bins: tuple[int, int]


@dataclass(frozen=True)
class ObservableRecord:
    """An unfolded observable.

    Parameters
    ----------
    quantity
        What is on the axis.
    unfolded
        Yields with their statistical covariance.
    systematics
        Shifts, each an error of its own.
    reference
        The same by a method in bins; None without one.
    seen
        At detector level; None without a counterpart.
    closure, stress
        One half of the simulation unfolded by the other, as it is and with other weights.
    lines
        The bottom line for each model.
    no_reference
        Why there is no reference, where it could not be made.
    """

    quantity: Quantity
    unfolded: Binned
    systematics: tuple[Shift, ...] = ()
    reference: Binned | None = None
    seen: Seen | None = None
    closure: Beside | None = None
    stress: tuple[Beside, ...] = ()
    lines: tuple[Line, ...] = ()
    no_reference: str = ""

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Of all errors together, shape ``(B, B)``."""
        total = np.array(self.unfolded.covariance, dtype=np.float64)
        for one in self.systematics:
            total += np.outer(one.shift, one.shift)
        return total

    @property
    def error(self) -> Numbers:
        """Of all errors together, a number for each bin."""
        return tuple(map(float, np.sqrt(np.diag(self.covariance))))

    @property
    def correlation(self) -> NDArray[np.float64]:
        """Correlation of the bins with all errors, ``(B, B)``; zero with bins without an error."""
        error = np.where(np.array(self.error) > 0, self.error, np.inf)
        found = self.covariance / np.outer(error, error)
        np.fill_diagonal(found, 1.0)
        return np.asarray(found)


@dataclass(frozen=True)
class Step:
    """What an iteration did, as `hepflow.unfolding.Iteration`; `spread` is None without replicas."""

    distance: float
    change: float
    spread: float | None
    effective_size: float
    total: float


@dataclass(frozen=True)
class Weights:
    """The weighted events of a method without bins.

    Parameters
    ----------
    steps, chosen
        What iterations did, and the one that counts, from 1.
    settled
        Whether changes became small beside errors.
    total, error
        The unfolded yield, and its statistical error.
    effective_size, simulated_size
        Events of equal weight that say as much as the weighted ones, and as the simulation before.
    edges, counts
        The spectrum of the factors on the simulation's weights.
    outside
        Share of the data that lies where nothing is simulated.
    file
        Where the weights are.
    """

    steps: tuple[Step, ...]
    chosen: int
    settled: bool
    total: float
    error: float
    effective_size: float
    simulated_size: float
    edges: Numbers
    counts: Numbers
    outside: float
    file: str

    @property
    def share(self) -> float:
        """Of what the simulation is worth, that which is left."""
        return self.effective_size / self.simulated_size


@dataclass(frozen=True)
class CoverageRecord:
    """How often central intervals of posteriors hold the truth, and of posteriors with halved errors (control)."""

    names: tuple[str, ...]
    levels: Numbers
    found: Rows
    control: Rows
    events: int

    @property
    def largest_error(self) -> float:
        """Of all columns and levels."""
        return _largest(self.levels, self.found)

    @property
    def largest_of_control(self) -> float:
        """The same of the control, which must be large."""
        return _largest(self.levels, self.control)


@dataclass(frozen=True)
class UnfoldingRecord(Record):
    """Data at particle level, schema ``hepflow-unfolding-1``.

    Parameters
    ----------
    name, seed, config_hash, versions
        Which unfolding this is.
    method, replicas, reference
        How it was unfolded, by how many replicas or toys its error is known, and the method beside it.
    truth, reco
        Generated and reconstructed columns.
    events, efficiency, fake_share
        Numbers of events of data and of each kind of pairs; shares of the simulated yield.
    observables
        What was found.
    weights
        None of methods in bins.
    coverage
        None without posteriors.
    cutflows
        What became of the events of each input, in order.
    verdicts
        Whether the result can be believed.
    """

    schema: ClassVar[str] = "hepflow-unfolding-1"
    remedy: ClassVar[str] = "`hepflow unfold CONFIG` writes it anew"

    name: str
    seed: int
    config_hash: str
    versions: Mapping[str, str]
    method: str
    replicas: int
    reference: str | None
    truth: tuple[Quantity, ...]
    reco: tuple[Quantity, ...]
    events: Mapping[str, int]
    efficiency: float
    fake_share: float
    observables: tuple[ObservableRecord, ...]
    weights: Weights | None = None
    coverage: CoverageRecord | None = None
    cutflows: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    verdicts: tuple[Verdict, ...] = ()

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """The verdicts that did not pass."""
        return tuple(verdict for verdict in self.verdicts if not verdict.passed)


def _largest(levels: Numbers, found: Rows) -> float:
    return float(np.abs(np.asarray(found) - np.asarray(levels)[:, None]).max())
