"""Data and simulation of an unfolding: columns of files, of which no simulated event is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import awkward as ak
import h5py
import numpy as np

from hepflow.config.inputs import Input
from hepflow.engine.job import Job
from hepflow.errors import InputError
from hepflow.events import Cutflow, Events, FloatArray
from hepflow.quantity import Quantity
from hepflow.readers.collect import collect
from hepflow.readers.growing import Rows
from hepflow.readers.join import join
from hepflow.readers.own import Own
from hepflow.readers.source import Chunk, Source
from hepflow.records import read_record, write_json
from hepflow.storage import load_events, save_sample, write_hdf5
from hepflow.studies.analysis.inputs import open_input
from hepflow.studies.checking import counted
from hepflow.studies.unfolding.text import NO_VALUE
from hepflow.unfolding import Pairs
from hepflow.unfolding.inputs import measured

PASS_TRUTH, PASS_RECO = "pass_truth", "pass_reco"
DATA, PAIRS, CUTFLOWS = "data.h5", "pairs.h5", "cutflows.json"


@dataclass(frozen=True, eq=False)
class Read:
    """What an unfolding starts from.

    Parameters
    ----------
    pairs
        The simulation.
    data
        Reconstructed events.
    cutflows
        What became of the events of each input.
    """

    pairs: Pairs
    data: Events
    cutflows: Mapping[str, Cutflow]

    def lines(self) -> Iterator[str]:
        """Yield what was read, and how much of the data lies where nothing is simulated; errors as of unfolding."""
        for name, cutflow in self.cutflows.items():
            yield from counted(f"{name}:", cutflow)
        _, outside = measured(self.data, self.pairs)
        yield f"{self.pairs}, {len(self.data):,} events of data"
        yield f"  share of the data where nothing is simulated: {100 * outside:.2g} %"


def read_data(entry: Input, columns: Sequence[Quantity], passes: str | None) -> Events:
    """Return the data that pass; those with values that are none are left out, and counted."""
    source = open_input(entry, None)
    cut = passes if passes is not None and _has(source, passes) else None
    asked = (*columns, *(() if cut is None else (Quantity(PASS_RECO, expression=cut),)))
    events = _columns(source, asked)
    steps: list[tuple[str, int]] = list(events.cutflow)
    if passes is not None:
        kept = np.ones(len(events), bool) if cut is None else _passes(events, source)
        what = (
            f"pass_reco, {passes}"
            if cut is not None
            else "pass_reco has columns that data have not: all pass"
        )
        steps.append((what, int(kept.sum())))
        events = events.select(kept)
    table = Events(
        events.features[:, : len(columns)],
        tuple(one.name for one in columns),
        events.weight,
        quantities=tuple(columns),
    )
    bad = ~np.isfinite(table.features).all(axis=1)
    if bad.any():
        steps.append((NO_VALUE, int(bad.sum())))
        table = table.select(~bad)
    if not len(table):
        told = "; ".join(f"{cause}: {number:,}" for cause, number in steps)
        raise InputError(f"inputs.data: no event is left. {told}")
    return replace(table, cutflow=tuple(steps))


def read_pairs(
    sources: Mapping[str, Input], settings: Mapping[str, Any], factor: str | None = None
) -> tuple[Pairs, FloatArray, dict[str, Cutflow]]:
    """Return the pairs of one source or two, a factor for each of them, and the cutflows.

    Parameters
    ----------
    sources
        ``simulation``, or ``generated`` and ``reconstructed``.
    settings
        Columns of both levels (`truth`, `reco`), flags, `key`, `unmatched` and `luminosity`.
    factor
        An expression of columns of the first source; left out, the factors are one.
    """
    levels = {level: [Quantity(**one) for one in settings[level]] for level in ("truth", "reco")}
    keys = [Quantity(f"key {name}", expression=name) for name in settings["key"]]
    own = [] if factor is None else [Quantity("factor", expression=factor)]
    flags = {
        level: [Quantity(flag, expression=settings[flag])] if settings[flag] else []
        for level, flag in (("truth", PASS_TRUTH), ("reco", PASS_RECO))
    }
    wanted = {
        "truth": [*levels["truth"], *own, *flags["truth"], *keys],
        "reco": [*levels["reco"], *flags["reco"], *keys],
    }
    cutflows: dict[str, Cutflow] = {}
    if "simulation" in sources:
        source = open_input(sources["simulation"], settings["luminosity"])
        both = [
            Quantity(f"{level} {one.name}", expression=one.expression)
            for level in wanted
            for one in wanted[level]
        ]
        table = _columns(source, both)
        cutflows["simulation"] = table.cutflow
        first = len(wanted["truth"])
        tables = {"truth": _part(table, 0, wanted["truth"]), "reco": _part(table, first, wanted["reco"])}
    else:
        tables = {}
        for level, name in (("truth", "generated"), ("reco", "reconstructed")):
            tables[level] = _columns(open_input(sources[name], settings["luminosity"]), wanted[level])
            cutflows[name] = tables[level].cutflow
    pairs = Pairs.of(
        tables["truth"],
        tables["reco"],
        truth=[one.name for one in (*levels["truth"], *own)],
        reco=[one.name for one in levels["reco"]],
        pass_truth=PASS_TRUTH if flags["truth"] else None,
        pass_reco=PASS_RECO if flags["reco"] else None,
        key=[one.name for one in keys] or None,
        unmatched=settings["unmatched"],
    )
    count = len(levels["truth"])
    found = np.ones(len(pairs))
    if factor is not None:
        found[pairs.pass_truth] = pairs.truth.features[pairs.pass_truth, count]
        if (found < 0).any():
            raise InputError(
                f"the factor {factor!r} is negative in {int((found < 0).sum()):,} events; expected zero or more"
            )
    truth = Events(
        pairs.truth.features[:, :count], pairs.truth.names[:count], quantities=pairs.truth.quantities
    )
    cutflows["pairs"] = (*pairs.cutflow, *counts(pairs))
    return replace(pairs, truth=truth, cutflow=cutflows["pairs"]), found, cutflows


def counts(pairs: Pairs) -> Cutflow:
    """Return how many pairs are of each kind; they add up."""
    neither = ~(pairs.pass_truth | pairs.pass_reco)
    return (
        ("pairs", len(pairs)),
        ("generated and reconstructed", int(pairs.both.sum())),
        ("generated, not reconstructed", int(pairs.misses.sum())),
        ("reconstructed, not generated (fakes)", int(pairs.fakes.sum())),
        ("neither", int(neither.sum())),
    )


def save_read(folder: Path, read: Read) -> None:
    """Keep what was read."""
    pairs = read.pairs
    save_sample(read.data, folder / DATA)
    with write_hdf5(folder / PAIRS) as file:
        for name in ("pass_truth", "pass_reco", "weight"):
            file[name] = getattr(pairs, name)
        file["truth"], file["reco"] = pairs.truth.features, pairs.reco.features
    write_json(folder / CUTFLOWS, _Kept(read.cutflows, (pairs.truth.quantities, pairs.reco.quantities)))


@dataclass(frozen=True)
class _Kept:
    cutflows: Mapping[str, tuple[tuple[str, int], ...]]
    quantities: tuple[tuple[Quantity, ...], tuple[Quantity, ...]]


def load_read(_job: Job, folder: Path) -> Read:
    """Return what `save_read` kept."""
    kept = read_record(folder / CUTFLOWS, _Kept)
    with h5py.File(folder / PAIRS, "r") as file:
        truth, reco = (
            Events(file[level][:], tuple(one.name for one in known), quantities=known)
            for level, known in zip(("truth", "reco"), kept.quantities, strict=True)
        )
        flags = {name: file[name][:] for name in ("pass_truth", "pass_reco", "weight")}
        pairs = Pairs(truth, reco, **flags, cutflow=kept.cutflows["pairs"])
    return Read(pairs, load_events(folder / DATA), kept.cutflows)


def _has(source: Source, text: str) -> bool:
    """Tell whether a source has what an expression needs."""
    try:
        source.columns_read((Own(text),))
    except InputError:
        return False
    return True


def _columns(source: Source, asked: Sequence[Quantity]) -> Events:
    """Return columns and expressions of all events; what is not finite stays."""
    fields = tuple(dict.fromkeys(Own(one.expression) for one in asked))
    source.columns_read(fields)  # which names what a file lacks

    def measured(chunk: Chunk, _first: bool) -> tuple[Rows, Cutflow]:
        values = {one: np.asarray(ak.to_numpy(chunk.events[one.key]), np.float64) for one in fields}
        rows: Rows = {"features": np.stack([values[Own(one.expression)] for one in asked], axis=1)}
        if "weight" in chunk.events.fields:
            rows["weight"] = np.asarray(ak.to_numpy(chunk.events["weight"]))
        return rows, ()

    rows, cutflow, skipped = join(source, collect(source, fields, measured))
    return Events(
        rows["features"],
        tuple(one.name for one in asked),
        rows.get("weight", np.zeros(0)),
        cutflow=cutflow,
        skipped=skipped,
        quantities=tuple(asked),
    )


def _part(table: Events, first: int, wanted: Sequence[Quantity]) -> Events:
    return Events(
        table.features[:, first : first + len(wanted)],
        tuple(one.name for one in wanted),
        table.weight,
        quantities=tuple(wanted),
    )


def _passes(events: Events, source: Source) -> Any:
    flags = events.feature(PASS_RECO)
    bad = int(np.isnan(flags).sum())
    if bad:
        raise InputError(f"{source.description}: pass_reco is NaN in {bad:,} of {len(events):,} events")
    return flags != 0
