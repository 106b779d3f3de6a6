"""The steps of an unfolding: events read, data unfolded, and varied."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from hepflow.config.inputs import Input
from hepflow.engine.job import Job, derived, published, stored
from hepflow.errors import InputError
from hepflow.quantity import Quantity
from hepflow.records import read_record, write_json
from hepflow.storage import write_hdf5
from hepflow.studies.analysis.pieces import check_unchanged
from hepflow.studies.unfolding.methods import IN_BINS, Observed, by_weights, histograms, in_bins, omnifold
from hepflow.studies.unfolding.reading import Read, load_read, read_data, read_pairs, save_read
from hepflow.studies.unfolding.record import Binned, Numbers, Reference
from hepflow.unfolding import Pairs, Pushed, Unfolded, UnfoldedHistogram, load_unfolded, save_unfolded
from hepflow.unfolding.omnifold import Folded
from hepflow.weights import load_weights, save_weights

FILE, MODELS = "unfolded.h5", "unfolded.safetensors"
FEWEST_TOYS = 3  # of what only the values are looked at
Results = tuple[Binned, ...]


@stored(save_read, load_read)
def pairs(job: Job) -> Read:
    """Read data and simulation."""
    settings = job.settings
    columns = [Quantity(**one) for one in settings["reco"]]
    data = read_data(Input.model_validate(settings["data"]), columns, settings["pass_reco"])
    found, _, cutflows = read_pairs(_inputs(settings["sources"]), settings)
    check_unchanged(job.step.files)
    return Read(found, data, {"data": data.cutflow, **cutflows})


def _save_array(folder: Path, values: NDArray[Any]) -> None:
    with write_hdf5(folder / FILE) as file:
        file["values"] = values


def _load_array(_job: Job, folder: Path) -> NDArray[Any]:
    with h5py.File(folder / FILE, "r") as file:
        found: NDArray[Any] = file["values"][:]
        return found


@stored(_save_array, _load_array)
def factor(job: Job) -> NDArray[Any]:
    """Return what the weight of each pair is multiplied by in another model."""
    settings = job.settings
    _, found, _ = read_pairs(_inputs(settings["sources"]), settings, settings["factor"])
    check_unchanged(job.step.files)
    return found


def _save_folded(folder: Path, folded: Folded) -> None:
    with write_hdf5(folder / FILE) as file:
        file["weights"], file["distances"] = folded.weights, folded.distances
        file["ridges"] = [np.nan if one is None else one for one in folded.ridges]
        file["outside"] = folded.outside
    save_weights(folder / MODELS, folded.models)
    save_weights(folder / f"start_{MODELS}", folded.start)


def _load_folded(_job: Job, folder: Path) -> Folded:
    with h5py.File(folder / FILE, "r") as file:
        ridges = tuple(None if np.isnan(one) else float(one) for one in file["ridges"][:])
        return Folded(
            file["weights"][:],
            tuple(map(float, file["distances"][:])),
            ridges,
            float(file["outside"][()]),
            load_weights(folder / MODELS, Pushed),
            load_weights(folder / f"start_{MODELS}", Pushed),
        )


@stored(_save_folded, _load_folded)
def folded(job: Job) -> Folded:
    """Unfold by OmniFold, without replicas."""
    read: Read = job["pairs"]
    return omnifold(job.settings["method"]).folded(read.pairs, read.data, seed=job.settings["seed"])


@stored(_save_array, _load_array)
def replica(job: Job) -> NDArray[Any]:
    """Unfold one bootstrap by OmniFold."""
    read, settings = job["pairs"], job.settings
    method = omnifold(settings["method"])
    return method.replica(read.pairs, read.data, job["folded"], settings["number"], seed=settings["seed"])


@derived
def joined(job: Job) -> Unfolded:
    """Put OmniFold's replicas together."""
    method = omnifold(job.settings["method"])
    replicas = np.stack([job[name] for name in job if name.startswith("replica/")])
    return method.joined(job["pairs"].pairs, job["folded"], replicas)


