"""Scans: the local significance and the limit of a resonance against its mass, on a smooth background."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepflow.errors import ConfigError, FitError, HepflowError
from hepflow.progress import progress
from hepflow.quantity import M_JJ
from hepflow.records import without_nan
from hepflow.sample import FloatArray
from hepflow.smooth import DIJET, SQRT_S, Function, SmoothFit, fit_smooth
from hepflow.stats.bins import Bins
from hepflow.stats.calculators import Calculator, check_calculator
from hepflow.stats.global_p import GlobalSignificance
from hepflow.stats.inference import infer
from hepflow.stats.limits import check_level
from hepflow.stats.linearised import linearised_workspace
from hepflow.stats.model import Workspace
from hepflow.stats.profile import Profile
from hepflow.stats.signal import SignalShape
from hepflow.stats.smooth_model import SmoothModel
from hepflow.stats.spectra import as_bins
from hepflow.stats.toys import check_toys

if TYPE_CHECKING:
    import hist


@dataclass(frozen=True, eq=False)
class Scan:
    """Results against the mass of the signal.

    Parameters
    ----------
    mass
        Masses, rising, shape ``(M,)``, GeV.
    z, p0
        Local significance and p-value; 0 and 0.5 for a deficit. Shapes ``(M,)``.
    mu_hat, mu_hat_error
        Best-fit signal strength and its error, ``(M,)``.
    mu_up_obs, mu_up_exp
        CLs upper limits, observed (M,) and expected at -2 to 2 sigma (M, 5); None where none were asked for, NaN
        where none was found.
    calculator
        "asymptotic" or "toys" for each mass.
    unit
        What ``mu = 1`` stands for.
    level
        Confidence level of the limits.
    problems
        What went wrong at single masses, whose values are NaN.
    global_significance
        That of the largest excess; None where it was not asked for.
    """

    mass: FloatArray
    z: FloatArray
    p0: FloatArray
    mu_hat: FloatArray
    mu_hat_error: FloatArray
    mu_up_obs: FloatArray | None
    mu_up_exp: FloatArray | None
    calculator: tuple[str, ...]
    unit: str
    level: float = 0.95
    problems: tuple[str, ...] = ()
    global_significance: GlobalSignificance | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists; NaN becomes None."""
        arrays = ("mass", "z", "p0", "mu_hat", "mu_hat_error", "mu_up_obs", "mu_up_exp")
        found = self.global_significance
        return {
            **{name: without_nan(getattr(self, name)) for name in arrays},
            "calculator": list(self.calculator),
            "unit": self.unit,
            "level": self.level,
            "problems": list(self.problems),
            "global": None if found is None else found.to_dict(),
        }


