"""The look-elsewhere effect: how often the background alone makes an excess as large anywhere in a scan.

From toys, each scanned like the data with the order of its function chosen anew; and from the number of upcrossings
of a low level (E. Gross and O. Vitells, Eur. Phys. J. C 70 (2010) 525, arXiv:1005.1891, eq. 3), which few toys give
and which reaches significances that no toys do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import ndtr
from tqdm import tqdm

from hepflow.errors import FitError
from hepflow.sample import FloatArray
from hepflow.stats.batch import fit_many
from hepflow.stats.fit import discovery
from hepflow.stats.smooth_model import SmoothModel
from hepflow.stats.smooth_toys import SmoothToys
from hepflow.stats.thrown import poisson
from hepflow.stats.toys import check_toys, q0_many, reaches

if TYPE_CHECKING:
    from hepflow.stats.scan import MassScan, Scan

CROSSING = 0.5  # sigma: the level whose upcrossings are counted
_TOGETHER = 500  # toys between two looks at the progress bar


@dataclass(frozen=True, eq=False)
class GlobalSignificance:
    """The largest excess of a scan, and its significance with the look-elsewhere effect.

    Parameters
    ----------
    mass
        Where it is, GeV.
    z_local, p_local
        Its local significance and p-value.
    z, p, p_error
        Global significance, p-value and its statistical error, from toys: ``p = (k + 1) / (T + 1)`` where `k` of `T`
        toys have as much (arXiv:1603.05766, sec. 4), and never below the local one.
    max_z
        Largest local significance of each toy, shape ``(T,)``.
    upcrossings, upcrossings_error
        Mean number of upcrossings of half a standard deviation between the first mass and the last in a toy, and its
        error.
    p_upcrossings, z_upcrossings
        Global p-value and significance from them.
    reached
        How many toys have as much as the data; where it is 0, `p` is an upper bound.
    """

    mass: float
    z_local: float
    p_local: float
    z: float
    p: float
    p_error: float
    max_z: FloatArray
    upcrossings: float
    upcrossings_error: float
    p_upcrossings: float
    z_upcrossings: float
    reached: int = 1

    @property
    def trials(self) -> float:
        """The trial factor, global over local p-value, from the upcrossings."""
        return self.p_upcrossings / self.p_local

    def p_at(self, z: ArrayLike) -> FloatArray:
        """Return the global p-value that the upcrossings give a largest excess of local significance `z`."""
        z = np.asarray(z, dtype=np.float64)
        return p_of_upcrossings(ndtr(-z), z, self.upcrossings)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers without the single toys."""
        numbers = {name: value for name, value in vars(self).items() if name != "max_z"}
        return {**numbers, "trials": self.trials, "toys": len(self.max_z)}


def global_significance(
    scan: MassScan, result: Scan, *, toys: int = 1000, f_test: bool = True, seed: int
) -> GlobalSignificance:
    """Return the global significance of the largest excess.

    Parameters
    ----------
    scan, result
        The scan and what it found in the data.
    toys
        Spectra to throw from the fit without signal to all bins.
    f_test
        Whether each toy chooses the order of its function, as the data did.
    seed
        Of the toys.

    Raises
    ------
    ConfigError
        If fewer than a hundred toys are asked for.
    FitError
        If no mass of the scan has a significance.

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
    >>> found = hf.stats.global_significance(scan, result, toys=200, seed=1)
    >>> found.mass, found.z < found.z_local
    (3000.0, True)
    """
    check_toys(toys)
    found = np.isfinite(result.z)
    if not np.any(found):
        raise FitError("the scan holds no significance: every fit failed; see its problems")
    best = int(np.nanargmax(result.z))
    curves = toy_scans(scan, toys, masses=found, f_test=f_test, seed=seed)
    max_z = curves.max(axis=1)
    z_local, p_local = float(result.z[best]), float(result.p0[best])
    reached = int(reaches(max_z, _largest(scan, result)).sum())
    p = max((reached + 1) / (toys + 1), p_local)  # any mass shows as much at least as often as one
    crossings = np.sum((curves[:, 1:] >= CROSSING) & (curves[:, :-1] < CROSSING), axis=1)
    mean = float(np.mean(crossings))
    by_crossings = float(p_of_upcrossings(p_local, z_local, mean))
    return GlobalSignificance(
        mass=float(result.mass[best]),
        z_local=z_local,
        p_local=p_local,
        z=min(_z(p), z_local),
        p=p,
        p_error=float(np.sqrt(p * (1 - p) / toys)),
        max_z=max_z,
        upcrossings=mean,
        upcrossings_error=float(np.std(crossings) / np.sqrt(toys)),
        p_upcrossings=by_crossings,
        z_upcrossings=_z(by_crossings),
        reached=reached,
    )


