"""What stands between a table and the flows that learn it: chains of bijections, built from training rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Literal

import numpy as np

from hepflow.errors import ConfigError, InputError
from hepflow.flows.across import ACROSS, Across, asked
from hepflow.flows.angles import Periodic, periods
from hepflow.flows.bijections import Bijection, Chain, Dequantise, GaussRank, Log, MinMaxLogit, Standardise
from hepflow.flows.ranks import SmoothRank
from hepflow.sample import FloatArray

Ranks = Literal["quantiles", "smooth", "all"]
RANKS: Mapping[Ranks, Callable[[FloatArray], Bijection]] = {
    "quantiles": GaussRank.fit,
    "smooth": SmoothRank.fit,
    "all": GaussRank.of_all,
}


def logit_preprocessing(
    x: FloatArray,
    names: tuple[str, ...],
    *,
    discrete: Collection[str] = (),
    logarithm: Collection[str] = (),
    periodic: Collection[str] | Mapping[str, float] = (),
    across: Iterable[Across] = (),
    ranks: Ranks = "quantiles",
) -> Chain:
    """Build the preprocessing from training rows (N, D).

    Min-max, logit and standardise are CATHODE's (arXiv:2109.00546, sec. III B); ranks mend what the logit leaves at
    the bounds.

    Parameters
    ----------
    x, names
        Training rows and the names of their columns.
    discrete, logarithm
        Columns to dequantise, and to take the logarithm of, before all else.
    periodic
        Angles, of the period 2 pi or of that which a mapping gives. Each is cut open where the fewest rows are, its
        bounds are one period apart, and samples come back in (-period / 2, period / 2] or [0, period), as the rows.
    across
        What is done across columns, in this order, before angles are cut and logarithms taken:
        ``{"mass": [pt1, eta1, phi1, pt2, eta2, phi2]}`` puts a mass in the place of pt1; ``{"relative": [phi2,
        phi1]}`` a difference in that of the first; ``{"shares": [...]}`` makes log-ratios of shares that add up to
        less than one; ``{"parts": [...]}`` a total, in the place of the last, and log-ratios of amounts. What other
        options say of a column is said of what then stands in its place.
    ranks
        ``quantiles`` makes columns normal by 41 quantiles; ``smooth`` by as many as each asks for, without steps in
        the slope (`SmoothRank`); ``all`` by the rank of every row (arXiv:2310.08994): right for drawing samples,
        while the log-density is as rough as the distances of neighbours.

    Raises
    ------
    ConfigError
        If an option names no column, or makes no sense for one.
    InputError
        If a column is not finite, constant, has only two values and is not said to be discrete, or rows lie where a
        bijection is not defined.
    """
    _check_columns(x, names, discrete)
    if ranks not in RANKS:
        raise ConfigError(f"ranks: {ranks!r}; expected one of {', '.join(RANKS)}")
    period = periods(names, periodic)
    for name in (*discrete, *logarithm):
        if name in period:
            raise ConfigError(
                f"feature {name!r} has a period, and is said to be discrete or taken the logarithm of: expected one "
                "of these"
            )
    parts: list[Bijection] = []

    def add(part: Bijection) -> None:
        nonlocal x
        parts.append(part)
        x = part.forward(x)[0]

    if discrete:
        add(Dequantise.fit(x, names, discrete))
    shown = list(names)
    for what, columns in asked(names, across):
        before = x
        add(ACROSS[what](x, names, columns, period))
        for column in np.flatnonzero((x != before).any(axis=0)):
            shown[column] = f"{names[column]} ({what})"
    angles = Periodic.fit(x, names, period)
    if period:
        add(angles)
    if logarithm:
        add(Log.fit(x, names, logarithm))
    bounds = MinMaxLogit.fit(x, tuple(shown))
    add(MinMaxLogit(*angles.bounds(bounds.low, bounds.high)))
    add(Standardise.fit(x))
    add(RANKS[ranks](x))
    return Chain(tuple(parts))


def standard_preprocessing(x: FloatArray, names: tuple[str, ...]) -> Standardise:
    """Shift and scale the columns alone: for those without bounds, whose density is to reach as far as anyone asks.

    Parameters
    ----------
    x, names
        Training rows (N, D) and the names of their columns.

    Raises
    ------
    InputError
        If a column is not finite or constant.
    """
    MinMaxLogit.fit(x, names)  # which names a column that cannot be learned
    return Standardise.fit(x)


PREPROCESSINGS = {  # those that a file can name
    one.__name__: one for one in (logit_preprocessing, standard_preprocessing)
}


def _check_columns(x: FloatArray, names: tuple[str, ...], discrete: Collection[str]) -> None:
    """Refuse columns that no density can be learned of."""
    for name, column in zip(names, x.T, strict=True):
        if not np.isfinite(column).all():
            bad = int(np.sum(~np.isfinite(column)))
            raise InputError(
                f"feature {name!r} holds NaN or infinite values in {bad:,} of {len(column):,} events; "
                "drop those events first"
            )
        middle = column[(column > column.min()) & (column < column.max())]
        if len(column) > 2 and not len(middle) and np.ptp(column) > 0 and name not in discrete:
            raise InputError(
                f"feature {name!r} has only the two values {column.min():g} and {column.max():g}; leave it out, or "
                "name it among the discrete features"
            )
