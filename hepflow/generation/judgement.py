"""Judgement: whether generated events can stand for those that were learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import awkward as ak
import numpy as np

from hepflow.errors import ConfigError, InputError, did_you_mean
from hepflow.events import Events, FloatArray
from hepflow.generation.closeness import Closeness, closeness
from hepflow.quantity import Quantity
from hepflow.readers.expressions import Expression
from hepflow.twosample import ClassifierTest, TwoSample, two_sample
from hepflow.twosample.power import BEST, Planted, planted_differences

TAILS = (0.001, 0.01, 0.99, 0.999)
MOST = 50_000  # events of each kind that are compared
LEAST = 2 * ClassifierTest.least


@dataclass(frozen=True)
class Tail:
    """How many generated events lie beyond a quantile of those that were held out.

    Parameters
    ----------
    name
        Of the column or derived quantity.
    quantile
        Below one half the events below it are counted, else those above.
    at
        Where it is.
    ratio, error
        Share of generated events there over that of held-out ones, and its error, of the latter's number for the most
        part.
    """

    name: str
    quantile: float
    at: float
    ratio: float
    error: float


@dataclass(frozen=True)
class Judgement:
    """What tells generated events from others, and what would be seen of differences of a known size.

    Parameters
    ----------
    tests
        Of each column and derived quantity, and of all columns together.
    floor
        The classifier test of two samples that are both real, as large as those that are compared: its area under the
        curve, and its error. What it is off from one half, a test cannot tell.
    planted
        What the classifier sees of differences of a known size.
    closeness
        To the events that were learned from.
    tails
        Of each column and derived quantity.
    """

    tests: TwoSample
    floor: tuple[float, float]
    planted: tuple[Planted, ...]
    closeness: Closeness
    tails: tuple[Tail, ...]


def judge(
    generated: Events,
    held_out: Events,
    training: Events,
    derived: Sequence[Quantity] = (),
    *,
    planted: Sequence[float] = BEST,
    replicas: int = 99,
    seed: int,
) -> Judgement:
    """Compare generated events with real ones that nothing learned from.

    Parameters
    ----------
    generated
        As many as there are, up to 50,000, are compared.
    held_out
        Real events that no training saw.
    training
        Those that were learned from.
    derived
        Quantities with an expression of the columns, such as a mass: what is right in each column may be wrong in
        them.
    planted
        Areas under the ROC curve of the best classifiers of differences that are planted.
    replicas
        Of the tests.
    seed
        Of all that is drawn.

    Raises
    ------
    ConfigError
        If columns differ, or an expression has an unknown name.
    InputError
        If there are fewer than 400 events of a kind, or an expression is not finite in one.
    """
    names = generated.names
    for other in (held_out, training):
        if other.names != names:
            raise ConfigError(f"judgement: columns {other.names} beside {names}; expected the same")
    for what, events in (("generated", generated), ("held out", held_out), ("learned from", training)):
        if len(events) < LEAST:
            raise InputError(f"judgement: {len(events):,} events {what}; expected {LEAST} or more")
    made, real, learned = (_part(events, MOST, seed) for events in (generated, held_out, training))
    of_made, of_real = (with_derived(events, derived) for events in (made, real))
    tests = two_sample(made, real, replicas=replicas, seed=seed)
    if derived:
        own = [quantity.name for quantity in derived]
        each = ["ks", "wasserstein", "kl", "hellinger", "chi2"]
        further = two_sample(of_made, of_real, names=own, tests=each, replicas=replicas, seed=seed)
        tests = replace(
            tests,
            differences=(*tests.differences, *further.differences),
            global_p=min(1.0, 2 * min(tests.global_p, further.global_p)),
        )
    x = np.concatenate([real.features, learned.features])
    return Judgement(
        tests,
        _floor(x, min(len(made), len(real)), replicas, seed),
        planted_differences(x, planted, seed=seed),
        closeness(made.features, learned.features, real.features, seed=seed),
        tuple(_tails(of_made, of_real)),
    )


def with_derived(events: Events, derived: Sequence[Quantity]) -> Events:
    """Return events with more columns, each computed by the expression of a quantity.

    Raises
    ------
    ConfigError
        If an expression has a name that is no column, or a quantity that of one.
    InputError
        If a result is not finite.
    """
    check_derived(events.names, derived)
    columns = {name: ak.Array(events.feature(name)) for name in events.names}
    added = []
    for quantity in derived:
        expression = Expression(quantity.expression or quantity.name)
        values = expression.numbers(columns, len(events))
        bad = int(np.sum(~np.isfinite(values)))
        if bad:
            raise InputError(
                f"derived quantity {quantity.name!r} = {expression.text} is not finite in {bad:,} of "
                f"{len(values):,} events"
            )
        added.append(values)
    if not derived:
        return events
    return replace(
        events,
        features=np.column_stack([events.features, *added]),
        names=(*events.names, *(quantity.name for quantity in derived)),
        quantities=(*events.quantities, *derived),
    )


def check_derived(names: Sequence[str], derived: Sequence[Quantity]) -> None:
    """Refuse quantities that cannot be computed of columns of these names.

    Raises
    ------
    ConfigError
        If an expression is none, or has a name that is no column, or a quantity that of one.
    """
    for quantity in derived:
        if quantity.name in names:
            raise ConfigError(
                f"derived quantity {quantity.name!r}: there is a column of that name; choose another"
            )
        for name in Expression(quantity.expression or quantity.name).names:
            if name not in names:
                raise ConfigError(
                    f"derived quantity {quantity.name!r}: no column {name!r}; {did_you_mean(name, list(names))}"
                )


def _part(events: Events, most: int, seed: int) -> Events:
    """Return as many of the events, drawn at random."""
    if len(events) <= most:
        return events
    return events.select(np.sort(np.random.default_rng(seed).permutation(len(events))[:most]))


def _floor(x: FloatArray, size: int, replicas: int, seed: int) -> tuple[float, float]:
    order = np.random.default_rng(seed).permutation(len(x))
    half = min(size, len(x) // 2)
    one, other = x[order[:half]], x[order[half : 2 * half]]
    found = two_sample(one, other, tests=["classifier"], replicas=replicas, seed=seed).differences[0]
    return found.value, found.error


def _tails(generated: Events, held_out: Events) -> list[Tail]:
    found = []
    for name in generated.names:
        made, real = generated.feature(name), held_out.feature(name)
        for quantile in TAILS:
            at = float(np.quantile(real, quantile))
            few, many = (int(np.sum(each < at if quantile < 0.5 else each > at)) for each in (made, real))
            if not many:  # a column of few values
                continue
            unit = len(real) / (many * len(made))  # what one generated event is worth
            error = unit * max(few, 1) * float(np.sqrt(1 / max(few, 1) + 1 / many))
            found.append(Tail(name, quantile, at, few * unit, error))
    return found