def p_of_upcrossings(p_local: ArrayLike, z_local: ArrayLike, upcrossings: float) -> FloatArray:
    """Return the global p-value of excesses from the mean number of upcrossings of `CROSSING`.

    E. Gross and O. Vitells, arXiv:1005.1891, eq. 3: ``p + N exp(-(Z^2 - u^2) / 2)``, an upper bound that is close
    where it is small; 1 where it is larger.
    """
    p, z = np.asarray(p_local, dtype=np.float64), np.asarray(z_local, dtype=np.float64)
    return np.minimum(p + upcrossings * np.exp(-0.5 * (z**2 - CROSSING**2)), 1.0)


def toy_scans(
    scan: MassScan,
    toys: int,
    *,
    masses: NDArray[np.bool_] | None = None,
    f_test: bool = True,
    signed: bool = False,
    seed: int,
) -> FloatArray:
    """Return the local significance of each mass in each toy, shape ``(T, M)``; with `signed`, of deficits, too.

    `masses` is a mask (of the scan's masses) of those to scan, by default all.
    """
    rng = np.random.default_rng(seed)
    chosen = range(len(scan.masses)) if masses is None else np.flatnonzero(masses).tolist()
    whole = scan.background()
    mean = scan.expected(whole)
    toy_fits = partial(
        SmoothToys, scan.edges, mean, whole, max_shape=scan.max_shape, f_test=f_test, exposure=scan.exposure
    )
    windows: dict[bytes, tuple[NDArray[np.bool_], list[int]]] = {}
    for i in chosen:
        bins = scan.bins(float(scan.masses[i]))
        windows.setdefault(bins.tobytes(), (bins, []))[1].append(i)
    fits = [(toy_fits(bins), members) for bins, members in windows.values()]
    # one draw for all masses: what shifts a signal, or fakes one, changes little from one to the next
    constrained = 1 + max(len(signal.variations) for signal in scan.signals)
    z = np.zeros((toys, len(scan.masses)))
    with tqdm(total=toys, desc="toys", leave=False, disable=None) as bar:
        for first in range(0, toys, _TOGETHER):
            part = slice(first, min(first + _TOGETHER, toys))
            counts = poisson(rng, mean, (part.stop - part.start, len(mean))).astype(float)
            pulls = rng.standard_normal((len(counts), constrained))
            for one, members in fits:
                z[part, members] = _scan_toys(scan, one, members, counts, pulls, signed)
            bar.update(part.stop - part.start)
    return z[:, chosen]


def _scan_toys(
    scan: MassScan, fits: SmoothToys, members: list[int], counts: FloatArray, pulls: FloatArray, signed: bool
) -> FloatArray:
    """Return the local significance at some masses (T, m) of toys (T, B) with auxiliary data `pulls` (T, A)."""
    z = np.zeros((len(counts), len(members)))
    for group in fits.fit(counts):
        data = counts[group.rows][:, fits.bins]
        for column, index in enumerate(members):
            model = scan.model(index, group.smooth)
            start = np.broadcast_to(model.init, (len(data), len(model.names))).copy()
            start[:, 1 : 1 + group.coefficients.shape[1]] = group.coefficients
            seen = np.concatenate([data, pulls[group.rows, : len(model.auxiliary)]], axis=1)
            if scan.spurious[index]:
                q = q0_many(model, seen, start, signed=signed)
            else:
                q = _q0(model, seen, start, group.value, signed)
            z[group.rows, column] = np.sign(q) * np.sqrt(np.abs(q))
    return z


def _q0(
    model: SmoothModel,
    data: FloatArray,
    start: FloatArray,
    background: FloatArray,
    signed: bool,
) -> FloatArray:
    """Return the signed discovery statistic where the fit without signal is the same for all masses."""
    rates, jacobian = model.rates(start)
    slope = np.sum((1.0 - data[:, : model.n_bins] / rates) * jacobian[..., model.poi], axis=1)
    excess = slope < 0
    fitted = excess | signed
    q = np.zeros(len(data))
    if np.any(fitted):
        free = fit_many(model, data[fitted], start[fitted])
        q[fitted] = np.maximum(background[fitted] - free.value, 0.0)
    return np.where(excess, q, -q)


def _largest(scan: MassScan, result: Scan) -> float:
    """Return the largest root of q0 in the data: what toys show, also where p-values are not asymptotic."""
    z = result.z.copy()
    for i in np.flatnonzero(np.isfinite(z) & (np.array(result.calculator) == "toys")):
        z[i] = discovery(scan.profile(int(i))).z
    return float(np.nanmax(z))


def _z(p: float) -> float:
    return max(float(stats.norm.isf(p)), 0.0)