def _save_unfolded(folder: Path, unfolded: Unfolded) -> None:
    save_unfolded(unfolded, folder / FILE, folder / MODELS)


def _load_unfolded(_job: Job, folder: Path) -> Unfolded:
    return load_unfolded(folder / FILE, folder / MODELS)


@stored(_save_unfolded, _load_unfolded)
def unfolded(job: Job) -> Unfolded:
    """Unfold by another method that gives weights, in one go."""
    read, settings = job["pairs"], job.settings
    return by_weights(settings["method"], read.pairs, read.data, settings["seed"])


@published
def weights(job: Job) -> list[Path]:
    """Write events with weights for any later observable, and the models behind them."""
    paths = [job.out / FILE, job.out / MODELS]
    save_unfolded(job["unfolded"], *paths)
    return paths


binned = stored(
    lambda folder, found: write_json(folder / "histograms.json", found),
    lambda _, folder: read_record(folder / "histograms.json", Results),
)


@binned
def of_weights(job: Job) -> Results:
    """Return observables of weighted events in bins."""
    found: Unfolded = job["unfolded"]
    return tuple(_plain(found.histogram(one.edges, one.of)) for one in _observables(job))


@binned
def of_bins(job: Job) -> Results:
    """Unfold each observable in bins."""
    read, settings = job["pairs"], job.settings
    return tuple(
        _plain(in_bins(settings["method"], read.pairs, read.data, one, settings["seed"]))
        for one in _observables(job)
    )


@stored(
    lambda folder, found: write_json(folder / "histograms.json", found),
    lambda _, folder: read_record(folder / "histograms.json", tuple[Reference, ...]),
)
def of_reference(job: Job) -> tuple[Reference, ...]:
    """Unfold in bins each observable that has a counterpart at detector level, or say why it cannot be."""
    read, settings = job["pairs"], job.settings
    found = []
    for one in _observables(job):
        try:
            alone = one.seen is None
            binned = (
                None
                if alone
                else _plain(in_bins(settings["method"], read.pairs, read.data, one, settings["seed"]))
            )
            found.append(Reference(binned))
        except InputError as error:  # what stands beside the result does not stop it
            found.append(Reference(None, str(error)))
    return tuple(found)


@stored(
    lambda folder, found: write_json(folder / "values.json", found),
    lambda _, folder: read_record(folder / "values.json", tuple[Numbers, ...]),
)
def systematic(job: Job) -> tuple[Numbers, ...]:
    """Return the yields of each observable with the simulation varied."""
    settings, read = job.settings, job["pairs"]
    method, seed = settings["method"], settings["seed"]
    if "factor" in job:
        varied: Pairs = read.pairs.weighted(job["factor"])
    else:
        varied, _, _ = read_pairs(_inputs(settings["sources"]), settings)
        check_unchanged(job.step.files)
    observables = _observables(job)
    if method["name"] in IN_BINS:
        few = {**method, "toys": FEWEST_TOYS}
        return tuple(_values(one) for one in histograms(few, varied, read.data, observables, seed))
    found = by_weights({**method, "replicas": 0}, varied, read.data, seed).at(job["unfolded"].iteration)
    prior = replace(found, replicas=np.zeros((FEWEST_TOYS, *found.weights.shape), np.float32))
    return tuple(_values(prior.histogram(one.edges, one.of)) for one in observables)


def _values(found: UnfoldedHistogram) -> Numbers:
    return tuple(map(float, found.values))


def _observables(job: Job) -> list[Observed]:
    return Observed.all(job.settings["observables"])


def _inputs(sources: Any) -> dict[str, Input]:
    return {name: Input.model_validate(entry) for name, entry in sources.items()}


def _plain(found: UnfoldedHistogram) -> Binned:
    return Binned(
        tuple(map(float, found.edges)),
        _values(found),
        tuple(tuple(map(float, row)) for row in found.covariance),
        tuple(map(float, found.prior)),
    )