class MassScan:
    """A spectrum, a smooth background and a signal whose mass is scanned.

    Each mass has a model of its own, in which function and signal are fitted together.

    Parameters
    ----------
    edges, counts
        Bin edges (B + 1,) in GeV and events per bin (B,); or as `edges` alone a `hist.Hist`, or the `Bins` that
        `read_spectrum` returns, weighted ones in their effective counts.
    masses
        To test, GeV.
    signal
        Mass in GeV -> shape of the signal at strength one, a function from edges to a template: `SignalMorph.at`, or
        ``lambda mass: partial(gaussian_signal, mass=mass, width=0.03 * mass)``.
    function, sqrt_s, max_shape
        As for `hepflow.smooth.fit_smooth`; the order is chosen by the F-test on the spectrum without signal.
    half_range
        Fit only bins within this fraction of the mass on either side (a sliding window); None for all bins.
    spurious
        Strength of the spurious signal (one standard deviation), one number or one for each of the masses, rising:
        the `size` of a `bias_test`. A mass where it is NaN, as none could be measured, is not fitted.
    unit
        What strength one stands for, in words.
    exposure
        Counts for an event of function and signal, shape ``(B,)``: the `Bins.exposure` of a weighted spectrum, which
        `Bins` bring along. One by default.

    Raises
    ------
    ConfigError
        If no mass is given, one lies outside the spectrum, edges and counts do not match, `half_range` is not above
        zero, or `spurious` is negative or of another length.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> edges = np.arange(2000.0, 5001.0, 100.0)
    >>> counts = -np.diff(1e4 * (edges / 2000) ** -6)
    >>> bump = hf.stats.gaussian_signal(edges, mass=3000, width=90, events=120)
    >>> scan = hf.stats.MassScan(
    ...     edges, (counts + bump.counts).round(), [2500, 3000, 3500], hf.stats.gaussian_family(0.03)
    ... )
    >>> result = scan.run(limits=False)
    >>> best = result.z.argmax()
    >>> print(f"{result.mass[best]:.0f} GeV: Z = {result.z[best]:.1f}, {result.mu_hat[best]:.0f} events")
    3000 GeV: Z = 4.2, 120 events
    """

    def __init__(
        self,
        edges: ArrayLike | Bins | hist.Hist[Any],
        counts: ArrayLike | None = None,
        masses: ArrayLike = (),
        signal: Callable[[float], SignalShape] | None = None,
        *,
        function: Function = DIJET,
        sqrt_s: float = SQRT_S,
        max_shape: int | None = None,
        half_range: float | None = None,
        spurious: ArrayLike = 0.0,
        unit: str = "signal events",
        exposure: FloatArray | None = None,
    ) -> None:
        self.resonance = M_JJ
        if counts is None:
            bins = as_bins(edges)
            (edges, counts), exposure, self.resonance = bins, bins.exposure, bins.resonance
        if signal is None:
            raise ConfigError(
                "a scan needs a signal: a function from a mass to its shape, such as gaussian_family(0.03)"
            )
        self.edges, self.counts = np.asarray(edges, dtype=np.float64), np.asarray(counts, dtype=np.float64)
        self.exposure = exposure
        self.masses = np.unique(np.asarray(masses, dtype=np.float64))
        if self.edges.ndim != 1 or self.counts.shape != (len(self.edges) - 1,):
            raise ConfigError(
                f"a scan expects edges (B + 1,) and counts (B,); got {self.edges.shape} and {self.counts.shape}"
            )
        if half_range is not None and not half_range > 0:
            raise ConfigError(f"half_range {half_range}: expected a fraction of the mass above zero, or None")
        outside = self.masses[~((self.masses >= self.edges[0]) & (self.masses <= self.edges[-1]))]
        if not len(self.masses) or len(outside):
            what = "no mass to scan" if not len(outside) else f"mass {outside[0]:g} GeV"
            raise ConfigError(
                f"{what}: expected masses inside the spectrum, {self.edges[0]:g} to {self.edges[-1]:g} GeV"
            )
        self.function, self.sqrt_s, self.max_shape = function, sqrt_s, max_shape
        self.half_range, self.unit = half_range, unit
        self.spurious = _of_each_mass(spurious, len(self.masses))
        signals = (signal(float(mass))(self.edges) for mass in self.masses)
        self.signals = [one if exposure is None else one.scaled(exposure) for one in signals]
        self._fits: dict[bytes, SmoothFit] = {}

    def bins(self, mass: float) -> NDArray[np.bool_]:
        """Return the mask of the bins that are fitted at a mass, shape ``(B,)``."""
        if self.half_range is None:
            return np.ones(len(self.counts), dtype=bool)
        low, high = mass * (1 - self.half_range), mass * (1 + self.half_range)
        return (self.edges[:-1] >= low - 1e-6) & (self.edges[1:] <= high + 1e-6)

    def background(self, bins: NDArray[np.bool_] | None = None) -> SmoothFit:
        """Return the fit without signal to some of the bins, by default to all of them."""
        bins = np.ones(len(self.counts), dtype=bool) if bins is None else bins
        key = bins.tobytes()
        if key not in self._fits:
            self._fits[key] = fit_smooth(
                self.edges,
                self.counts,
                bins,
                sqrt_s=self.sqrt_s,
                max_shape=self.max_shape,
                function=self.function,
                exposure=self.exposure,
            )
        return self._fits[key]

    def expected(self, smooth: SmoothFit) -> FloatArray:
        """Return the counts that a fit of a function expects in each bin, shape ``(B,)``."""
        expected = smooth.expected(self.edges)
        return expected if self.exposure is None else self.exposure * expected

    def model(self, index: int, smooth: SmoothFit | None = None) -> SmoothModel:
        """Return the model of one of the masses, on its own background fit or on another."""
        bins = self.bins(float(self.masses[index]))
        smooth = self.background(bins) if smooth is None else smooth
        signal = self.signals[index]
        events = float(self.spurious[index] * signal.counts.sum())
        if np.isnan(events):
            raise FitError("not fitted, since its spurious signal could not be measured")
        return SmoothModel(smooth, self.edges, signal, bins=bins, spurious=events, exposure=self.exposure)

    def profile(self, index: int) -> Profile:
        """Return the profile likelihood of one of the masses on the data."""
        return Profile(self.model(index), self.counts[self.bins(float(self.masses[index]))])

    def workspaces(self) -> list[tuple[float, Workspace]]:
        """Return each mass with its pyhf workspace, the background linearised (`linearised_workspace`).

        They differ in their signals alone, as a patchset wants; a spurious signal is left out.

        Raises
        ------
        ConfigError
            If each mass has a window of its own, and so another background.
        """
        if self.half_range is not None:
            raise ConfigError("workspaces of a scan need one background: leave half_range out")
        smooth = self.background(np.ones(len(self.counts), dtype=bool))
        return [
            (float(mass), linearised_workspace(smooth, self.edges, self.counts, signal, self.exposure))
            for mass, signal in zip(self.masses, self.signals, strict=True)
        ]

    def run(
        self,
        *,
        limits: bool = True,
        level: float = 0.95,
        calculator: Calculator = "auto",
        toys: int | None = None,
        seed: int = 0,
    ) -> Scan:
        """Fit every mass.

        A mass whose fit fails gives NaN and an entry in `problems`; the others are kept.

        Parameters
        ----------
        limits
            Whether to set upper limits, too.
        level
            Their confidence level.
        calculator
            "asymptotic", "toys", or "auto": toys where fewer than 20 background events are expected under the
            signal's shape.
        toys, seed
            As for `hepflow.stats.inference.infer`.

        Raises
        ------
        ConfigError
            If `level` is not between 0 and 1, the calculator is unknown, or fewer than a hundred toys are asked for.
        """
        check_level(level)
        check_calculator(calculator)
        if toys is not None:
            check_toys(toys)
        columns = np.full((len(self.masses), 10), np.nan)
        chosen, problems = [], []
        for i, mass in enumerate(progress(self.masses, "masses", "mass")):
            try:
                found = infer(
                    self.profile(i),
                    level=level,
                    calculator=calculator,
                    toys=toys,
                    seed=seed + i,
                    limits=limits,
                )
                chosen.append(found.calculator)
                columns[i, :4] = found.z, found.p0, found.mu_hat, found.mu_hat_error
                if found.limit is not None:
                    columns[i, 4:] = found.limit.observed, *found.limit.expected
                problems += [f"{mass:g} GeV: {problem}" for problem in found.problems]
            except HepflowError as error:
                chosen.append("none")
                problems.append(f"{mass:g} GeV: {error}")
        return Scan(
            mass=self.masses,
            z=columns[:, 0],
            p0=columns[:, 1],
            mu_hat=columns[:, 2],
            mu_hat_error=columns[:, 3],
            mu_up_obs=columns[:, 4] if limits else None,
            mu_up_exp=columns[:, 5:] if limits else None,
            calculator=tuple(chosen),
            unit=self.unit,
            level=level,
            problems=tuple(problems),
        )


def _of_each_mass(spurious: ArrayLike, masses: int) -> FloatArray:
    strengths = np.asarray(spurious, dtype=np.float64)
    if strengths.shape not in ((), (masses,)) or np.any((strengths < 0) | np.isinf(strengths)):
        raise ConfigError(
            f"spurious signal {strengths.tolist()}: expected a strength of zero or more, or one for each of the "
            f"{masses} masses"
        )
    return np.broadcast_to(strengths, (masses,))
