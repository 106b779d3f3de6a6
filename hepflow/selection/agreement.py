"""Agreement of methods on the same data: which events they select, and how their scores correlate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from hepflow.errors import ConfigError
from hepflow.sample import FloatArray
from hepflow.selection.scores import Scores
from hepflow.selection.truth import binomial_error


@dataclass(frozen=True, eq=False)
class Agreement:
    """A symmetric matrix of methods, ones on its diagonal.

    Parameters
    ----------
    names
        The M methods.
    value, error
        Shapes ``(M, M)``; NaN where two methods have nothing to compare.
    """

    names: tuple[str, ...]
    value: FloatArray
    error: FloatArray


def selection_overlap(scores: Mapping[str, Scores], background_efficiency: float) -> Agreement:
    r"""Return the share of the selected data events in the signal region that two methods have in common.

    Of the events A and B behind the two cuts it is :math:`|A \cap B| / |A \cup B|`, with a binomial error.

    Parameters
    ----------
    scores
        Name -> scores of the same data.
    background_efficiency
        Of each method's cut, as in `hepflow.selection.cuts`.

    Raises
    ------
    ConfigError
        If the data differ from method to method.
    """
    _check(scores)
    passing = [one.data.score > one.template.quantile(background_efficiency) for one in scores.values()]
    result = _nothing(scores)
    for i, j in combinations(range(len(passing)), 2):
        either = int(np.sum(passing[i] | passing[j]))
        if either:
            share = float(np.sum(passing[i] & passing[j])) / either
            _set(result, i, j, share, binomial_error(share, either))
    return result


def score_correlation(scores: Mapping[str, Scores]) -> Agreement:
    """Return Spearman's rank correlation of the scores of background in the signal region.

    Data that labels call signal are left out; without labels all data count.

    Parameters
    ----------
    scores
        Name -> scores of the same data.

    Raises
    ------
    ConfigError
        If the data differ from method to method.

    Notes
    -----
    Ranks, since the scale of a score differs from method to method and no cut depends on it. The error is that of
    Bonett and Wright (Psychometrika 65 (2000) 23).
    """
    label = _check(scores).data.sample.label
    values = [one.data.score if label is None else one.data.score[label == 0] for one in scores.values()]
    result = _nothing(scores)
    for i, j in combinations(range(len(values)), 2):
        if min(np.ptp(values[i]), np.ptp(values[j])) > 0:
            _set(result, i, j, *rank_correlation(values[i], values[j]))
    return result


def mass_correlation(scores: Scores) -> tuple[float, float] | None:
    """Return the rank correlation of score and resonant variable in the data of the sidebands, with its error.

    Both sidebands lie far apart, so that it sees a slow drift that a cut would make a shape of. None where all scores
    are equal, or there are fewer than four events.
    """
    score, mass = scores.sidebands.score, scores.sidebands.sample.mass
    if len(score) < 4 or np.ptp(score) == 0:
        return None
    return rank_correlation(score, mass)


def rank_correlation(one: FloatArray, other: FloatArray) -> tuple[float, float]:
    """Return Spearman's correlation of two columns (N,) that are not constant, N at least four, and its error."""
    rho = float(stats.spearmanr(one, other).statistic)
    return rho, float(np.sqrt((1 + rho**2 / 2) / (len(one) - 3)) * (1 - rho**2))


def _check(scores: Mapping[str, Scores]) -> Scores:
    """Return the first scores, after a look at whether all are of the same data."""
    (name, first), *others = scores.items()
    for other, one in others:
        if not np.array_equal(one.data.sample.mass, first.data.sample.mass):
            raise ConfigError(
                f"{other} was run on other data than {name}; compare methods on the same events"
            )
    return first


def _nothing(scores: Mapping[str, Scores]) -> Agreement:
    """Return a matrix of NaN with ones on the diagonal."""
    value = np.full((len(scores), len(scores)), np.nan)
    np.fill_diagonal(value, 1.0)
    return Agreement(tuple(scores), value, np.where(np.isnan(value), np.nan, 0.0))


def _set(agreement: Agreement, i: int, j: int, value: float, error: float) -> None:
    agreement.value[[i, j], [j, i]] = value
    agreement.error[[i, j], [j, i]] = error
