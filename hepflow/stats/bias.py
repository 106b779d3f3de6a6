"""The bias test: how much signal the choice of a smooth function fakes, or hides.

Spectra of alternative functions, fitted to the data, take the place of the data. The signal that the nominal
function finds in their expectation is the *spurious signal* (ATLAS, Phys. Lett. B 716 (2012) 1, sec. 5); the mean
pull over toys of them, with or without a signal injected, is the *bias* in units of the statistical error. The
largest spurious signal becomes a nuisance parameter (`MassScan(..., spurious=...)`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from hepflow.errors import ConfigError, FitError
from hepflow.records import without_nan
from hepflow.sample import FloatArray
from hepflow.smooth import FUNCTIONS, Function, fit_smooth
from hepflow.stats.batch import errors, fit_many
from hepflow.stats.smooth_toys import SmoothToys
from hepflow.stats.thrown import poisson
from hepflow.stats.toys import check_toys

if TYPE_CHECKING:
    from hepflow.stats.scan import MassScan

TOYS = 500
_TOLERATED = 0.01  # share of toys without a pull: what they move the mean by is within its error
NEGLIGIBLE = 0.5  # of the statistical error: the bias up to which coverage hardly suffers


@dataclass(frozen=True, eq=False)
class BiasTest:
    """Bias of a smooth function against alternatives, `F` functions at `M` masses.

    Parameters
    ----------
    mass
        GeV, shape ``(M,)``.
    functions, shape_parameters
        The alternatives and their orders, each fitted to the data, length `F`.
    spurious
        Signal strength that the nominal function finds in their expectation, ``(F, M)``; NaN where that failed.
    pull, pull_error
        Mean of ``(mu_hat - mu) / error`` over toys, and its statistical error, ``(F, M)``; NaN where the toys do not
        determine it.
    injected
        Signal strength in the toys, ``(M,)``.
    left_out
        Alternatives that do not describe the data, and so say nothing.
    problems
        What could not be measured at single masses, and why.
    """

    mass: FloatArray
    functions: tuple[str, ...]
    shape_parameters: tuple[int, ...]
    spurious: FloatArray
    pull: FloatArray
    pull_error: FloatArray
    injected: FloatArray
    left_out: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def size(self) -> FloatArray:
        """The largest spurious signal of any alternative at each mass, without its sign, ``(M,)``; else NaN."""
        return np.asarray(np.max(np.abs(self.spurious), axis=0))

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists; NaN becomes None."""
        arrays = ("mass", "spurious", "pull", "pull_error", "injected", "size")
        names = ("functions", "shape_parameters", "left_out", "problems")
        return {
            **{name: without_nan(getattr(self, name)) for name in arrays},
            **{name: list(getattr(self, name)) for name in names},
        }


