"""The tuning of showers: the chain of flows judged by showers of the training that it did not see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from hepflow.config.showers import ShowerStudy
from hepflow.engine.plan import Step
from hepflow.engine.study import Blinding
from hepflow.showers import Showers
from hepflow.showers.model import plan_for
from hepflow.studies.showers.study import STUDY
from hepflow.studies.showers.work import untrained
from hepflow.studies.tuning.held_out import mean_log_likelihood, random_part, split
from hepflow.studies.tuning.tunable import Bench, Search, Tunable, ends, put

FLOW = "flow"


class Showering(Tunable[ShowerStudy]):
    """The merit is the mean log-likelihood of the chain for a quarter of the training's showers.

    The density is that of what the flows see, whose coordinates depend on the training showers and the threshold
    alone: they are the same for all trials.
    """

    merits: ClassVar[Mapping[str, str]] = {FLOW: "log-likelihood [nats]"}
    blocks: ClassVar[Mapping[str, str]] = {FLOW: "model"}
    judged = "by a quarter of the training's showers, without those that are held out"
    runs = "shower"
    beside: ClassVar[Mapping[str, Any]] = {"output": True, "judgement": True}

    def left_out(self, config: ShowerStudy) -> dict[str, str]:
        """Return nothing: any study of showers has flows."""
        return {}

    def reading(self, config: ShowerStudy) -> Iterable[Step]:
        """Return the step that reads or simulates, as the study has it."""
        return [STUDY.plan(config, Blinding())["showers"]]

    def bench(self, config: ShowerStudy, read: Any) -> Bench[ShowerStudy]:
        """Return the search for the flows."""
        showers: Showers = read.training
        return Bench((showers.energy, showers.voxels), lambda _, best: _search(best, showers))


def _search(config: ShowerStudy, showers: Showers) -> Search[ShowerStudy]:
    learns, judges = (showers.select(rows) for rows in split(len(showers), config.seed))

    def judge(trial: ShowerStudy) -> tuple[float, dict[str, float]]:
        model = untrained(trial.model.model_dump(), len(learns)).fit(learns, config.seed)
        with random_part():
            found = model.log_prob(judges, config.seed)
        return mean_log_likelihood(found), {}

    ranges = ends(config.tune.flow)
    batch = plan_for(len(learns), batch_size=config.model.batch_size).batch_size
    current = {**{name: getattr(config.model, name) for name in ranges}, "batch_size": batch}
    return Search(FLOW, ranges, current, lambda given, chosen: put(given, "model", chosen), lambda: judge)


TUNABLE = Showering()
