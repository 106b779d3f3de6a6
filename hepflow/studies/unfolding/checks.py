"""The steps that say whether an unfolding can be believed: closure, stress, coverage, refolding, bottom line."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from hepflow.engine.job import Job, stored
from hepflow.errors import ConfigError
from hepflow.events import Events, FloatArray
from hepflow.quantity import Quantity
from hepflow.records import read_record, write_json
from hepflow.studies.unfolding.methods import Observed, histograms, posterior
from hepflow.studies.unfolding.reading import Read
from hepflow.studies.unfolding.record import Beside, Binned, CoverageRecord, Line, Numbers, Seen
from hepflow.unfolding import (
    Compared,
    Coverage,
    Pairs,
    UnfoldedHistogram,
    bottom_line,
    refolded,
    stress,
)
from hepflow.unfolding.columns import values_of

HALVED = 2.0  # errors of the control


@stored(
    lambda folder, found: write_json(folder / "compared.json", found),
    lambda _, folder: read_record(folder / "compared.json", tuple[Beside, ...]),
)
def halves(job: Job) -> tuple[Beside, ...]:
    """Unfold one half of the simulation, maybe with other weights, by the other half."""
    settings, read = job.settings, job["pairs"]
    observables = Observed.all(settings["observables"])
    kept: list[UnfoldedHistogram] = []
    found = []
    for number, one in enumerate(observables):

        def unfold(pairs: Pairs, data: Events, number: int = number) -> UnfoldedHistogram:
            if not kept:  # the halves are the same for all observables
                kept.extend(histograms(settings["method"], pairs, data, observables, settings["seed"]))
            return kept[number]

        with _of_halves():
            compared = stress(unfold, read.pairs, job.get("factor"), of=one.of, seed=settings["seed"])
        found.append(_beside(settings["name"], compared))
    return tuple(found)


@stored(
    lambda folder, found: write_json(folder / "coverage.json", found),
    lambda _, folder: read_record(folder / "coverage.json", CoverageRecord),
)
def coverage(job: Job) -> CoverageRecord:
    """Train a posterior on one half of the simulation, and count how often it holds the truth of the other."""
    read, settings = job["pairs"], job.settings
    half = np.random.default_rng(settings["seed"]).random(len(read.pairs)) < 0.5
    made = posterior(settings["method"]).fit(read.pairs.select(half), seed=settings["seed"])
    others = read.pairs.select(~half)
    with _of_halves():
        found, control = (
            made.coverage(others, seed=settings["seed"], narrower=narrower) for narrower in (1.0, HALVED)
        )
    return CoverageRecord(found.names, _numbers(found.levels), _rows(found), _rows(control), found.events)


@dataclass(frozen=True)
class Looked:
    """What is seen of an observable at detector level, and its bottom line."""

    seen: Seen | None
    lines: tuple[Line, ...]


@stored(
    lambda folder, found: write_json(folder / "seen.json", found),
    lambda _, folder: read_record(folder / "seen.json", tuple[Looked, ...]),
)
def seen(job: Job) -> tuple[Looked, ...]:
    """Return data and refolded simulation of each observable, and how models are told apart at both levels."""
    read: Read = job["pairs"]
    observables = Observed.all(job.settings["observables"])
    return tuple(
        _looked(job, read, one, binned) for one, binned in zip(observables, job["histograms"], strict=True)
    )


def _looked(job: Job, read: Read, observable: Observed, found: Binned) -> Looked:
    if observable.seen is None:
        return Looked(None, ())
    edges = np.array(observable.seen_edges)

    def filled(events: Events, power: int = 1) -> FloatArray:
        values = values_of(events, observable.seen)[1]
        return np.histogram(values, edges, weights=events.weight**power)[0].astype(np.float64)

    again = None
    if "unfolded" in job:
        again = _beside("refolding", refolded(job["unfolded"], read.data, edges, seen=observable.seen))
    level = Seen(
        observable.seen_edges,
        _numbers(filled(read.data)),
        _numbers(np.sqrt(filled(read.data, 2))),
        _numbers(filled(read.pairs.reconstructed)),
        again,
    )
    histogram = UnfoldedHistogram(
        Quantity(observable.name),
        np.array(found.edges),
        np.array(found.values),
        np.array(found.covariance),
        np.array(found.prior),
        np.zeros((0, len(found.values))),
    )
    lines = []
    for model in job.settings["models"]:
        line = bottom_line(
            histogram,
            read.pairs,
            job[f"models/{model}"],
            read.data,
            edges,
            of=observable.of,
            seen=observable.seen,
        )
        lines.append(Line(model, line.before, line.after, line.bins))
    return Looked(level, tuple(lines))


def _beside(name: str, compared: Compared) -> Beside:
    value: float | None
    try:
        value, bins = compared.chi2
    except ConfigError:  # no inverse, as without any event
        value, bins = None, len(compared.found)
    error = np.sqrt(np.diag(compared.covariance))
    return Beside(name, _numbers(compared.found), _numbers(compared.expected), _numbers(error), value, bins)


@contextmanager
def _of_halves() -> Iterator[None]:
    """Do without the warning that events lie outside of a training: one half always has some beyond the other."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*lie outside", category=UserWarning)
        yield


def _numbers(values: Any) -> Numbers:
    return tuple(map(float, values))


def _rows(found: Coverage) -> tuple[Numbers, ...]:
    return tuple(map(_numbers, found.found))
