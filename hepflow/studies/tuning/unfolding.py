"""The tuning of an unfolding: its posterior judged on simulation, or the density ratios that OmniFold iterates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from hepflow.classifiers import table
from hepflow.config.classifiers import NetworkAlone
from hepflow.config.unfolding import Unfolding
from hepflow.config.unfolding_methods import OmniFold, Posterior
from hepflow.engine.plan import Step
from hepflow.engine.study import Blinding
from hepflow.errors import ConfigError, FitError
from hepflow.events import FloatArray
from hepflow.sample import Sample
from hepflow.studies.tuning.held_out import mean_log_likelihood, random_part, split
from hepflow.studies.tuning.record import Settings
from hepflow.studies.tuning.tunable import Bench, Search, Tunable, ends, put, put_widths
from hepflow.studies.unfolding.methods import posterior, ratio
from hepflow.studies.unfolding.study import STUDY
from hepflow.unfolding.posterior import posterior_density

FLOW, RATIO = "posterior", "ratio"
LARGEST = np.log(1e3)  # of a log ratio: one event is not to decide about a mean


class Unfoldable(Tunable[Unfolding]):
    """A posterior is worth the held-out likelihood of simulated truth; a ratio, what it tells samples apart.

    Of OmniFold both steps are taken once: data against simulation in reconstructed columns, then the simulation with
    those weights against itself in generated ones. Each ratio r is judged on the half that it did not learn from by
    ``mean(log r) of the numerator - log(mean(r) of the denominator)``, a bound from below on the divergence of the
    two (Donsker and Varadhan), which the true ratio attains. No truth of data has any part in it.
    """

    merits: ClassVar[Mapping[str, str]] = {FLOW: "log-likelihood [nats]", RATIO: "divergence found [nats]"}
    blocks: ClassVar[Mapping[str, str]] = {FLOW: "method", RATIO: "method.ratio"}
    judged = "by events that the trials did not learn from, without any truth of data"
    runs = "unfold"
    beside: ClassVar[Mapping[str, Any]] = {
        "observables": True,
        "systematics": True,
        "reference": True,
        "checks": True,
    }

    def left_out(self, config: Unfolding) -> dict[str, str]:
        """Return that one of both is not searched; a posterior's ratio only makes weights of what it has drawn."""
        if isinstance(config.method, Posterior):
            return {RATIO: "ratio: what is left of it after a posterior's draws is little"}
        if isinstance(config.method, OmniFold):
            return {FLOW: "posterior: OmniFold has none"}
        raise ConfigError(
            f"nothing to tune: method {config.method.name!r} has no training; expected `omnifold` or `posterior`"
        )

    def reading(self, config: Unfolding) -> Iterable[Step]:
        """Return the step that reads, as the unfolding has it."""
        return [STUDY.plan(config, Blinding())["pairs"]]

    def bench(self, config: Unfolding, read: Any) -> Bench[Unfolding]:
        """Return the search for the flow of a posterior, or for a density ratio."""
        pairs, data = read.pairs, read.data
        both = pairs.both
        truth = table(pairs.truth.features[both], pairs.weight[both], pairs.truth.names)
        reco = table(pairs.reco.features[both], pairs.weight[both], pairs.reco.names)
        measured = table(data.features, data.weight, data.names)
        columns = tuple(part for one in (truth, reco, measured) for part in (one.features, one.weight))

        def search(name: str, best: Unfolding) -> Search[Unfolding]:
            return _posterior(best, truth, reco) if name == FLOW else _ratio(best, truth, reco, measured)

        return Bench(columns, search)


def _posterior(config: Unfolding, truth: Sample, reco: Sample) -> Search[Unfolding]:
    learns, judges = split(len(truth), config.seed)

    def judge(trial: Unfolding) -> tuple[float, dict[str, float]]:
        density = posterior({**trial.method.model_dump(), "members": 1}).density
        x, seen, weight = truth.features, reco.features, truth.weight
        density.fit(x[learns], seen[learns], weight[learns], truth.names, config.seed, given=reco.names)
        with random_part():
            log_prob = density.log_prob(x[judges], seen[judges])
        return mean_log_likelihood(log_prob, weight[judges]), {}

    ranges, untrained = ends(config.tune.flow), posterior_density()
    own = {**dict(vars(untrained.plan)), **untrained.architecture.keywords}  # type: ignore[attr-defined]
    asked = config.method.model_dump()
    current = {name: own[name] if asked[name] is None else asked[name] for name in ranges}
    return Search(FLOW, ranges, current, lambda given, chosen: put(given, "method", chosen), lambda: judge)


def _ratio(config: Unfolding, truth: Sample, reco: Sample, data: Sample) -> Search[Unfolding]:
    chosen = config.method.ratio  # type: ignore[union-attr]
    of_data, of_simulation = (split(len(one), config.seed) for one in (data, reco))

    def judge(trial: Unfolding) -> tuple[float, dict[str, float]]:
        settings = trial.method.ratio.model_dump()  # type: ignore[union-attr]
        first = ratio(settings).fit(data.select(of_data[0]), reco.select(of_simulation[0]), config.seed)
        learned = np.minimum(first.log_ratio(reco), LARGEST)
        seen = found(
            first.log_ratio(data.select(of_data[1])),
            data.weight[of_data[1]],
            learned[of_simulation[1]],
            reco.weight[of_simulation[1]],
        )
        pulled = truth.weight * np.exp(learned)
        learns, judges = of_simulation
        weighted = table(truth.features, pulled, truth.names)
        second = ratio(settings).fit(weighted.select(learns), truth.select(learns), config.seed)
        log_ratio = second.log_ratio(truth.select(judges))
        generated = found(log_ratio, pulled[judges], log_ratio, truth.weight[judges])
        return seen + generated, {"reconstructed": seen, "generated": generated}

    block = {"smooth": "smooth", "bdt": "trees", "mlp": "network"}[chosen.name]
    ranges = ends(getattr(config.tune, block))
    if isinstance(chosen, NetworkAlone):
        current: Settings = {"layers": len(chosen.hidden), "width": chosen.hidden[0]}
    else:
        current = {name: getattr(chosen, name) for name in ranges}
    apply = put_widths if chosen.name == "mlp" else put
    return Search(RATIO, ranges, current, lambda given, new: apply(given, "method.ratio", new), lambda: judge)


def found(numerator: FloatArray, weight: FloatArray, denominator: FloatArray, other: FloatArray) -> float:
    """Return how much of the divergence of two samples log ratios (N,) and (M,) of their events find, in nats.

    Raises
    ------
    FitError
        If that is not finite.
    """
    high, low = np.minimum(numerator, LARGEST), np.minimum(denominator, LARGEST)
    value = float(np.average(high, weights=weight) - np.log(np.average(np.exp(low), weights=other)))
    if not np.isfinite(value):
        raise FitError("the log ratios of the events that judge are not finite")
    return value


TUNABLE = Unfoldable()
