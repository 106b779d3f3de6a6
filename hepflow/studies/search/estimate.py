"""Time and memory of a run on this machine, from a few training steps and one classifier: an estimate, no more."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from hepflow.config import Config, methods
from hepflow.methods.folds import EXAMPLES
from hepflow.regions import Windows
from hepflow.sample import Sample
from hepflow.selection import enough_simulation
from hepflow.studies.analysis.build import build_classifier, build_density
from hepflow.text import duration

FEW, MORE = 2, 8  # training steps that are timed
LONG = 2.0  # seconds after which a few steps must do
DRAWN = 20_000  # events drawn to time the sampling
ROWS = {"bdt": 60_000, "mlp": 12_000}  # at most, in the classifier that is timed
TRAINED = 0.9  # share of the events that are not held out
COPIES = 4  # of the samples, that stand in memory at once where it is fullest


@dataclass(frozen=True)
class Costs:
    """Seconds on this machine.

    Parameters
    ----------
    step
        Of a training step of all flows of all folds together.
    drawn
        Of an event drawn from them.
    trained, scored
        Of an event in the training of one classifier, and of an event scored by one.
    """

    step: float
    drawn: float
    trained: float
    scored: float


@dataclass(frozen=True)
class Estimate:
    """What a run will take.

    Parameters
    ----------
    seconds
        By stage, one after another in one process.
    memory
        Bytes, at most.
    missing
        What is not in these numbers.
    """

    seconds: Mapping[str, float]
    memory: float
    missing: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return the estimate as text."""
        stages = ", ".join(f"{stage} {duration(seconds)}" for stage, seconds in self.seconds.items())
        whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return [
            "estimate for this machine, in one process, from a few training steps and one classifier; good to a "
            "factor of two where nothing else runs",
            f"  time: {duration(sum(self.seconds.values()))} ({stages}); not in it: {', '.join(self.missing)}",
            f"  memory: {self.memory / 1e9:.1f} GB; this machine has {whole / 1e9:.1f} GB"
            + (": too little" if self.memory > whole else ""),
        ]


@dataclass(frozen=True)
class Load:
    """Events in the regions of one training of the method: the analysis, or a validation.

    Parameters
    ----------
    judged, beside
        In the signal region (or in the bands that stand for it), and in the sidebands.
    drawn
        Where the template is drawn: the bands and the true signal region between them.
    further
        Events that are only scored: signal, simulation that was not trained on.
    """

    judged: int
    beside: int
    drawn: int
    further: int = 0

    def seconds(self, config: Config, costs: Costs) -> tuple[float, float]:
        """Return the time of the background, and that of the scores."""
        method, classifier = config.method, config.classifier
        inside, outside = _oversampling(config)
        flow, part = 0.0, (classifier.folds - 1) / classifier.folds
        if isinstance(method, methods.Splines):
            steps = int(TRAINED * part * self.beside / method.batch_size) * method.epochs
            drawn = (inside + EXAMPLES * (classifier.folds - 1)) * self.drawn + outside * self.beside
            flow = steps * costs.step + drawn * costs.drawn
            inside_trained = EXAMPLES
        else:
            inside_trained = min(inside, EXAMPLES)
        rows = part * self.judged * (1 + inside_trained)
        scored = self.judged * (1 + inside) + self.beside * (1 + outside) + self.further
        trees = classifier.ensemble * (classifier.folds * rows * costs.trained + scored * costs.scored)
        return flow, trees


