"""Settings to methods of unfolding, and what any of them makes of observables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from hepflow.classifiers import BoostedTrees, DensityRatio, NeuralNetwork, SmoothRatio
from hepflow.events import Events
from hepflow.quantity import Quantity
from hepflow.studies.analysis.objects import built
from hepflow.unfolding import (
    IterativeBayes,
    OmniFold,
    Pairs,
    Posterior,
    Tikhonov,
    Unfolded,
    UnfoldedHistogram,
)
from hepflow.unfolding.posterior import posterior_density

RATIOS: Mapping[str, Callable[..., DensityRatio]] = {
    "smooth": partial(SmoothRatio, moments=True),
    "bdt": BoostedTrees,
    "mlp": NeuralNetwork,
}
IN_BINS: Mapping[str, type[IterativeBayes | Tikhonov]] = {"bayes": IterativeBayes, "tikhonov": Tikhonov}
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Observed:
    """An observable of both levels, as plain settings have it.

    Parameters
    ----------
    name, of, label, unit
        Of the generated quantity; `of` is the expression of columns.
    edges
        Of the generated bins.
    seen, seen_edges
        Its counterpart, None without one, and its bins.
    """

    name: str
    of: str
    label: str
    unit: str
    edges: tuple[float, ...]
    seen: str | None
    seen_edges: tuple[float, ...]

    @property
    def quantity(self) -> Quantity:
        """What axes show."""
        return Quantity(self.name, self.label, self.unit)

    @classmethod
    def all(cls, settings: Sequence[Settings]) -> list[Observed]:
        """Return those of the settings of a step."""
        return [cls(**one) for one in settings]


def omnifold(settings: Settings) -> OmniFold:
    """Return OmniFold of the settings of its block."""
    fakes = settings["fakes"] or ("subtract" if settings["ratio"]["name"] == "smooth" else "model")
    chosen = {key: settings[key] for key in ("iterations", "stop", "replicas")}
    return OmniFold(ratio(settings["ratio"]), fakes=fakes, **chosen)


def ratio(settings: Settings) -> DensityRatio:
    """Return an untrained ratio."""
    made: DensityRatio = built(RATIOS[settings["name"]], settings)
    return made


def posterior(settings: Settings) -> Posterior:
    """Return an untrained posterior, with what its block says of the flow."""
    density = posterior_density()
    asked = {key: settings[key] for key in ("layers", "hidden") if settings[key] is not None}
    trained = {key: settings[key] for key in ("epochs", "batch_size") if settings[key] is not None}
    members = density.members if settings["members"] is None else settings["members"]
    architecture = partial(density.architecture, **asked)
    return Posterior(
        replace(density, architecture=architecture, plan=replace(density.plan, **trained), members=members)
    )


def by_weights(settings: Settings, pairs: Pairs, data: Events, seed: int) -> Unfolded:
    """Return data unfolded by a method that gives weights."""
    if settings["name"] == "omnifold":
        return omnifold(settings).unfold(pairs, data, seed=seed)
    asked = {key: settings[key] for key in ("iterations", "replicas")}
    return posterior(settings).unfold(pairs, data, ratio=ratio(settings["ratio"]), seed=seed, **asked)[1]


def in_bins(
    settings: Settings, pairs: Pairs, data: Events, observable: Observed, seed: int
) -> UnfoldedHistogram:
    """Return an observable unfolded by a method in bins."""
    method = built(IN_BINS[settings["name"]], settings)
    found: UnfoldedHistogram = method.unfold(
        pairs,
        data,
        observable.edges,
        observable.seen_edges,
        of=observable.of,
        seen=observable.seen,
        seed=seed,
    )
    return found


def histograms(
    settings: Settings, pairs: Pairs, data: Events, observables: Sequence[Observed], seed: int
) -> list[UnfoldedHistogram]:
    """Return observables unfolded by any method."""
    if settings["name"] in IN_BINS:
        return [in_bins(settings, pairs, data, one, seed) for one in observables]
    unfolded = by_weights(settings, pairs, data, seed)
    return [unfolded.histogram(one.edges, one.of) for one in observables]
