"""The signal with systematic effects: read like the nominal one, and kept beside its scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from hepflow.sample import Sample
from hepflow.selection import Scored
from hepflow.selection.validation import bare
from hepflow.storage import load_sample, save_sample, write_hdf5
from hepflow.workflow.config import Config

SIDES = ("up", "down")
COLUMNS = ("mass", "weight", "score")
FILE = "variations.h5"


def read_variations(config: Config, read: Callable[[str], Sample]) -> dict[str, tuple[Sample, Sample]]:
    """Read the signal with each systematic effect, up and down, by the name of its nuisance parameter.

    Parameters
    ----------
    config
        The analysis.
    read
        Reads an input, by its name as for `hepflow.workflow.piece_steps.entry_of`.

    Notes
    -----
    Where events are injected, ``mu = 1`` is their number, and what an effect does to the yield is relative to the
    whole nominal signal, before any injection.
    """
    if config.inputs.signal is None:
        return {}
    injected = config.injection.events if config.injection else 0
    scale = injected / float(read("signal").weight.sum()) if injected else 1.0

    def sample(name: str, side: str) -> Sample:
        varied = read(f"signal/{name}/{side}")
        return replace(varied, weight=scale * varied.weight)

    return {name: (sample(name, "up"), sample(name, "down")) for name in config.inputs.signal.variations}


def save_varied(folder: Path, variations: Mapping[str, tuple[Sample, Sample]]) -> None:
    """Keep what `read_variations` read."""
    for name, both in variations.items():
        for side, sample in zip(SIDES, both, strict=True):
            save_sample(sample, folder / f"{name}-{side}.h5")


def load_varied(folder: Path) -> dict[str, tuple[Sample, Sample]]:
    """Read what `save_varied` kept."""
    up, down = (f"-{side}.h5" for side in SIDES)
    names = sorted(path.name.removesuffix(up) for path in folder.glob(f"*{up}"))
    return {
        name: (load_sample(folder / f"{name}{up}"), load_sample(folder / f"{name}{down}")) for name in names
    }


def save_variations(folder: Path, variations: Mapping[str, tuple[Scored, Scored]]) -> None:
    """Keep masses, weights and scores: all that templates are made of."""
    with write_hdf5(folder / FILE) as file:
        for name, both in variations.items():
            for side, scored in zip(SIDES, both, strict=True):
                columns = (scored.sample.mass, scored.sample.weight, scored.score)
                for column, values in zip(COLUMNS, columns, strict=True):
                    file[f"{name}/{side}/{column}"] = values


def load_variations(folder: Path) -> dict[str, tuple[Scored, Scored]]:
    """Read what `save_variations` kept."""
    with h5py.File(folder / FILE) as file:
        found = {
            name: [bare(*(np.asarray(both[side][column]) for column in COLUMNS)) for side in SIDES]
            for name, both in file.items()
        }
    return {name: (up, down) for name, (up, down) in found.items()}
