"""The last step of an unfolding: the record of all."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hepflow.engine.job import Job, published
from hepflow.importance import effective_size
from hepflow.studies.unfolding.methods import Observed
from hepflow.studies.unfolding.reading import Read
from hepflow.studies.unfolding.record import ObservableRecord, Shift, Step, UnfoldingRecord, Weights
from hepflow.studies.unfolding.verdicts import judged
from hepflow.studies.unfolding.work import FILE
from hepflow.unfolding import Unfolded
from hepflow.unfolding.iterations import SMALL
from hepflow.version import versions

SPECTRUM = 40  # bins of the weights
SYSTEMATIC, STRESS = "systematic/", "stress/"


@published
def unfolding(job: Job) -> list[Path]:
    """Write ``unfolding.json``."""
    settings, path = job.settings, job.out / "unfolding.json"
    read: Read = job["pairs"]
    observables = observed(job)
    weights = of_weights(job["unfolded"]) if "unfolded" in job else None
    coverage = job.get("coverage")
    pairs = read.pairs
    kinds = {"pairs": len(pairs), "both": int(pairs.both.sum()), "lost": int(pairs.misses.sum())}
    UnfoldingRecord(
        name=settings["name"],
        seed=settings["seed"],
        config_hash=settings["config_hash"],
        versions=versions(),
        method=settings["method"],
        replicas=settings["replicas"],
        reference=settings["reference"],
        truth=pairs.truth.quantities,
        reco=pairs.reco.quantities,
        events={"data": len(read.data), **kinds, "fakes": int(pairs.fakes.sum())},
        efficiency=pairs.efficiency,
        fake_share=pairs.fake_share,
        observables=observables,
        weights=weights,
        coverage=coverage,
        cutflows=read.cutflows,
        verdicts=tuple(
            judged(observables, weights, coverage, replicas=settings["replicas"], stops=settings["stops"])
        ),
    ).write(path)
    return [path]


def observed(job: Job) -> tuple[ObservableRecord, ...]:
    """Return all that was found of each observable."""
    references = job.get("reference")
    found = []
    for number, one in enumerate(Observed.all(job.settings["observables"])):
        unfolded, looked = job["histograms"][number], job["seen"][number]
        shifts = tuple(
            Shift(
                name.removeprefix(SYSTEMATIC),
                tuple(float(up - own) for up, own in zip(job[name][number], unfolded.values, strict=True)),
            )
            for name in job
            if name.startswith(SYSTEMATIC)
        )
        found.append(
            ObservableRecord(
                quantity=one.quantity,
                unfolded=unfolded,
                systematics=shifts,
                reference=None if references is None else references[number].binned,
                no_reference="" if references is None else references[number].why,
                seen=looked.seen,
                closure=job["closure"][number] if "closure" in job else None,
                stress=tuple(job[name][number] for name in job if name.startswith(STRESS)),
                lines=looked.lines,
            )
        )
    return tuple(found)


def of_weights(found: Unfolded) -> Weights:
    """Return what iterations did, and what the weighted events are worth."""
    pairs, truth = found.pairs, found.pairs.pass_truth
    mc = pairs.weight[truth]
    factors = found.weight[truth][mc != 0] / mc[mc != 0]
    positive = factors[factors > 0]
    low, high = np.quantile(positive, (0.001, 0.999))
    edges = np.geomspace(low / 1.2, high * 1.2, SPECTRUM + 1)
    counts = np.histogram(np.clip(positive, edges[0], edges[-1]), edges)[0]
    totals = found.replicas[:, found.iteration - 1].sum(axis=1, dtype=np.float64)
    return Weights(
        steps=tuple(
            Step(
                one.distance,
                one.change,
                None if np.isnan(one.spread) else one.spread,
                one.effective_size,
                one.total,
            )
            for one in found.iterations
        ),
        chosen=found.iteration,
        settled=any(one.change < SMALL * one.spread for one in found.iterations[1:]),
        total=found.total,
        error=float(totals.std(ddof=1)),
        effective_size=effective_size(found.weight[truth]),
        simulated_size=effective_size(mc),
        edges=tuple(map(float, edges)),
        counts=tuple(map(float, counts)),
        outside=found.outside,
        file=FILE,
    )
