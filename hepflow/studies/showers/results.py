"""The last steps of a study of showers: showers judged, and the record of all."""

from __future__ import annotations

from math import hypot, sqrt
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from hepflow.engine.job import Job, published, stored
from hepflow.events import FloatArray
from hepflow.quantity import Quantity
from hepflow.records import read_record, write_json
from hepflow.showers import Showers, judge, observables
from hepflow.studies.showers.record import (
    Compared,
    MeanEnergy,
    Separated,
    ShowerJudgementRecord,
    ShowerRecord,
    ToldShowers,
)
from hepflow.studies.showers.verdicts import judged
from hepflow.studies.showers.work import OUTPUT
from hepflow.version import versions

BINS = 30
OUTSIDE = 0.002  # share of the held-out showers beyond the bins, on either side
LABELS = {
    "response": "Visible / incident energy",
    "sparsity": "Empty share, layer {}",
    "center_eta": r"Centre in $\eta$, layer {}",
    "center_phi": r"Centre in $\phi$, layer {}",
    "width_eta": r"Width in $\eta$, layer {}",
    "width_phi": r"Width in $\phi$, layer {}",
    "energy": "Energy, layer {}",
}
UNITS = {"energy": "GeV", "center_eta": "mm", "center_phi": "mm", "width_eta": "mm", "width_phi": "mm"}


@stored(
    lambda folder, found: write_json(folder / "judgement.json", found),
    lambda _, folder: read_record(folder / "judgement.json", ShowerJudgementRecord),
)
def judgement(job: Job) -> ShowerJudgementRecord:
    """Tell generated showers from those that were held out, at the same incident energies."""
    settings = job.settings
    found = judge(
        job["again"],
        job["showers"].held_out,
        levels=settings["levels"],
        repeats=settings["repeats"],
        seed=settings["seed"],
    )
    return ShowerJudgementRecord(
        tuple(ToldShowers(**vars(one)) for one in found.told),
        tuple(Separated(name, *both) for name, both in found.separation.items()),
    )


def compared(name: str, made: FloatArray, real: FloatArray) -> Compared:
    """Return an observable (N,) of both in bins, the generated ones with the number of the real ones."""
    low, high = (float(edge) for edge in np.quantile(real, [OUTSIDE, 1 - OUTSIDE]))
    edges = np.linspace(low, high if high > low else low + 1.0, BINS + 1)
    (ours, _), (known, _) = np.histogram(made, edges), np.histogram(real, edges)
    scale = len(real) / len(made)
    kind, _, layer = name.rpartition("_")
    kind = kind or name
    quantity = Quantity(name, LABELS[kind].format(layer), UNITS.get(kind, ""))
    return Compared(
        quantity,
        _numbers(edges),
        _numbers(scale * ours),
        _numbers(scale * np.sqrt(ours)),
        _numbers(known),
        _numbers(np.sqrt(known)),
    )


def profiles(made: Showers, real: Showers) -> tuple[Compared, ...]:
    """Return the mean energy of each voxel, layer by layer."""
    found = []
    for layer, place in zip(real.geometry.filled, real.geometry.slices, strict=True):
        edges = np.arange(layer.voxels + 1) - 0.5
        columns: list[FloatArray] = []
        for showers in (made, real):
            voxels = showers.voxels[:, place]
            columns += [voxels.mean(axis=0), voxels.std(axis=0) / sqrt(len(showers))]
        quantity = Quantity(f"layer_{layer.number}", f"Voxel of layer {layer.number}")
        found.append(Compared(quantity, _numbers(edges), *map(_numbers, columns)))
    return tuple(found)


def means(made: Showers, real: Showers) -> tuple[MeanEnergy, ...]:
    """Return mean energies of generated over those of real showers, of the same incident energies, pair by pair."""
    whole = slice(0, real.geometry.voxels)
    names = ["all layers", *(f"layer {layer.number}" for layer in real.geometry.filled)]
    found = []
    for name, place in zip(names, (whole, *real.geometry.slices), strict=True):
        ours, known = (showers.voxels[:, place].sum(axis=1) for showers in (made, real))
        mean = float(known.mean())
        if mean > 0:
            ratio = float(ours.mean()) / mean
            spread = float(np.std(ours - ratio * known)) / sqrt(len(known)) / mean
            found.append(MeanEnergy(name, ratio, hypot(spread, 1e-9)))
    return tuple(found)


def _numbers(values: ArrayLike) -> tuple[float, ...]:
    return tuple(float(value) for value in np.asarray(values))


@published
def shower(job: Job) -> list[Path]:
    """Write ``showers.json``."""
    path = job.out / "showers.json"
    settings, read, made = job.settings, job["showers"], job["again"]
    real, simulated = read.held_out, settings["inputs"]["simulate"]
    ours, known = observables(made), observables(real)
    each = {name: compared(name, ours[name], known[name]) for name in known}
    visible = [name for name in each if name == "response" or name.startswith("energy_")]
    energies = means(made, real)
    ShowerRecord(
        name=settings["name"],
        seed=settings["seed"],
        config_hash=settings["config_hash"],
        versions=versions(),
        source="files" if simulated is None else simulated["detector"],
        particle=real.geometry.particle,
        layers=tuple((layer.number, layer.voxels) for layer in real.geometry.filled),
        trained=len(read.training),
        held_out=len(real),
        output=OUTPUT,
        generated=settings["showers"],
        losses={
            name: {"training": one.training, "validation": one.validation}
            for name, one in job["model"].losses.items()
        },
        judgement=job["judgement"],
        means=energies,
        profiles=profiles(made, real),
        energies=tuple(each[name] for name in visible),
        shapes=tuple(one for name, one in each.items() if name not in visible),
        verdicts=tuple(judged(job["judgement"], energies)),
    ).write(path)
    return [path]
