"""BumpHunter: the window of a spectrum with the most significant excess, and its global p-value from toys.

The hypertest of arXiv:1101.0390, section 2. Every window of neighbouring bins has a local p-value, that of a
Poisson count; the smallest of them is the test statistic, and toys of the background say how often one as small
appears somewhere.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from hepflow.errors import ConfigError, InputError
from hepflow.sample import FloatArray
from hepflow.stats.bin_windows import BinWindows, Refit
from hepflow.text import with_error


@dataclass(frozen=True, eq=False)
class BumpHunterResult:
    """The most significant window of a spectrum.

    Parameters
    ----------
    edges
        Bin edges, shape ``(B + 1,)``, GeV.
    observed, expected
        Events per bin, shape ``(B,)``; with sidebands, the expectation as normalised outside the window.
    first_bin, width
        Index of the window's first bin (the first of the spectrum is 0), and its width in bins.
    n_obs, n_exp
        Events observed and expected in the window.
    statistic
        ``-ln p`` with the local p-value of the window. 0 where no window has an excess: the window then is the
        first that was tested, and says nothing.
    toy_statistics
        The same of each toy, shape ``(toys,)``.
    n_windows
        How many windows were tested.
    deficit
        True where a deficit was looked for in place of an excess.
    """

    edges: FloatArray
    observed: FloatArray
    expected: FloatArray
    first_bin: int
    width: int
    n_obs: float
    n_exp: float
    statistic: float
    toy_statistics: FloatArray
    n_windows: int
    deficit: bool = False

    @property
    def window(self) -> tuple[float, float]:
        """The window ``[low, high)``, GeV."""
        return float(self.edges[self.first_bin]), float(self.edges[self.first_bin + self.width])

    @property
    def local_p(self) -> float:
        """Probability of a count in this window at least as far from the expectation."""
        return float(np.exp(-self.statistic))

    @property
    def global_p(self) -> float:
        """Probability of a window as significant anywhere, ``(k + 1) / (toys + 1)``.

        `k` toys have a statistic as large. The data count as one toy more, so that the p-value is never 0 and never
        too small (arXiv:1603.05766, sec. 4).
        """
        return float((np.sum(self.toy_statistics >= self.statistic) + 1) / (len(self.toy_statistics) + 1))

    @property
    def global_p_error(self) -> float:
        """Binomial error of `global_p`, from the number of toys."""
        return float(np.sqrt(self.global_p * (1 - self.global_p) / len(self.toy_statistics)))

    @property
    def global_z(self) -> float:
        """Significance of `global_p`, one-sided; 0 where that is above one half."""
        return max(0.0, -float(ndtri(self.global_p)))

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers, without spectrum and toys, as JSON has them."""
        names = ("first_bin", "width", "n_obs", "n_exp", "statistic", "n_windows", "deficit")
        derived = ("local_p", "global_p", "global_p_error", "global_z")
        numbers = {name: getattr(self, name) for name in (*names, *derived)}
        return {"window": list(self.window), **numbers, "toys": len(self.toy_statistics)}

    def __str__(self) -> str:
        what = "deficit" if self.deficit else "excess"
        if self.statistic == 0:
            return f"no {what} in any of {self.n_windows} windows"
        low, high = self.window
        found = f"p = {with_error(self.global_p, self.global_p_error)}, Z = {self.global_z:.2f}"
        if np.all(self.toy_statistics < self.statistic):
            found = f"p < {self.global_p:.1g}, Z > {self.global_z:.2f}: no toy has as much"
        return (
            f"largest {what} at {low:g}-{high:g} GeV: {self.n_obs:g} events, {self.n_exp:.4g} expected, "
            f"local p = {self.local_p:.3g}; global {found}"
        )


