"""Compare two samples by several tests at once, with the same replicas for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hepflow.errors import ConfigError, did_you_mean
from hepflow.importance import effective_size
from hepflow.progress import progress
from hepflow.sample import FloatArray
from hepflow.twosample.classifier import ClassifierTest
from hepflow.twosample.cumulative import KolmogorovSmirnov, SlicedWasserstein, Wasserstein
from hepflow.twosample.histograms import ChiSquare, Hellinger, KullbackLeibler
from hepflow.twosample.kernel import MaximumMeanDiscrepancy
from hepflow.twosample.moments import Correlations, Frechet
from hepflow.twosample.pooled import Pooled, Table
from hepflow.twosample.replicas import blocks, resampled, without_difference
from hepflow.twosample.result import Difference, TwoSample
from hepflow.twosample.statistic import Measure, Statistic

TESTS: dict[str, type[Statistic]] = {
    "ks": KolmogorovSmirnov,
    "wasserstein": Wasserstein,
    "kl": KullbackLeibler,
    "hellinger": Hellinger,
    "chi2": ChiSquare,
    "sliced_wasserstein": SlicedWasserstein,
    "mmd": MaximumMeanDiscrepancy,
    "frechet": Frechet,
    "correlations": Correlations,
    "classifier": ClassifierTest,
}
"""The tests by the names that `two_sample` takes; the first five are of each feature, the others of all together."""

LEAST = 19  # replicas: of fewer no p-value is below 0.05


@dataclass(frozen=True, eq=False)
class _Line:
    """One line of the table to be: a statistic of some columns, ready to be measured."""

    statistic: Statistic
    feature: str | None
    pooled: Pooled
    measure: Measure
    anew: Measure


def two_sample(
    a: Table,
    b: Table,
    *,
    weight_a: ArrayLike | None = None,
    weight_b: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    tests: Sequence[str | Statistic] | None = None,
    replicas: int = 200,
    seed: int,
) -> TwoSample:
    """Test whether two samples come from one density: each feature alone, and all of them together.

    Parameters
    ----------
    a, b
        Events or samples (their features), dictionaries or data frames of columns, or arrays ``(N, D)`` and
        ``(M, D)``. No event may stand in both.
    weight_a, weight_b
        Event weights, shapes ``(N,)`` and ``(M,)``; of samples their own if left out, of others one. Each sample is
        normalised: a difference in yield is none here.
    names
        Of the columns to compare; of an array's columns, their names.
    tests
        Names in `hepflow.twosample.TESTS`, or statistics with settings of their own; all by default, as far as the
        number of features and of events allows.
    replicas
        Without a difference, for p-values, which are no smaller than ``1 / (replicas + 1)`` then; and as many of the
        bootstrap, for errors.
    seed
        Of replicas, projections and classifiers.

    Returns
    -------
    TwoSample
        A table: value, error and p-value of each test.

    Raises
    ------
    ConfigError
        If columns or shapes differ, or a test is unknown or needs more features.
    InputError
        If values or weights are not finite, weights add up to nothing or less, a sample is worth less than fifty
        events, or a column has one value only.

    Notes
    -----
    Labels are exchanged between the samples where all events of a sample weigh the same; else fluctuations of the
    bootstrap stand around the mixture of both. The global p-value is that of P. Westfall and S. Young
    (Resampling-based multiple testing, Wiley, 1993): how far out the farthest of all tests is, in its spread, beside
    that of each replica.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> data = {"pt": random.normal(0.0, 1.0, 2000), "eta": random.normal(size=2000)}
    >>> model = {"pt": random.normal(0.3, 1.0, 4000), "eta": random.normal(size=4000)}
    >>> found = hf.two_sample(data, model, tests=["ks", "frechet"], seed=1)
    >>> found["Kolmogorov-Smirnov", "pt"].p_value < 1e-6, found["Kolmogorov-Smirnov", "eta"].p_value > 0.01
    (True, True)
    >>> found.smallest.feature
    'pt'
    """
    if replicas < LEAST:
        raise ConfigError(f"two_sample: {replicas} replicas; expected {LEAST} or more")
    pooled = Pooled.of(a, b, (weight_a, weight_b), names, seed)
    lines = [line for one in _chosen(tests, pooled) for line in _lines(one, pooled, seed)]
    observed = np.array([line.measure(pooled.u[:, None], pooled.v[:, None])[0] for line in lines])
    null, spread = _replicas(lines, pooled, replicas, seed)
    found = []
    for line, value, without, errors in zip(lines, observed, null, spread, strict=True):
        known = line.statistic.null_p(line.pooled, float(value))
        p = (1 + np.sum(without >= value)) / (replicas + 1) if known is None else known
        mean, error = float(without.mean()), float(errors.std(ddof=1))
        of = replicas if known is None else None
        found.append(Difference(line.statistic.label, line.feature, float(value), error, mean, float(p), of))
    return TwoSample(
        tuple(found),
        _global_p(observed, null),
        (pooled.size, len(pooled) - pooled.size),
        (effective_size(pooled.u), effective_size(pooled.v)),
        replicas,
    )


def _chosen(tests: Sequence[str | Statistic] | None, pooled: Pooled) -> list[Statistic]:
    features = pooled.x.shape[1]
    if tests is None:
        few = min(pooled.size, len(pooled) - pooled.size) < ClassifierTest.least
        every = [kind() for kind in TESTS.values() if kind.columns <= features]
        return [one for one in every if not (few and isinstance(one, ClassifierTest))]
    if isinstance(tests, str) or not len(tests):
        raise ConfigError(f"two_sample: tests {tests!r}; expected a list, such as ['ks', 'mmd']")
    found = []
    for one in tests:
        if not isinstance(one, Statistic):
            if one not in TESTS:
                raise ConfigError(f"two_sample: no test {one!r}; {did_you_mean(str(one), TESTS)}")
            one = TESTS[one]()
        if one.columns > features:
            raise ConfigError(
                f"two_sample: {one.label} needs {one.columns} features or more; there is {pooled.names[0]!r} alone"
            )
        found.append(one)
    return found


def _lines(statistic: Statistic, pooled: Pooled, seed: int) -> list[_Line]:
    """Prepare a statistic for each feature, or for all together."""
    parts: list[tuple[str | None, Pooled]] = [(None, pooled)]
    if statistic.each:
        parts = [(name, pooled.column(index)) for index, name in enumerate(pooled.names)]
    found = []
    for feature, part in parts:
        measure = statistic.prepare(part, seed)
        found.append(_Line(statistic, feature, part, measure, statistic.anew(part, measure, seed)))
    return found


def _replicas(
    lines: Sequence[_Line], pooled: Pooled, replicas: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Return each statistic on replicas without a difference and on those of the bootstrap, shapes ``(S, R)``."""
    random = [np.random.default_rng([seed, stream]) for stream in (1, 2)]
    null, spread = [], []
    for size in progress(list(blocks(pooled, replicas)), "replicas", "block"):
        u, v = without_difference(pooled, size, random[0])
        null.append(np.stack([line.anew(u, v) for line in lines]))
        u, v = resampled(pooled, size, random[1])
        spread.append(np.stack([line.measure(u, v) for line in lines]))
    return np.concatenate(null, axis=1), np.concatenate(spread, axis=1)


def _global_p(observed: FloatArray, null: FloatArray) -> float:
    """Return how often without a difference any of S tests is as far out, in its spread; from (S,) and (S, R)."""
    together = np.concatenate([observed[:, None], null], axis=1)
    spread = together.std(axis=1, keepdims=True)
    far = (together - together.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1.0)
    farthest = far.max(axis=0)
    return float(np.mean(farthest >= farthest[0]))
