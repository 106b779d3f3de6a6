"""Histograms of generated events in flat memory: of columns, and of what limits are set with."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import expit

from hepflow.classifiers import BoostedTrees
from hepflow.engine.job import Job, stored
from hepflow.errors import InputError
from hepflow.events import Events, FloatArray
from hepflow.generation import Generated, Generator
from hepflow.generation.judgement import with_derived
from hepflow.quantity import Quantity
from hepflow.records import read_record, write_json
from hepflow.replicas import Expected, binned, expected
from hepflow.sample import Sample
from hepflow.stats.amplification import limit_against_events
from hepflow.studies.generation.record import Curve, Histogram, LimitsRecord, Rows
from hepflow.studies.generation.work import Read

BINS = 40  # of a panel
FEW = 40  # values of a column that has a bin for each
OUTER = (0.001, 0.999)  # quantiles between which bins stand
LEAST, MOST = 100_000, 1_000_000  # events that histograms are made of
SCORE = Quantity("score", "Classifier score", title="classifier score")
Values = Callable[[Events], Mapping[str, FloatArray]]


def counted(
    pieces: Iterable[Generated], values: Values, edges: Mapping[str, FloatArray], replicas: int
) -> dict[str, Expected]:
    """Return histograms of generated events that come in pieces, each with the error of the training.

    Parameters
    ----------
    pieces
        Of which one at a time is in memory.
    values
        Returns of events the numbers that are counted, each (N,), by name.
    edges
        Of the bins, by the same names.
    replicas
        How many there are.
    """
    sums = {name: np.zeros((replicas, len(each) - 1)) for name, each in edges.items()}
    squares = {name: np.zeros_like(each) for name, each in sums.items()}
    total = np.zeros(replicas)
    for piece in pieces:
        weight = piece.events.weight
        for name, each in values(piece.events).items():
            found = binned(each, piece.replica, edges[name], weight)
            for kept, one in zip((sums, squares), found, strict=True):
                kept[name][: len(one)] += one  # the last piece may have none of the last replicas
        total += np.bincount(piece.replica, weights=weight, minlength=replicas)
    return {name: expected(edges[name], sums[name], squares[name], total) for name in edges}


def panel_edges(values: FloatArray) -> FloatArray:
    """Return bins (B + 1,) for values (N,): one for each of a few, else of equal width between outer quantiles."""
    known = np.unique(values)
    if len(known) <= FEW:
        middle = 0.5 * (known[1:] + known[:-1])
        step = float(np.min(np.diff(known), initial=np.inf)) if len(known) > 1 else 1.0
        return np.concatenate([[known[0] - step / 2], middle, [known[-1] + step / 2]])
    low, high = np.quantile(values, OUTER)
    return np.linspace(low, high, BINS + 1)


@stored(
    lambda folder, found: write_json(folder / "histograms.json", found),
    lambda _, folder: read_record(
        folder / "histograms.json", tuple[tuple[Histogram, ...], tuple[Rows, Rows]]
    ),
)
def histograms(job: Job) -> tuple[tuple[Histogram, ...], tuple[Rows, Rows]]:
    """Return each column and derived quantity in bins, and the correlations of generated and held-out events."""
    derived = _quantities(job)
    read: Read = job["events"]
    real = with_derived(read.held_out, derived)
    edges = {name: panel_edges(real.feature(name)) for name in real.names}

    def values(events: Events) -> Mapping[str, FloatArray]:
        table = with_derived(events, derived)
        return {name: table.feature(name) for name in table.names}

    found, _ = of_flows(job, values, edges)
    made = with_derived(next(_blocks(job["generator"].generator, job)).events, derived)
    total = float(real.weight.sum())
    panels = []
    for name in real.names:
        sums, _ = np.histogram(real.feature(name), edges[name], weights=real.weight)
        squares, _ = np.histogram(real.feature(name), edges[name], weights=real.weight**2)
        one = found[name].scaled(total / float(read.training.weight.sum()))
        panels.append(
            Histogram(
                real.quantity(name),
                *map(_plain, (edges[name], one.events, one.error, one.statistical, sums, np.sqrt(squares))),
            )
        )
    return tuple(panels), (correlations(made), correlations(real))


def of_flows(job: Job, values: Values, edges: Mapping[str, FloatArray]) -> tuple[dict[str, Expected], int]:
    """Return histograms of events of the trained flows, with the bias where there is a second kind; and how many."""
    made: Generator = job["generator"].generator
    found = counted(_blocks(made, job), values, edges, made.density.members)
    if "second" in job:
        other: Generator = job["second"].generator
        second = counted(_blocks(other, job), values, edges, other.density.members)
        found = {name: replace(one, bias=second[name].events - one.events) for name, one in found.items()}
    return found, _number(job)


def _blocks(made: Generator, job: Job) -> Any:
    return made.blocks(_number(job), job.settings["seed"])


def _number(job: Job) -> int:
    return min(max(int(job.settings["events"]), LEAST), MOST)


def _quantities(job: Job) -> tuple[Quantity, ...]:
    return tuple(Quantity(**one) for one in job.settings["derived"])


def correlations(events: Events) -> Rows:
    """Return the correlations (D, D) between columns."""
    share = events.weight / events.weight.sum()
    away = events.features - share @ events.features
    covariance = (share[:, None] * away).T @ away
    spread = np.sqrt(np.maximum(np.diag(covariance), np.finfo(float).tiny))
    matrix = np.clip(covariance / np.outer(spread, spread), -1.0, 1.0)
    return tuple(_plain(row) for row in matrix)


@stored(
    lambda folder, found: write_json(folder / "limits.json", found),
    lambda _, folder: read_record(folder / "limits.json", LimitsRecord),
)
def limits(job: Job) -> LimitsRecord:
    """Return the limits against the number of generated events, with and without the error of the training."""
    settings, read = job.settings["limits"], job["events"]
    quantity, observed, signal = observable(job)
    edges = _edges(observed(read.training), settings["range"], settings["bins"], quantity.name)

    def inside(events: Events) -> FloatArray:
        return np.clip(observed(events), edges[0], edges[-1])

    found, generated = of_flows(job, lambda events: {quantity.name: inside(events)}, {quantity.name: edges})
    background = found[quantity.name]
    background = background.scaled(settings["background"] / float(background.events.sum()))
    shape, _ = np.histogram(inside(signal), edges, weights=signal.weight)
    if not shape.sum() > 0:
        raise InputError(
            f"inputs.signal: its weights add up to {shape.sum():g} in {quantity.name}; expected more than zero"
        )
    shape = shape * settings["signal_to_background"] * settings["background"] / shape.sum()
    curves, plain = [], []
    for uncertainty in settings["uncertainties"]:
        for training in (True, False):
            curve = limit_against_events(
                background, generated, shape, settings["events"], uncertainty=uncertainty, training=training
            )
            curves.append(Curve(uncertainty, training, tuple(map(_known, curve.limits))))
        used = limit_against_events(
            _as_they_are(read.training, inside, background),
            len(read.training),
            shape,
            [len(read.training)],
            uncertainty=uncertainty,
            training=False,
        )
        plain.append(_known(used.limits[0]))
    return LimitsRecord(
        observable=quantity,
        edges=_plain(edges),
        background=_plain(background.events),
        error=_plain(background.error),
        signal=_plain(shape),
        generated=tuple(settings["events"]),
        curves=tuple(curves),
        trained=len(read.training),
        plain=tuple(plain),
    )


def observable(job: Job) -> tuple[Quantity, Callable[[Events], FloatArray], Events]:
    """Return what limits are set with: its name, what computes it of events, and signal that it has not seen.

    A classifier learns from half of the signal and from the events that are held out: what it says of generated
    events, and of those that these learned from, is not flattered by having seen them.
    """
    name, derived, read = job.settings["limits"]["observable"], _quantities(job), job["events"]
    if name != SCORE.name or name in (*read.training.names, *(one.name for one in derived)):
        used = tuple(one for one in derived if one.name == name)
        return (
            with_derived(read.training, used).quantity(name),
            lambda events: with_derived(events, used).feature(name),
            read.signal,
        )
    half = np.random.default_rng(job.settings["seed"]).permutation(len(read.signal)) % 2 == 0
    trees = BoostedTrees()
    trees.fit(_table(read.signal.select(half)), _table(read.held_out), job.settings["seed"])

    def score(events: Events) -> FloatArray:
        ordered = events.features[:, [events.names.index(one) for one in read.training.names]]
        return np.asarray(expit(trees.log_ratio(_table(replace(events, features=ordered)))))

    return SCORE, score, read.signal.select(~half)


def _table(events: Events) -> Sample:
    return Sample(np.zeros(len(events)), events.features, events.names, events.weight)


def _edges(values: FloatArray, asked: Any, bins: int, name: str) -> FloatArray:
    low, high = np.quantile(values, OUTER) if asked is None else asked
    if not low < high:
        raise InputError(
            f"limits.observable: {name} is {low:g} in nearly all events; give another, or a range"
        )
    return np.linspace(low, high, bins + 1)


def _as_they_are(training: Events, inside: Callable[[Events], FloatArray], background: Expected) -> Expected:
    """Return the same expectation with the error of the training events' number, and no other."""
    squares, _ = np.histogram(inside(training), background.edges, weights=training.weight**2)
    factor = float(background.events.sum()) / float(training.weight.sum())
    none = np.empty((0, len(background.events)))
    return Expected(background.edges, background.events, none, factor * np.sqrt(squares))


def _known(limit: float) -> float | None:
    return limit if math.isfinite(limit) else None


def _plain(values: FloatArray) -> tuple[float, ...]:
    return tuple(map(float, values))
