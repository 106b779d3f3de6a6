"""The steps of limits with retraining: data with injected signal, efficiencies, and the record made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hepflow.engine.job import Job, derived, published, stored
from hepflow.errors import InputError
from hepflow.records import read_record, write_json
from hepflow.sample import Sample, inject
from hepflow.selection import signal_efficiency
from hepflow.stats import mean_efficiency
from hepflow.studies.analysis.verdicts import of_fit
from hepflow.studies.limits.cut_limits import cut_limits
from hepflow.studies.limits.record import EfficiencyPoint, RetrainedLimits
from hepflow.verdicts import Verdict
from hepflow.version import versions

FILE = "efficiency.json"
Efficiencies = dict[float, tuple[float, float]]  # of every cut, with its error, by background efficiency


@derived
def injected(job: Job) -> tuple[Sample, Sample | None]:
    """Return the data with signal on top of what these hold, and the rest of the signal."""
    data, signal = job["features"]
    if signal is None:
        return data, signal
    return inject(signal, data, job.settings["events"], job.settings["seed"])


@stored(
    lambda folder, found: write_json(folder / FILE, found),
    lambda _, folder: {
        float(cut): both for cut, both in read_record(folder / FILE, dict[str, tuple[float, float]]).items()
    },
)
def efficiency(job: Job) -> Efficiencies:
    """Measure the efficiency of every cut for the signal that was held out."""
    return {cut: signal_efficiency(job["scores"].scores, cut) for cut in job.settings["cuts"]}


@published
def limits(job: Job) -> list[Path]:
    """Write ``limits.json``."""
    settings, path = job.settings, job.out / "limits.json"
    found: dict[int, list[Efficiencies]] = {}
    problems = []
    for events, number in settings["trainings"]:
        training = f"injected-{events}/training-{number}/efficiency"
        reason = job.failure(training)
        if reason is None:
            found.setdefault(events, []).append(job[training])
        else:
            problems.append(f"{events} injected, training {number}: {reason}")
    if 0 not in found or len(found) < 2:
        raise InputError(f"no efficiency against injected signal can be measured: {problems[0]}")
    cuts, verdicts = [], list[Verdict]()
    for fit, cut in settings["fits"].items():
        reason = job.failure(fit)
        if reason is None:
            cuts.append(cut_limits(cut, _points(found, cut), job[fit].hunt))
            verdicts += of_fit(job[fit])
        else:
            problems.append(f"background efficiency {cut:g}: {reason}")
    data, signal = job["features"]
    RetrainedLimits(
        name=settings["name"],
        method=settings["method"],
        seed=settings["seed"],
        config_hash=settings["config_hash"],
        versions=versions(),
        signal=tuple(settings["signal"]),
        nominal=0.0 if signal is None else float(signal.weight.sum()),
        level=settings["level"],
        cuts=tuple(cuts),
        blind=settings["blind"],
        problems=tuple(problems),
        verdicts=tuple(verdicts),
        resonance=data.resonance,
    ).write(path)
    return [path]


def _points(found: Mapping[int, Sequence[Efficiencies]], cut: float) -> tuple[EfficiencyPoint, ...]:
    points = []
    for events, trainings in sorted(found.items()):
        value, error = mean_efficiency(*zip(*(one[cut] for one in trainings), strict=True))
        points.append(EfficiencyPoint(events, value, error, len(trainings)))
    return tuple(points)
