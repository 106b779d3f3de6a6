"""The last steps of a generation: the events judged, and the record of all."""

from __future__ import annotations

from dataclasses import replace
from math import hypot, sqrt
from pathlib import Path

from hepflow.engine.job import Job, published, stored
from hepflow.generation import judgement as judging
from hepflow.generation.judgement import Judgement, Tail, judge
from hepflow.quantity import Quantity
from hepflow.records import read_json, read_record, write_json
from hepflow.studies.generation.record import (
    Difference,
    GenerationRecord,
    JudgementRecord,
    Near,
    PlantedDifference,
    TailShare,
)
from hepflow.studies.generation.verdicts import judged
from hepflow.studies.generation.work import MANIFEST
from hepflow.twosample import ClassifierTest
from hepflow.version import versions


@stored(
    lambda folder, found: write_json(folder / "judgement.json", found),
    lambda _, folder: read_record(folder / "judgement.json", JudgementRecord),
)
def judgement(job: Job) -> JudgementRecord:
    """Hold the first of the generated events against those that were held out."""
    settings, read = job.settings, job["events"]
    made = job["generator"].generator
    number = max(settings["events"], min(judging.MOST, len(read.held_out)))
    found = judge(
        next(made.blocks(number, settings["seed"])).events,
        read.held_out,
        read.training,
        [Quantity(**one) for one in settings["derived"]],
        planted=settings["planted"],
        replicas=settings["replicas"],
        seed=settings["seed"],
    )
    return recorded(found, len(read.training))


def recorded(found: Judgement, trained: int) -> JudgementRecord:
    """Return a judgement as a record; the number that was learned from is a part of the error of a tail."""
    classifier = found.tests[ClassifierTest.label]
    return JudgementRecord(
        tests=tuple(Difference(**vars(one)) for one in found.tests.differences),
        global_p=found.tests.global_p,
        events=found.tests.events,
        auc=(classifier.value, classifier.error),
        floor=found.floor,
        planted=tuple(PlantedDifference(**vars(one)) for one in found.planted),
        closeness=Near(**vars(found.closeness)),
        tails=tuple(
            TailShare(**vars(replace(one, error=_error(one, trained, *found.tests.events))))
            for one in found.tails
        ),
    )


def _error(tail: Tail, trained: int, generated: int, held_out: int) -> float:
    """Return the error of a tail with that of the training, and no less than it has where there is no difference.

    Where no generated event is in a tail of three real ones, their own number says that it is exact.
    """
    beyond = min(tail.quantile, 1 - tail.quantile)
    same = sqrt(sum(1 / (beyond * events) for events in (trained, generated, held_out)))
    return max(hypot(tail.error, tail.ratio / sqrt(beyond * trained)), same)


@published
def generation(job: Job) -> list[Path]:
    """Write ``generation.json``."""
    settings, path = job.settings, job.out / "generation.json"
    read, made = job["events"], job["generator"]
    manifest = read_json(job.out / MANIFEST)
    limits = job.get("limits")
    panels, correlations = job["histograms"]
    cutflows = {"training": read.training.cutflow, "held_out": read.held_out.cutflow}
    if read.signal is not None:
        cutflows["signal"] = read.signal.cutflow
    GenerationRecord(
        name=settings["name"],
        seed=settings["seed"],
        config_hash=settings["config_hash"],
        versions=versions(),
        architecture=settings["architecture"],
        replicas=made.generator.density.members,
        posterior=made.generator.density.posterior,
        bias=settings["bias"],
        columns=tuple(read.training.quantity(name) for name in read.training.names),
        given=made.generator.density.given,
        trained=len(read.training),
        held_out=len(read.held_out),
        output=manifest["file"],
        generated=manifest["events"],
        fingerprint=manifest["training"]["weights"],
        losses=tuple({"training": one.training, "validation": one.validation} for one in made.losses),
        judgement=job["judgement"],
        histograms=panels,
        correlations=correlations,
        limits=limits,
        cutflows=cutflows,
        verdicts=tuple(judged(job["judgement"], limits)),
    ).write(path)
    return [path]
