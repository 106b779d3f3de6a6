"""The steps of a generation: events read, flows trained, events written, and what is said of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hepflow.config.columns import asked
from hepflow.config.inputs import Input
from hepflow.dependent import check_independent
from hepflow.engine.job import Job, published, stored
from hepflow.errors import InputError
from hepflow.events import Events
from hepflow.features import events_of
from hepflow.flows import ConditionalDensity, TrainingPlan
from hepflow.flows.architectures import ARCHITECTURES
from hepflow.flows.preprocess import logit_preprocessing
from hepflow.generation import Generator
from hepflow.generation.generator import batch_size_for
from hepflow.generation.judgement import LEAST
from hepflow.precision import check_precision
from hepflow.quantity import Quantity
from hepflow.records import read_record, write_json
from hepflow.storage import load_events, save_pieces, save_sample
from hepflow.studies.analysis.inputs import open_input
from hepflow.studies.analysis.pieces import check_unchanged
from hepflow.studies.checking import counted
from hepflow.training import Losses
from hepflow.version import versions
from hepflow.weights import load_weights, save_weights

WEIGHTS, LOSSES = "generator.safetensors", "losses.json"
MANIFEST, SCHEMA = "manifest.json", "hepflow-generated-1"
CHUNK = 1 << 20  # bytes of a file that are hashed at a time


@dataclass(frozen=True)
class Read:
    """Events that are learned from, those that are held out, and the signal where there is one."""

    training: Events
    held_out: Events
    signal: Events | None = None

    def lines(self) -> Iterator[str]:
        """Yield what each sample holds."""
        for name, events in vars(self).items():
            if events is not None:
                yield from counted(
                    f"{name}: {len(events):,} events, {', '.join(events.names)}", events.cutflow
                )


@dataclass(frozen=True)
class Learned:
    """A trained generator, and the losses of its replicas."""

    generator: Generator
    losses: tuple[Losses, ...]


def _save_events(folder: Path, read: Read) -> None:
    for name, events in vars(read).items():
        if events is not None:
            save_sample(events, folder / f"{name}.h5")


def _load_events(_job: Job, folder: Path) -> Read:
    return Read(**{path.stem: load_events(path) for path in folder.glob("*.h5")})


@stored(_save_events, _load_events)
def events(job: Job) -> Read:
    """Read all inputs, and hold events out where none are given for that."""
    settings = job.settings
    read = {name: _read(entry, settings) for name, entry in settings["inputs"].items()}
    check_unchanged(job.step.files)
    if "held_out" not in read:
        read["training"], read["held_out"] = dealt(read["training"], settings["held_out"], settings["seed"])
    found = Read(**read)
    check_enough(found)
    check_tables(found)
    if settings["given"] and np.any(found.training.weight < 0):
        negative = int(np.sum(found.training.weight < 0))
        raise InputError(
            f"inputs.training: {negative:,} events of negative weight, and conditions "
            f"({', '.join(settings['given'])}) cannot be drawn from such; leave `given` or the weights out"
        )
    return found


def _read(entry: Mapping[str, Any], settings: Mapping[str, Any]) -> Events:
    source = open_input(Input.model_validate(entry), None)
    return events_of(source, asked(settings["columns"], None)[0]).without_truth()


def dealt(sample: Events, share: float, seed: int) -> tuple[Events, Events]:
    """Return the events to learn from and a share that is held out, at random."""
    order = np.random.default_rng(seed).permutation(len(sample))
    held = round(share * len(sample))
    steps = (("dealt: learned from", len(sample) - held), ("dealt: held out", held))
    whole = replace(sample, cutflow=(*sample.cutflow, *steps))
    return whole.select(np.sort(order[held:])), whole.select(np.sort(order[:held]))


def check_enough(read: Read) -> None:
    """Refuse fewer events than can be learned from, or judged by, before any training.

    Raises
    ------
    InputError
        If there are too few, or their weights add up to nothing.
    """
    for what, sample in (("learned from", read.training), ("held out", read.held_out)):
        if len(sample) < LEAST:
            raise InputError(
                f"generation: {len(sample):,} events are {what}; expected {LEAST} or more: give more events"
            )
        total = float(sample.weight.sum())
        if not total > 0:
            raise InputError(
                f"generation: the weights of the events {what} add up to {total:g}; expected more than zero"
            )


def check_tables(read: Read) -> None:
    """Refuse columns that follow from others, and samples of which one was rounded.

    Raises
    ------
    InputError
        With each such column: there is no density of the first, and any comparison sees the second.
    """
    training, names = read.training.features, read.training.names
    check_independent(training, names)
    check_precision(training, read.held_out.features, names, ("training", "held-out"))
    if read.signal is not None:
        check_precision(training, read.signal.features, names, ("training", "signal"))


def untrained(model: Mapping[str, Any], preprocessing: Mapping[str, Any], events: int) -> Generator:
    """Return the generator of the settings of a step, for so many events."""
    architecture: Any = ARCHITECTURES[model["architecture"]]
    asked_for: dict[str, Any] = {name: value for name, value in preprocessing.items() if value}
    plan = TrainingPlan(
        epochs=model["epochs"],
        batch_size=model["batch_size"] or batch_size_for(events),
        learning_rate=model["learning_rate"],
    )
    return Generator(
        ConditionalDensity(
            partial(architecture, **model["options"]) if model["options"] else architecture,
            plan,
            model["replicas"],
            partial(logit_preprocessing, **asked_for),
            posterior=model["posterior"],
        )
    )


def _save_learned(folder: Path, learned: Learned) -> None:
    save_weights(folder / WEIGHTS, learned.generator)
    write_json(folder / LOSSES, learned.losses)


def _load_learned(_job: Job, folder: Path) -> Learned:
    losses = read_record(folder / LOSSES, tuple[Losses, ...])
    return Learned(load_weights(folder / WEIGHTS, Generator), losses)


@stored(_save_learned, _load_learned)
def generator(job: Job) -> Learned:
    """Train the replicas."""
    settings = job.settings
    training = job["events"].training
    made = untrained(settings["model"], settings["preprocessing"], len(training))
    made.fit(
        training,
        given=settings["given"],
        seed=settings["seed"],
        checkpoint=job.checkpoint(),
    )
    return Learned(made, tuple(training.losses for training in made.trainings))


@published
def generated(job: Job) -> list[Path]:
    """Write the generated events."""
    settings, made = job.settings, job["generator"].generator
    path = job.out / f"generated.{settings['format']}"
    save_pieces((piece.table() for piece in made.blocks(settings["events"], settings["seed"])), path)
    return [path]


@published
def manifest(job: Job) -> list[Path]:
    """Write what a reader of the events must know."""
    settings, made = job.settings, job["generator"].generator
    path, step = job.out / f"generated.{settings['format']}", job.step.needs["generator"]
    known = {one.name: one for one in made.quantities}
    columns = []
    for name in made.names:
        told = asdict(known.get(name, Quantity(name)))
        columns.append(
            {**{key: value for key, value in told.items() if value}, "given": name in made.density.given}
        )
    write_json(
        job.out / MANIFEST,
        {
            "schema": SCHEMA,
            "name": settings["name"],
            "file": path.name,
            "sha256": digest(path),
            "events": settings["events"],
            "columns": columns,
            "replicas": made.density.members,
            "weights_add_up_to": made.yielded,
            "seed": settings["seed"],
            "training": {
                "step": job.work.plan.key(step),
                "weights": digest(job.work.folder.of(step) / WEIGHTS),
                "events": len(job["events"].training),
            },
            "config_hash": settings["config_hash"],
            "versions": versions(),
        },
    )
    return [job.out / MANIFEST]


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    hashed = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(CHUNK):
            hashed.update(block)
    return hashed.hexdigest()
