"""The CATHODE template from a density learned by flow matching (arXiv:2210.02747, 2312.10130)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from hepflow.flows import Density, TrainingPlan, flow_matching
from hepflow.methods.cathode import Cathode


def _density() -> Density:
    """Return a density with a plan that suits a regression, whose loss says little of how good its samples are.

    Its steps are cheap, its noisy loss wants many of them and an average over them, and large batches.
    """
    return Density(
        partial(flow_matching, hidden=64, layers=3, steps=8),
        TrainingPlan(epochs=30, batch_size=1024, learning_rate=4e-3, average=0.995, best_epochs=1),
        members=4,
    )


@dataclass
class FlowMatchingTemplate(Cathode):
    """The CATHODE template, its density a continuous flow that is learned by conditional flow matching.

    As `Cathode` but for the density: the regression of a velocity (arXiv:2210.02747) takes the place of the
    likelihood, and a differential equation makes the samples.
    """

    density: Density = field(default_factory=_density)