def bias_test(
    scan: MassScan,
    alternatives: Sequence[Function] | None = None,
    *,
    injected: FloatArray | float = 0.0,
    toys: int = TOYS,
    f_test: bool = True,
    seed: int,
) -> BiasTest:
    """Test the function of a scan against alternatives.

    Parameters
    ----------
    scan
        Its function, spectrum, masses and signal.
    alternatives
        Functions to throw from; by default all of `hepflow.smooth.FUNCTIONS` but the scan's own.
    injected
        Signal strength to add to the toys, a number or one for each mass (M,).
    toys
        Of each alternative, at each mass.
    f_test
        Whether each toy chooses the order of the nominal function, as the data did.
    seed
        Of the toys.

    Raises
    ------
    ConfigError
        If fewer than a hundred toys are asked for, there is no alternative, or `injected` has another length than
        the masses.
    FitError
        If no alternative describes the data.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> edges = np.arange(2000.0, 5001.0, 100.0)
    >>> counts = -np.diff(1e4 * (edges / 2000) ** -6)
    >>> scan = hf.stats.MassScan(edges, counts.round(), [3000], hf.stats.gaussian_family(0.03))
    >>> bias = hf.stats.bias_test(scan, [hf.smooth.UA2], toys=100, seed=1)
    >>> bias.spurious.shape
    (1, 1)
    >>> bool(bias.size[0] < 10)  # signal events
    True
    """
    check_toys(toys)
    if alternatives is None:
        alternatives = [function for function in FUNCTIONS.values() if function.name != scan.function.name]
    if not alternatives:
        raise ConfigError("a bias test needs an alternative function: give one of hepflow.smooth.FUNCTIONS")
    strengths = np.asarray(injected, dtype=np.float64)
    if strengths.shape not in ((), scan.masses.shape) or not np.all(np.isfinite(strengths)):
        raise ConfigError(
            f"injected signal {strengths.tolist()}: expected a strength, or one for each of the "
            f"{len(scan.masses)} masses"
        )
    strengths = np.broadcast_to(strengths, scan.masses.shape)
    everywhere = np.ones(len(scan.counts), dtype=bool)
    fits, left_out = {}, []
    for function in alternatives:
        try:
            fit = fit_smooth(
                scan.edges,
                scan.counts,
                everywhere,
                sqrt_s=scan.sqrt_s,
                function=function,
                exposure=scan.exposure,
            )
        except FitError:
            left_out.append(function.name)
            continue
        if fit.adequate:
            fits[function.name] = fit
        else:
            left_out.append(function.name)
    if not fits:
        raise FitError(
            f"none of the functions {', '.join(left_out)} describes the spectrum: no bias can be measured; narrow "
            "the fit's range, or give other alternatives"
        )
    rng = np.random.default_rng(seed)
    spurious, pull, pull_error = np.full((3, len(fits), len(scan.masses)), np.nan)
    problems = []
    with tqdm(total=spurious.size, desc="bias", leave=False, disable=None) as bar:
        for row, (name, fit) in enumerate(fits.items()):
            mean = scan.expected(fit)
            for column, mass in enumerate(scan.masses):
                shifted = mean + strengths[column] * scan.signals[column].counts
                thrown = poisson(rng, shifted, (toys, len(mean))).astype(float)
                try:
                    spurious[row, column] = _strengths(scan, column, mean, mean[None], f_test)[0][0]
                    found, error = _strengths(scan, column, shifted, thrown, f_test)
                    pull[row, column], pull_error[row, column] = _pull(found - strengths[column], error)
                except FitError as problem:
                    problems.append(f"bias test against {name} at {mass:g} GeV: {problem}")
                bar.update()
    return BiasTest(
        mass=scan.masses,
        functions=tuple(fits),
        shape_parameters=tuple(fit.n_shape for fit in fits.values()),
        spurious=spurious,
        pull=pull,
        pull_error=pull_error,
        injected=strengths,
        left_out=tuple(left_out),
        problems=tuple(problems),
    )


def _pull(away: FloatArray, error: FloatArray) -> tuple[float, float]:
    """Return the mean pull of toys (T,), and its statistical error."""
    known = np.isfinite(away) & np.isfinite(error) & (error > 0)
    lost = int(np.sum(~known))
    if lost > _TOLERATED * len(known):
        raise FitError(
            f"{lost} of {len(known)} toys have too few events to determine the signal strength, so that no pull is "
            "given; leave the mass out, widen --window, or end the scan where events still are"
        )
    pulls = away[known] / error[known]
    return float(np.mean(pulls)), float(np.std(pulls) / np.sqrt(len(pulls)))


def _strengths(
    scan: MassScan, index: int, expected: FloatArray, counts: FloatArray, f_test: bool
) -> tuple[FloatArray, FloatArray]:
    """Return best-fit signal strengths of spectra (T, B) at one mass, and their errors, both ``(T,)``."""
    bins = scan.bins(float(scan.masses[index]))
    fits = SmoothToys(
        scan.edges,
        expected,
        scan.background(bins),
        bins,
        max_shape=scan.max_shape,
        f_test=f_test,
        exposure=scan.exposure,
    )
    strength, error = np.empty(len(counts)), np.empty(len(counts))
    for group in fits.fit(counts):
        model = scan.model(index, group.smooth)
        data = model.data(counts[group.rows][:, bins])
        start = np.broadcast_to(model.init, (len(data), len(model.names))).copy()
        start[:, 1 : 1 + group.coefficients.shape[1]] = group.coefficients
        found = fit_many(model, data, start)
        strength[group.rows] = found.x[:, model.poi]
        error[group.rows] = errors(model, data, found.x, model.poi)
    return strength, error
