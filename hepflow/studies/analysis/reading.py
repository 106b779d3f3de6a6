"""Steps that read: the events of the inputs with what is injected, at once or joined of pieces of the files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from hepflow.config.columns import asked
from hepflow.config.inputs import Input
from hepflow.engine.job import Job, stored
from hepflow.features import collect_features, features, join_features
from hepflow.quantity import Quantity
from hepflow.readers.collect import Collected
from hepflow.readers.source import Source
from hepflow.records import read_record, write_json
from hepflow.sample import Sample, SkippedFile, inject
from hepflow.storage import load_sample, save_sample, write_hdf5
from hepflow.studies.analysis.effects import effects_of
from hepflow.studies.analysis.inputs import open_input
from hepflow.studies.analysis.pieces import check_unchanged

FILES, ROWS = "files.json", "rows.h5"
Samples = tuple[Sample, Sample | None]
Varied = dict[str, tuple[Sample, Sample]]


def _save_events(folder: Path, samples: Samples) -> None:
    data, signal = samples
    save_sample(data, folder / "data.h5")
    if signal is not None:
        save_sample(signal, folder / "signal.h5")


def _load_events(_job: Job, folder: Path) -> Samples:
    signal = folder / "signal.h5"
    return load_sample(folder / "data.h5"), load_sample(signal) if signal.is_file() else None


@stored(_save_events, _load_events)
def events(job: Job) -> Samples:
    """Read the data, and the signal where there is any, with injection."""
    data = _read(job, "data")
    signal = _read(job, "signal") if "signal" in job.settings["inputs"] else None
    injection = job.settings["injection"]
    if injection is not None and signal is not None:
        return inject(signal, data, injection["events"], injection["seed"])
    return data, signal


@stored(
    lambda folder, sample: save_sample(sample, folder / "simulation.h5"),
    lambda _, folder: load_sample(folder / "simulation.h5"),
)
def simulation(job: Job) -> Sample:
    """Read the simulated background."""
    return _read(job, "simulation")


def _save_all(folder: Path, samples: Mapping[str, Sample]) -> None:
    for name, sample in samples.items():
        save_sample(sample, folder / f"{name}.h5")


def _load_all(_job: Job, folder: Path) -> dict[str, Sample]:
    return {path.stem: load_sample(path) for path in sorted(folder.glob("*.h5"))}


@stored(_save_all, _load_all)
def samples(job: Job) -> dict[str, Sample]:
    """Read all inputs as they are, by name."""
    return {name: _read(job, name) for name in job.settings["inputs"]}


def _save_varied(folder: Path, variations: Varied) -> None:
    for name, both in variations.items():
        for side, sample in zip(("up", "down"), both, strict=True):
            save_sample(sample, folder / f"{name}-{side}.h5")


def _load_varied(_job: Job, folder: Path) -> Varied:
    names = sorted(path.name.removesuffix("-up.h5") for path in folder.glob("*-up.h5"))
    return {
        name: (load_sample(folder / f"{name}-up.h5"), load_sample(folder / f"{name}-down.h5"))
        for name in names
    }


@stored(_save_varied, _load_varied)
def variations(job: Job) -> Varied:
    """Read the signal with each systematic effect, up and down, by the name of its nuisance parameter.

    Where events are injected, ``mu = 1`` is their number, and what an effect does to the yield is relative to the
    whole nominal signal, before any injection.
    """
    injection = job.settings["injection"]
    scale = injection["events"] / float(_read(job, "signal").weight.sum()) if injection else 1.0

    def sample(effect: str) -> Sample:
        varied = _read(job, "signal", effect)
        return replace(varied, weight=scale * varied.weight)

    effects = effects_of(_entry(job.settings, "signal"))
    return {
        up.removesuffix("/up"): (sample(up), sample(down))
        for up, down in zip(effects[::2], effects[1::2], strict=True)
    }


@dataclass(frozen=True)
class _FileRecord:
    """What a piece of a file gave, but for its rows."""

    file: str
    num_events: int
    cutflow: tuple[tuple[str, int], ...]
    sum_of_weights: str
    damage: SkippedFile | None


def _save_piece(folder: Path, collected: Sequence[Collected]) -> None:
    files = []
    with write_hdf5(folder / ROWS) as file:
        for number, one in enumerate(collected):
            for name, values in (one.rows or {}).items():
                file[f"{number}/{name}"] = values
            files.append(
                _FileRecord(one.file, one.num_events, one.cutflow, str(one.sum_of_weights), one.damage)
            )
    write_json(folder / FILES, files)


def _load_piece(_job: Job, folder: Path) -> list[Collected]:
    with h5py.File(folder / ROWS) as file:
        return [
            Collected(
                file=one.file,
                num_events=one.num_events,
                rows={name: np.asarray(values) for name, values in file.get(str(number), {}).items()} or None,
                cutflow=one.cutflow,
                sum_of_weights=Fraction(one.sum_of_weights),
                damage=one.damage,
            )
            for number, one in enumerate(read_record(folder / FILES, tuple[_FileRecord, ...]))
        ]


@stored(_save_piece, _load_piece)
def piece(job: Job) -> list[Collected]:
    """Read a piece of an input: shares of some of its files.

    What is wrong with a file, the step that joins the pieces says with all others at once, as a reading without
    pieces would.
    """
    settings = job.settings
    source = open_input(
        Input.model_validate(settings["input"]),
        settings["luminosity"],
        settings["effect"],
        settings["shares"],
    )
    collected = _collect(source, settings)
    check_unchanged(job.step.files)
    return collected


def _collect(source: Source, piece_settings: Mapping[str, Any]) -> list[Collected]:
    shares = {file: (number, of) for file, (number, of) in piece_settings["shares"].items()}
    return collect_features(source.cut(shares), *_asked(piece_settings), progress=False)


def _read(job: Job, name: str, effect: str | None = None) -> Sample:
    """Return the events of an input, the same to the bit with and without pieces."""
    names, resonance = _asked(job.settings)
    source = open_input(_entry(job.settings, name), job.settings["luminosity"], effect)
    pieces = [
        (settings, read)
        for settings, read in job.helpers()
        if (settings["name"], settings["effect"]) == (name, effect)
    ]
    if pieces:
        sample = join_features(source, names, _joined(source, pieces), resonance)
    else:
        sample = features(source, names, resonance=resonance)
    check_unchanged(job.step.files)
    return sample


def _asked(settings: Mapping[str, Any]) -> tuple[list[str | Quantity], Quantity | None]:
    """Return features and resonant variable in the settings of a step."""
    return asked(settings["features"], settings["resonance"])


def _joined(
    source: Source, pieces: Sequence[tuple[Mapping[str, Any], Callable[[], Any]]]
) -> Iterator[Collected]:
    for settings, read in pieces:
        found = read()
        yield from _collect(source, settings) if found is None else found


def _entry(settings: Mapping[str, Any], name: str) -> Input:
    return Input.model_validate(settings["inputs"][name])
