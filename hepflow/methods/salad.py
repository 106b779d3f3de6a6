"""SALAD (arXiv:2001.05001): simulation reweighted to the data of the sidebands, its weights carried on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from hepflow.classifiers import NeuralNetwork, Reweighter, deal
from hepflow.errors import ConfigError
from hepflow.methods.background import Background
from hepflow.methods.folds import FOLDS, EventFolds, deal_data
from hepflow.methods.sidebands import at_bin_centres, fit_sidebands, follow
from hepflow.methods.simulation import check_simulation
from hepflow.regions import Windows
from hepflow.sample import Sample
from hepflow.smooth import SQRT_S
from hepflow.training import TrainingPlan

PLAN = TrainingPlan(
    epochs=10, batch_size=1024, learning_rate=5e-3, validation_fraction=0.2, best_epochs=5, bootstrap=True
)


def _network() -> NeuralNetwork:
    return NeuralNetwork(members=1, bins=0, with_mass=True, plan=PLAN)


@dataclass
class Salad:
    """The SALAD template.

    A classifier of features and m_jj learns the ratio of data to simulation in the sidebands,
    ``w(x, m) = p_data(x, m) / p_sim(x, m)``. Simulated events of the signal region are weighted with it, at their own
    masses, and scaled to the spectrum that a dijet function fitted to the sidebands expects there.

    Parameters
    ----------
    classifier
        The network, which must have m_jj among its inputs.
    replicas
        Independent trainings, at least two. Simulated events are dealt between them, and each takes its weight from
        the one training that did not see it. Where a training draws a bootstrap of its events, as is the default,
        the spread between them is the error of a training.
    bin_width
        Width of the bins in which the dijet function is fitted, GeV.
    sqrt_s
        Collision energy, the scale of the dijet function, GeV.
    """

    classifier: NeuralNetwork = field(default_factory=_network)
    replicas: int = 8
    bin_width: float = 50.0
    sqrt_s: float = SQRT_S

    def fit(
        self,
        data: Sample,
        windows: Windows,
        *,
        simulation: Sample | None = None,
        folds: int = FOLDS,
        seed: int,
        checkpoint: Path | None = None,
    ) -> Background:
        """Train on the sidebands of data and simulation, and weight the simulation.

        Truth labels are not looked at.

        Raises
        ------
        ConfigError
            If there is no simulation or it lacks a feature, the classifier does not take m_jj, or the weights of the
            data differ from event to event.
        InputError
            If a region lies outside the data or the simulation, the data outside the simulation's support, an event
            has a negative weight, or the template is worth fewer than a thousand events.
        """
        if not self.classifier.with_mass:
            raise ConfigError(
                "SALAD carries weights to other masses: its classifier must take m_jj (with_mass)"
            )
        events = check_simulation(simulation, data, windows, "SALAD")
        events = events.select(windows.in_signal(events.mass) | windows.in_sidebands(events.mass))
        _, sidebands = windows.split(data)
        smooth = fit_sidebands(data, windows, self.bin_width, self.sqrt_s)
        edges = windows.edges(self.bin_width)
        given = at_bin_centres(events, edges)
        inside = windows.in_signal(events.mass)
        replica = deal(len(events), self.replicas, seed)
        reweighter = Reweighter(self.classifier, self.replicas, largest=None).fit(
            at_bin_centres(sidebands, edges),
            given.select(~inside),
            seed,
            fold_of=(deal(len(sidebands), self.replicas, seed + 1), replica[~inside]),
        )
        networks = reweighter.crossfit.classifiers
        log_ratio = np.empty(len(events))
        log_ratio[~inside] = reweighter.log_ratios
        log_ratio[inside] = reweighter.log_ratio(given.select(inside), replica[inside])
        weighted = replace(events, weight=events.weight * np.exp(log_ratio))
        weighted = follow(weighted, smooth, windows, self.bin_width, "SALAD")
        return Background(
            template=weighted.select(inside),
            validation=weighted.select(~inside),
            smooth=smooth,
            windows=windows,
            replica=replica[inside],
            validation_replica=replica[~inside],
            folds=EventFolds.at_random(
                folds, deal_data(data, windows, folds, seed), int(inside.sum()), int((~inside).sum()), seed
            ),
            losses=tuple(
                loss for each in networks if isinstance(each, NeuralNetwork) for loss in each.losses
            ),
        )
