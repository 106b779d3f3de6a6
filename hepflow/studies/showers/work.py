"""The steps of a study of showers: showers read, flows trained, showers written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hepflow.engine.job import Job, published, stored
from hepflow.errors import InputError
from hepflow.flows import spline_autoregressive
from hepflow.records import read_json, read_record, write_json
from hepflow.showers import (
    Geometry,
    ShowerModel,
    Showers,
    photon_detector,
    read_geometry,
    read_showers,
    simulate,
    toy_detector,
    write_showers,
)
from hepflow.showers.judgement import LEAST
from hepflow.showers.model import plan_for
from hepflow.studies.analysis.pieces import check_unchanged
from hepflow.training import Losses
from hepflow.weights import load_weights, save_weights

WEIGHTS, LOSSES, GEOMETRY = "model.safetensors", "losses.json", "geometry.json"
OUTPUT = "showers.h5"
DETECTORS = {"toy": toy_detector, "photons": photon_detector}


@dataclass(frozen=True)
class Read:
    """Showers that are learned from, and those that are held out."""

    training: Showers
    held_out: Showers

    def lines(self) -> Iterator[str]:
        """Yield what each sample holds."""
        for name, one in vars(self).items():
            yield (
                f"{name}: {len(one):,} showers of {one.geometry.voxels} voxels in {len(one.geometry.filled)} layers, "
                f"{one.energy.min():,.4g} to {one.energy.max():,.4g} GeV"
            )


@dataclass(frozen=True)
class Learned:
    """A trained model, and the losses of each of its flows."""

    model: ShowerModel
    losses: dict[str, Losses]


def _save(folder: Path, name: str, showers: Showers) -> None:
    """Keep showers as they are: in MeV, as files of the challenge have them, they would be rounded."""
    write_json(folder / GEOMETRY, showers.geometry.plain())
    np.save(folder / f"{name}-energy.npy", showers.energy, allow_pickle=False)
    np.save(folder / f"{name}-voxels.npy", showers.voxels, allow_pickle=False)


def _load(folder: Path, name: str) -> Showers:
    energy, voxels = (
        np.load(folder / f"{name}-{what}.npy", allow_pickle=False) for what in ("energy", "voxels")
    )
    return Showers(energy, voxels, Geometry.of(read_json(folder / GEOMETRY)))


def _save_read(folder: Path, read: Read) -> None:
    for name, showers in vars(read).items():
        _save(folder, name, showers)


@stored(
    _save_read,
    lambda _, folder: Read(_load(folder, "training"), _load(folder, "held_out")),
)
def showers(job: Job) -> Read:
    """Read or simulate showers, and hold some out."""
    settings = job.settings
    simulated = settings["inputs"]["simulate"]
    if simulated is not None:
        made = simulate(DETECTORS[simulated["detector"]](), simulated["showers"], settings["seed"])
        found = {"training": made}
    else:
        found = _of_files(settings)
        check_unchanged(job.step.files)
    if "held_out" not in found:
        found["training"], found["held_out"] = dealt(
            found["training"], settings["held_out"], settings["seed"]
        )
    for what, one in (("learned from", found["training"]), ("held out", found["held_out"])):
        if len(one) < LEAST:
            raise InputError(
                f"showers: {len(one):,} showers are {what}; expected {LEAST:,} or more: give more showers"
            )
    return Read(**found)


def _of_files(settings: Mapping[str, Any]) -> dict[str, Showers]:
    files, inputs = settings["files"], settings["inputs"]
    geometry = read_geometry(files["geometry"][0], inputs["geometry"]["particle"])
    return {
        name: Showers.concat(read_showers(file, geometry, inputs[name]["first"]) for file in files[name])
        for name in ("training", "held_out")
        if name in files
    }


def dealt(whole: Showers, share: float, seed: int) -> tuple[Showers, Showers]:
    """Return the showers to learn from and a share that is held out, at random."""
    order = np.random.default_rng([seed, 1]).permutation(len(whole))
    held = round(share * len(whole))
    if not 0 < held < len(whole):
        raise InputError(
            f"showers: a share of {share:g} of {len(whole):,} showers is held out; expected some on either side"
        )
    return whole.select(np.sort(order[held:])), whole.select(np.sort(order[:held]))


def untrained(asked: Mapping[str, Any], showers: int) -> ShowerModel:
    """Return the model of the settings of a step, for so many showers."""
    plan = plan_for(showers, asked["epochs"], asked["batch_size"])
    return ShowerModel(
        partial(spline_autoregressive, layers=asked["layers"], hidden=asked["hidden"]),
        replace(plan, learning_rate=asked["learning_rate"]),
        asked["threshold"],
    )


def _save_learned(folder: Path, learned: Learned) -> None:
    save_weights(folder / WEIGHTS, learned.model)
    write_json(folder / LOSSES, learned.losses)


@stored(
    _save_learned,
    lambda _, folder: Learned(
        load_weights(folder / WEIGHTS, ShowerModel), read_record(folder / LOSSES, dict[str, Losses])
    ),
)
def model(job: Job) -> Learned:
    """Train flow after flow."""
    asked, training = job.settings["model"], job["showers"].training
    made = untrained(asked, len(training))
    made.fit(training, job.settings["seed"], job.checkpoint())
    return Learned(made, made.losses)


@published
def generated(job: Job) -> list[Path]:
    """Write showers at incident energies drawn from those of the training."""
    settings = job.settings
    known = job["showers"].training.energy
    energy = np.random.default_rng([settings["seed"], 2]).choice(known, settings["showers"])
    path = job.out / OUTPUT
    write_showers(job["model"].model.blocks(energy, settings["seed"]), path)
    return [path]


@stored(lambda folder, found: _save(folder, "again", found), lambda _, folder: _load(folder, "again"))
def again(job: Job) -> Showers:
    """Make a shower at the incident energy of each that was held out, to be judged."""
    made: Showers = job["model"].model.sample(job["showers"].held_out.energy, job.settings["seed"] + 1)
    return made
