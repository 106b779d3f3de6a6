"""Strengths as cross-sections, curves from files to compare with, and the p-values expected of a signal."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from hepflow.errors import ConfigError, FitError, InputError
from hepflow.sample import FloatArray
from hepflow.stats.fit import expected_significance
from hepflow.stats.scan import MassScan, Scan
from hepflow.text import FEMTOBARN


def in_femtobarn(scan: Scan, luminosity: float, efficiency: ArrayLike = 1.0, events: ArrayLike = 1.0) -> Scan:
    r"""Return a scan whose strengths are cross-sections times branching ratio times acceptance.

    A strength :math:`\mu` of `events` each stands for :math:`\sigma B A = \mu\,n / (L\,\epsilon)`.

    Parameters
    ----------
    scan
        What `MassScan.run` returned.
    luminosity
        Integrated, inverse femtobarn.
    efficiency
        Share of the accepted signal that is selected, one number or one a mass; with that of generated events in its
        place, cross-sections times branching ratio.
    events
        Signal events at strength one, likewise.

    Raises
    ------
    ConfigError
        If one of them makes no sense.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> edges = np.arange(2000.0, 5001.0, 100.0)
    >>> counts = -np.diff(1e4 * (edges / 2000) ** -6)
    >>> scan = hf.stats.MassScan(edges, counts, [3000], hf.stats.gaussian_family(0.03))
    >>> events = scan.run(calculator="asymptotic")
    >>> limits = hf.stats.in_femtobarn(events, luminosity=100, efficiency=0.5)
    >>> print(f"{events.mu_up_exp[0, 2] / limits.mu_up_exp[0, 2]:.0f} events a femtobarn")
    50 events a femtobarn
    """
    share = np.asarray(efficiency, dtype=np.float64)
    yields = np.asarray(events, dtype=np.float64)
    if not (0 < luminosity < np.inf):
        raise ConfigError(f"luminosity {luminosity}: expected inverse femtobarn above zero")
    if not np.all((share > 0) & (share <= 1)):
        raise ConfigError(f"efficiency {share.tolist()}: expected above 0 and at most 1")
    if not np.all((yields > 0) & np.isfinite(yields)):
        raise ConfigError(f"signal of {yields.tolist()} events at strength one: expected above zero")
    factor = np.broadcast_to(yields / (luminosity * share), scan.mass.shape)
    return replace(
        scan,
        mu_hat=scan.mu_hat * factor,
        mu_hat_error=scan.mu_hat_error * factor,
        mu_up_obs=None if scan.mu_up_obs is None else scan.mu_up_obs * factor,
        mu_up_exp=None if scan.mu_up_exp is None else scan.mu_up_exp * factor[:, None],
        unit=FEMTOBARN,
    )


def expected_p0(scan: MassScan, strength: ArrayLike) -> FloatArray:
    """Return the median p-value expected of a signal at each mass, shape ``(M,)``; NaN where a fit fails.

    Parameters
    ----------
    scan
        With M masses.
    strength
        Of the signal, one number or one a mass, above zero; NaN for none.
    """
    strengths = np.broadcast_to(np.asarray(strength, dtype=np.float64), scan.masses.shape)
    found = np.full(len(strengths), np.nan)
    for index, mu in enumerate(strengths):
        if np.isfinite(mu):
            try:
                found[index] = ndtr(-expected_significance(scan.profile(index), mu=float(mu)))
            except FitError:
                continue
    return found


def read_curve(path: str | Path) -> tuple[FloatArray, FloatArray]:
    """Read a curve against mass: a CSV file with a mass in GeV and a value a row, such as a theory in femtobarn.

    A header, empty lines and what follows a ``#`` are skipped; rows are sorted by mass.

    Raises
    ------
    InputError
        If the file cannot be read, or a row is not two numbers above zero; the message names the line.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as a curve ({error})") from None
    rows: list[tuple[float, float]] = []
    headed = False
    for number, line in enumerate(lines, start=1):
        cells = [cell.strip() for cell in next(csv.reader([line.partition("#")[0]]), [])]
        if not any(cells):
            continue
        try:
            mass, value = map(float, cells)
        except ValueError:
            if rows or headed:
                raise InputError(f"{path}, line {number}: {line!r}; expected a mass and a value") from None
            headed = True
            continue
        if not (0 < mass < np.inf and 0 < value < np.inf):
            raise InputError(f"{path}, line {number}: {line!r}; expected a mass and a value above zero")
        rows.append((mass, value))
    if not rows:
        raise InputError(f"{path}: no row with a mass and a value, such as 3000,12.5")
    masses, values = np.array(sorted(rows)).T
    if np.any(np.diff(masses) == 0):
        raise InputError(f"{path}: the mass {masses[:-1][np.diff(masses) == 0][0]:g} stands there twice")
    return masses, values


def curve_at(curve: tuple[FloatArray, FloatArray], mass: ArrayLike) -> FloatArray:
    """Return a curve's values at masses, its logarithm linear between points; NaN beyond the first and the last."""
    at, (masses, values) = np.asarray(mass, dtype=np.float64), curve
    found: FloatArray = np.exp(np.interp(at, masses, np.log(values), left=np.nan, right=np.nan))
    return found
