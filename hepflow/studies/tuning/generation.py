"""The tuning of a generation: flows judged by events of the training that they did not see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from hepflow.config.defaults import default
from hepflow.config.generation import Generation, Model
from hepflow.engine.plan import Step
from hepflow.engine.study import Blinding
from hepflow.events import Events, FloatArray
from hepflow.generation.generator import batch_size_for
from hepflow.studies.generation.study import STUDY
from hepflow.studies.generation.work import untrained
from hepflow.studies.tuning.held_out import mean_log_likelihood, random_part, split
from hepflow.studies.tuning.tunable import Bench, Search, Tunable, ends, put

FLOW = "flow"


class Generating(Tunable[Generation]):
    """The merit is the mean log-likelihood of a quarter of the training's events, of which no trial learns."""

    merits: ClassVar[Mapping[str, str]] = {FLOW: "log-likelihood [nats]"}
    blocks: ClassVar[Mapping[str, str]] = {FLOW: "model"}
    judged = "by a quarter of the training's events, without those that are held out"
    runs = "generate"
    beside: ClassVar[Mapping[str, Any]] = {"output": True, "judgement": True, "limits": True}

    def left_out(self, config: Generation) -> dict[str, str]:
        """Return nothing: any generation has a flow."""
        return {}

    def reading(self, config: Generation) -> Iterable[Step]:
        """Return the step that reads, as the generation has it."""
        return [STUDY.plan(config, Blinding())["events"]]

    def bench(self, config: Generation, read: Any) -> Bench[Generation]:
        """Return the search for the flow."""
        events: Events = read.training
        learned = tuple(name for name in events.names if name not in config.given)
        x, context = (
            np.stack([events.feature(name) for name in names], axis=1)
            if names
            else np.empty((len(events), 0))
            for names in (learned, config.given)
        )
        columns = (x, context, events.weight)

        def search(_: str, best: Generation) -> Search[Generation]:
            return _search(best, columns, learned)

        return Bench(columns, search)


def _search(
    config: Generation, columns: tuple[FloatArray, FloatArray, FloatArray], learned: tuple[str, ...]
) -> Search[Generation]:
    learns, judges = split(len(columns[0]), config.seed)
    x, context, weight = columns
    preprocessing = config.preprocessing.model_dump(mode="json")

    def judge(trial: Generation) -> tuple[float, dict[str, float]]:
        model = trial.model
        asked = {**model.model_dump(), "options": model.options, "replicas": config.tune.ensemble}
        density = untrained(asked, preprocessing, int(learns.sum())).density
        density.fit(
            x[learns], context[learns], weight[learns], learned, config.seed, given=tuple(config.given)
        )
        with random_part():
            log_prob = density.log_prob(x[judges], context[judges])
        return mean_log_likelihood(log_prob, weight[judges]), {}

    current = _current(config.model, int(learns.sum()))
    return Search(
        FLOW,
        ends(config.tune.flow, current),
        current,
        lambda given, settings: put(given, "model", settings),
        lambda: judge,
    )


def _current(model: Model, events: int) -> dict[str, int | float]:
    """Return the settings that an architecture has, and what they are where the configuration leaves them open."""
    found: dict[str, int | float] = {}
    for name in ("layers", "hidden", "bins"):
        try:
            own = default(f"hepflow.flows.architectures:{model.architecture}.{name}")
        except LookupError:
            continue
        asked = model.options.get(name, own)
        if isinstance(asked, int):
            found[name] = asked
    batch = model.batch_size or batch_size_for(events)
    return {**found, "epochs": model.epochs, "batch_size": batch, "learning_rate": model.learning_rate}


TUNABLE = Generating()