def bumphunter(
    edges: ArrayLike,
    observed: ArrayLike,
    expected: ArrayLike,
    *,
    widths: tuple[int, int] | None = None,
    step: int = 1,
    sidebands: bool = False,
    deficit: bool = False,
    refit: Refit | None = None,
    toys: int = 10_000,
    seed: int,
) -> BumpHunterResult:
    """Find the most significant excess in a spectrum, wherever it is and however wide (arXiv:1101.0390).

    A window with `n` events where `b` are expected has ``p = sum_(k >= n) b^k e^-b / k!`` if ``n > b`` and 1
    otherwise. Windows run from the first bin with an expectation to the last; those in which nothing is expected
    are not tested. The expectation is taken as exact: an error of the background has no part in the local p-value.
    Nor has it in the global one, unless toys are fitted like the data (`refit`). A fit to the spectrum itself follows
    its fluctuations; toys that keep the expectation of the data then have larger excesses, and p is too large.

    Parameters
    ----------
    edges
        Bin edges, shape ``(B + 1,)``, GeV.
    observed, expected
        Events per bin, shape ``(B,)``.
    widths
        Narrowest and widest window, in bins; from one bin to half of them by default.
    step
        Bins from one window to the next of the same width.
    sidebands
        Scale the expectation in each window, also for each toy, to the events outside the window; only its shape
        then matters. A strong signal outside the window raises the expectation in it.
    deficit
        Look for the largest deficit, ``p = sum_(k <= n) b^k e^-b / k!`` if ``n < b``.
    refit
        Where `expected` is a fit to `observed`: a function from toys (T, B) to what the same fit to each of them
        expects, (T, B), such as `SmoothToys.expected`.
    toys
        Spectra to throw; one as significant as 3 sigma, global, needs several thousand.
    seed
        Seed of the toys; the same seed gives the same result.

    Raises
    ------
    ConfigError
        If the shapes disagree, the edges do not increase, a window would be wider than the spectrum,
        `step` or `toys` is less than 1, or both `sidebands` and `refit` are asked for.
    InputError
        If an entry is negative or not finite, nothing is expected in any bin, or no window can be tested.

    Warns
    -----
    UserWarning
        If events lie below or above all expectation: no window contains them.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> edges = np.arange(2000.0, 5001.0, 100.0)
    >>> counts = -np.diff(1e4 * (edges / 2000) ** -6)
    >>> observed = counts.round()
    >>> observed[12:14] += [60, 40]
    >>> found = hf.stats.bumphunter(edges, observed, counts, toys=200, seed=1)
    >>> edges[found.first_bin : found.first_bin + found.width + 1]
    array([3200., 3300., 3400.])
    >>> print(f"{found.n_obs:.0f} events, {found.n_exp:.0f} expected")
    281 events, 182 expected
    """
    edges, observed, expected = _checked_spectra(edges, observed, expected)
    if step < 1 or toys < 1:
        raise ConfigError(f"BumpHunter: expected a step and toys of 1 or more; got step {step}, toys {toys}")
    if sidebands and refit is not None:
        raise ConfigError("BumpHunter: sidebands scale the expectation, refit fits it anew; give one of them")
    tested = _tested_bins(edges, observed, expected)
    data, background = observed[tested, np.newaxis], expected[tested]
    widths = _checked_widths(widths, len(expected))
    windows = BinWindows.over(background, widths, step, sidebands=sidebands, deficit=deficit)
    counts, yields = windows.counts(data)
    found = windows.minus_log_p(counts, yields)
    best = int(np.argmax(found))
    scale = float(yields[best, 0] / windows.yields[best])  # 1 without sidebands
    if sidebands:  # toys get the normalisation of the data, on which their fluctuations hang
        background = background * (data.sum() / windows.total)
    return BumpHunterResult(
        edges,
        observed,
        scale * expected,
        first_bin=int(tested.start + windows.first[best]),
        width=int(windows.stop[best] - windows.first[best]),
        n_obs=float(counts[best, 0]),
        n_exp=float(yields[best, 0]),
        statistic=float(found[best, 0]),
        toy_statistics=windows.throw(
            background,
            toys,
            np.random.default_rng(seed),
            None if refit is None else _within(refit, tested, expected),
        ),
        n_windows=len(windows.first),
        deficit=deficit,
    )


def _within(refit: Refit, tested: slice, expected: FloatArray) -> Refit:
    """Return `refit` for toys of the tested bins alone; nothing is expected in the others, nor thrown."""

    def fitted(toys: FloatArray) -> FloatArray:
        spectra = np.zeros((len(toys), len(expected)))
        spectra[:, tested] = toys
        return refit(spectra)[:, tested]

    return fitted


def _checked_spectra(
    edges: ArrayLike, observed: ArrayLike, expected: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    edges, observed, expected = (np.asarray(a, dtype=np.float64) for a in (edges, observed, expected))
    if edges.ndim != 1 or not observed.shape == expected.shape == (len(edges) - 1,):
        raise ConfigError(
            "BumpHunter: expected edges (B + 1,), observed (B,) and expected (B,); "
            f"got {edges.shape}, {observed.shape} and {expected.shape}"
        )
    for low, high in pairwise(edges):
        if not low < high or not np.isfinite(high - low):
            raise ConfigError(f"BumpHunter: edge {high:g} GeV after {low:g} GeV; expected increasing edges")
    for name, column in {"observed": observed, "expected": expected}.items():
        bad = np.flatnonzero(~np.isfinite(column) | (column < 0))
        if len(bad):
            raise InputError(
                f"BumpHunter: {name} is {column[bad[0]]:g} in bin {edges[bad[0]]:g}-{edges[bad[0] + 1]:g} GeV; "
                "expected finite numbers, zero or more"
            )
    return edges, observed, expected


def _checked_widths(widths: tuple[int, int] | None, bins: int) -> tuple[int, int]:
    narrowest, widest = (1, max(1, bins // 2)) if widths is None else widths
    if not 1 <= narrowest <= widest <= bins:
        raise ConfigError(
            f"BumpHunter: widths ({narrowest}, {widest}); expected (narrowest, widest) window in bins, between 1 "
            f"and the {bins} of the spectrum"
        )
    return narrowest, widest


def _tested_bins(edges: FloatArray, observed: FloatArray, expected: FloatArray) -> slice:
    """Return the bins from the first to the last in which events are expected."""
    filled = np.flatnonzero(expected)
    if not len(filled):
        raise InputError("BumpHunter: no events are expected in any bin; check the background")
    tested = slice(int(filled[0]), int(filled[-1]) + 1)
    lost = observed.sum() - observed[tested].sum()
    if lost > 0:
        warnings.warn(
            f"BumpHunter: {lost:g} events lie where none are expected, outside {edges[tested.start]:g}-"
            f"{edges[tested.stop]:g} GeV, and are not tested: extend the background, or merge those bins",
            stacklevel=3,
        )
    return tested
