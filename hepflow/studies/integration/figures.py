"""The figures of an integral, from its record."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hepflow.plots.figure import Figure
from hepflow.plots.integral_iterations import integral_iterations
from hepflow.plots.integral_marginals import Marginal, integral_marginals
from hepflow.plots.integral_weights import WeightSpectrum, integral_weights
from hepflow.plots.label import Label
from hepflow.studies.integration.record import IntegrationRecord


def figures(found: IntegrationRecord, *, label: Label | str = "hepflow") -> Iterator[tuple[str, Figure]]:
    """Yield the name and the drawing of each figure that the record holds the numbers for."""
    summary, right = (found.value, found.error, found.chi2, found.dof), f"{found.name}, {found.function}"
    yield "iterations", integral_iterations(np.array(found.iterations), *summary, label=label, right=right)
    if found.weights is not None:
        one = found.weights
        spectrum = WeightSpectrum(
            "Points", np.array(one.edges), np.array(one.shares), one.tops, one.efficiencies, one.below
        )
        yield "weights", integral_weights([spectrum], label=label, right=right)
    if found.marginals:
        drawn = [
            Marginal(each.axis, *map(np.array, (each.edges, each.integrand, each.proposal, each.error)))
            for each in found.marginals
        ]
        yield "marginals", integral_marginals(drawn, label=label, right=right)
