"""A search in many windows of the spectrum, which becomes ``scan.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from hepflow.engine.unblinding import Unblinding
from hepflow.parts import CrossSection
from hepflow.quantity import M_JJ, Quantity
from hepflow.records import Record
from hepflow.verdicts import Verdict

Window = tuple[float, float]


@dataclass(frozen=True)
class WindowCut:
    """One cut in one window.

    Parameters
    ----------
    background_efficiency
        Share of the background template that passes; 1 for no cut.
    n_exp, n_exp_error
        Background expected in the signal region, with its full error.
    n_obs, z, p0, p0_error
        Events observed there, local significance and p-value, with its error where toys gave it; None where blinded.
    calculator
        "asymptotic" or "toys".
    cross_section_obs, cross_section_exp
        95 % CLs limits on the cross-section that `WindowScan.cross_section` tells, fb: observed, and expected at -2
        to 2 sigma; None where none is set.
    """

    background_efficiency: float
    n_exp: float
    n_exp_error: float
    n_obs: float | None
    z: float | None
    p0: float | None
    p0_error: float | None
    calculator: str
    cross_section_obs: float | None = None
    cross_section_exp: tuple[float | None, ...] = (None,) * 5


@dataclass(frozen=True)
class WindowResult:
    """One window.

    Parameters
    ----------
    signal, sidebands
        Its regions, GeV; no sidebands where there is no room for them.
    cuts
        From loose to tight, first the one of everything.
    factor
        How many times likelier an excess is behind any of the cuts than behind one; None where it is not known.
    problems
        What could not be computed, and why.
    extrapolated
        Whether the factor is extrapolated, as too few toys reach the excess.
    verdicts
        Whether what its numbers rest on can be trusted; none in records of before.
    theory
        Cross-section that a theory predicts in its middle, fb; None where there is none.
    """

    signal: Window
    sidebands: tuple[Window, ...]
    cuts: tuple[WindowCut, ...] = ()
    factor: float | None = None
    problems: tuple[str, ...] = ()
    extrapolated: bool = False
    verdicts: tuple[Verdict, ...] = ()
    theory: float | None = None

    @property
    def middle(self) -> float:
        """The middle of the signal region, where the peak stands that is tested for, GeV."""
        return 0.5 * sum(self.signal)

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """The verdicts that did not pass."""
        return tuple(verdict for verdict in self.verdicts if not verdict.passed)

    def trusts(self, cut: WindowCut) -> bool:
        """Return whether no failed verdict concerns a cut."""
        return not any(verdict.concerns(cut.background_efficiency) for verdict in self.failed)

    @property
    def withheld(self) -> bool:
        """Whether the sideband fit failed, which all its cuts rest on."""
        return any(verdict.concerns(1.0) for verdict in self.failed)

    @property
    def best(self) -> WindowCut | None:
        """The cut with the smallest p-value of those that can be trusted; None where there is none."""
        trusted = (cut for cut in self.cuts if cut.p0 is not None and self.trusts(cut))
        return min(trusted, key=_p0, default=None)

    @property
    def p(self) -> float | None:
        """The smallest p-value, with the trials of the cuts; None where either is not known."""
        best = self.best
        return None if best is None or self.factor is None else min(self.factor * _p0(best), 1.0)


@dataclass(frozen=True)
class Excess:
    """The largest excess of all windows.

    Parameters
    ----------
    signal, background_efficiency
        Where, GeV, and behind which cut.
    z, p0
        Local significance and p-value.
    p_window
        With the trials of the cuts in its window.
    windows, disjoint
        Number of windows with a p-value, and of those that can be chosen among them without a shared event.
    p_global, z_global
        Upper bound on the global p-value, and its significance.
    p_least, z_least
        Lower bound, and its significance.
    extrapolated
        Whether the trials factor of the cuts in its window is extrapolated from toys.
    """

    signal: Window
    background_efficiency: float
    z: float
    p0: float
    p_window: float
    windows: int
    disjoint: int
    p_global: float
    z_global: float
    p_least: float
    z_least: float
    extrapolated: bool = False


@dataclass(frozen=True)
class WindowScan(Record):
    """A search in many windows, schema ``hepflow-window-scan-1``.

    Parameters
    ----------
    name, method, seed, config_hash, versions
        Which search this is.
    windows
        From low to high mass.
    excess
        The largest excess; None where the data are blinded, or no window has a p-value.
    blind
        Whether data of the signal regions were hidden behind the cuts.
    unblinded
        Who looked at them, when, and with which configuration.
    resonance
        What the resonant variable is called; m_jj in records of before.
    cross_section
        What cross-section there are limits on; None where none is asked for.
    """

    schema: ClassVar[str] = "hepflow-window-scan-1"
    remedy: ClassVar[str] = "`hepflow run CONFIG --scan` writes it anew"

    name: str
    method: str
    seed: int
    config_hash: str
    versions: Mapping[str, str]
    windows: tuple[WindowResult, ...]
    excess: Excess | None = None
    blind: bool = False
    unblinded: tuple[Unblinding, ...] = ()
    resonance: Quantity = M_JJ
    cross_section: CrossSection | None = None

    @property
    def background_efficiencies(self) -> tuple[float, ...]:
        """The cuts, from loose to tight."""
        return tuple(
            sorted({cut.background_efficiency for one in self.windows for cut in one.cuts}, reverse=True)
        )

    def limited(self, background_efficiency: float) -> tuple[tuple[WindowResult, WindowCut], ...]:
        """Return the windows with a limit behind a cut, each with that cut; none that failed a check."""
        return tuple(
            (one, cut)
            for one in self.windows
            for cut in one.cuts
            if cut.background_efficiency == background_efficiency
            and cut.cross_section_exp[2] is not None
            and one.trusts(cut)
        )

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be computed, each with its window."""
        return tuple(f"{_name(one)}: {problem}" for one in self.windows for problem in one.problems)

    @property
    def failed(self) -> tuple[str, ...]:
        """The windows that failed checks, and which."""
        return tuple(
            f"{_name(one)}: {', '.join(verdict.name for verdict in one.failed)}"
            for one in self.windows
            if one.failed
        )


def _name(window: WindowResult) -> str:
    return f"{window.signal[0]:g}-{window.signal[1]:g} GeV"


def _p0(cut: WindowCut) -> float:
    return 1.0 if cut.p0 is None else cut.p0
