"""The figures of a generation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hepflow.plots.artists import numbers
from hepflow.plots.correlation_differences import correlation_differences
from hepflow.plots.figure import Figure
from hepflow.plots.generated import Panel, generated_features
from hepflow.plots.label import Label
from hepflow.plots.limits_against_events import EventLimit, limits_against_events
from hepflow.plots.power import power
from hepflow.plots.training import flow_losses
from hepflow.studies.generation.record import GenerationRecord, LimitsRecord


def figures(found: GenerationRecord, *, label: Label | str = "hepflow") -> Iterator[tuple[str, Figure]]:
    """Yield the name and the drawing of each figure that the record holds the numbers for."""
    right = f"{found.name}, {found.replicas} replicas"
    panels = [
        Panel(
            one.quantity.axis,
            *map(np.asarray, (one.edges, one.generated, one.error, one.real, one.real_error)),
        )
        for one in found.histograms
    ]
    yield "features", generated_features(panels, label=label, right=right)
    made, real = (np.asarray(rows) for rows in found.correlations)
    names = [one.quantity.name for one in found.histograms]
    if len(names) > 1:
        yield "correlations", correlation_differences(made, real, names, label=label, right=right)
    judged = found.judgement
    planted = [(one.best, one.seen, one.error) for one in judged.planted]
    yield "power", power(planted, judged.auc, judged.floor, label=label, right=right)
    if found.limits is not None:
        yield "limits", _limits(found.limits, label, found.name)
    yield "losses", flow_losses(found.losses, label=label, right=right)


def _limits(found: LimitsRecord, label: Label | str, name: str) -> Figure:
    curves = [
        EventLimit(
            uncertainty,
            numbers(found.curve(uncertainty, training=True).limits),
            numbers(found.curve(uncertainty, training=False).limits),
            float("nan") if plain is None else plain,
        )
        for uncertainty, plain in zip(found.uncertainties, found.plain, strict=True)
    ]
    right = f"{name}, {found.observable.name}"
    return limits_against_events(found.generated, found.trained, curves, label=label, right=right)