def estimate(config: Config, samples: Mapping[str, Sample]) -> Estimate:
    """Time a few training steps and one classifier on events of the sidebands, and scale them to a run.

    Parameters
    ----------
    config
        The analysis.
    samples
        Its inputs by name: data, and signal and simulation where there are any.

    Notes
    -----
    The time of a training is taken to be proportional to its steps, that of a classifier to its events, and that of
    sampling and scoring to the events drawn and scored. A classifier is timed where there is nothing to find, as it
    is with a good template: two random parts of the sidebands.
    """
    data, windows = samples["data"].without_truth(), config.regions.windows
    costs = measure(config, data.select(windows.in_sidebands(data.mass)))
    signal = len(samples["signal"]) if "signal" in samples else 0
    loads = {"analysis": _load(data, windows, signal)}
    if config.regions.validated:
        wide = windows.validation(config.regions.validation.width)
        loads["bands"] = _load(data.select(~windows.in_signal(data.mass)), wide)
        loads["bands"] = replace(loads["bands"], drawn=loads["bands"].drawn + loads["analysis"].judged)
    simulation = samples.get("simulation")
    if simulation is not None and enough_simulation(simulation, data, windows):
        loads["simulation"] = replace(loads["analysis"], further=len(simulation))
    spent = {name: load.seconds(config, costs) for name, load in loads.items()}
    background, scores = spent.pop("analysis")
    times = {"bands": config.regions.validation.trainings}
    tried = sum(times.get(name, 1) * sum(each) for name, each in spent.items())
    seconds = {"background": background, "scores": scores, "validation": tried}
    missing = ["reading", "fits", "figures"]
    if not isinstance(config.method, methods.Splines):
        missing.append(f"what {config.method.name} trains")
    elif not isinstance(config.method, methods.Cathode):
        missing.append(f"what {config.method.name} does besides the density of the sidebands")
    return Estimate({k: v for k, v in seconds.items() if v}, _memory(samples, loads, config), tuple(missing))


def measure(config: Config, sidebands: Sample) -> Costs:
    """Time a few training steps, some sampling, and one classifier, on events of the sidebands."""
    random = np.random.default_rng(config.seed)
    trained, scored = _classifier(config, sidebands, random)
    if not isinstance(config.method, methods.Splines):
        return Costs(0.0, 0.0, trained, scored)
    density = build_density(config.method)
    flows = config.classifier.folds * density.members
    density = replace(density, members=flows, plan=replace(density.plan, epochs=1, best_epochs=1))
    batch = density.plan.batch_size

    def train(steps: int) -> float:
        rows = random.integers(len(sidebands), size=int(np.ceil((steps + 0.5) * batch / TRAINED)))
        return _timed(lambda: density.fit(sidebands.select(rows), config.seed))

    train(FEW)  # and load and build what is done once
    few = train(FEW)
    step = few / FEW if few > LONG else (train(MORE) - few) / (MORE - FEW)
    masses = random.choice(sidebands.mass, DRAWN)
    return Costs(max(step, 0.0), _timed(lambda: density.sample(masses, config.seed)) / DRAWN, trained, scored)


def _classifier(config: Config, sidebands: Sample, random: np.random.Generator) -> tuple[float, float]:
    """Return seconds per event of training one classifier, and of scoring with it."""
    rows = random.permutation(len(sidebands))[: ROWS[config.classifier.name]]
    part = len(rows) // 5
    first, second = sidebands.select(rows[:part]), sidebands.select(rows[part:])
    one = config.model_copy(update={"classifier": config.classifier.model_copy(update={"ensemble": 1})})
    classifier = build_classifier(one)
    training = _timed(lambda: classifier.fit(first, second, config.seed))
    return training / len(rows), _timed(lambda: classifier.log_ratio(second)) / len(second)


def _load(data: Sample, windows: Windows, further: int = 0) -> Load:
    judged = int(windows.in_signal(data.mass).sum())
    return Load(judged, int(windows.in_sidebands(data.mass).sum()), judged, further)


def _memory(samples: Mapping[str, Sample], loads: Mapping[str, Load], config: Config) -> float:
    """Return the memory of this process, which has loaded what a run loads, and of the templates."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    inside, outside = _oversampling(config)
    events = max(inside * load.drawn + outside * load.beside for load in loads.values())
    events += sum(map(len, samples.values()))
    return used + COPIES * 8 * (len(config.features) + 3) * events


def _oversampling(config: Config) -> tuple[float, float]:
    """Return the template events per event of the signal region, and of the sidebands."""
    if isinstance(config.method, methods.Sampled):
        return config.method.oversampling, config.method.validation_oversampling
    return 1.0, 1.0  # of data or simulation


def _timed(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun
