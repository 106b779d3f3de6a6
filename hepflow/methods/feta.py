"""FETA (arXiv:2212.11285): simulation, transported to where the data would be."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Self, get_args

import numpy as np

from hepflow.columns import check_continuous
from hepflow.errors import ConfigError, did_you_mean
from hepflow.flows.density import Density
from hepflow.flows.latents import Latents
from hepflow.flows.preprocess import logit_preprocessing
from hepflow.flows.transport import Transport
from hepflow.methods.background import Background, second
from hepflow.methods.distance import Distance
from hepflow.methods.folds import FOLDS, EventFolds, deal_data
from hepflow.methods.sidebands import at_bin_centres, draw_masses, fit_sidebands, follow
from hepflow.methods.simulation import check_simulation
from hepflow.regions import Windows
from hepflow.sample import Sample
from hepflow.smooth import SQRT_S, SmoothFit
from hepflow.training import Training

Variant = Literal["base-to-data", "identity", "penalty", "two-bases"]

MEMBERS = 4  # densities of the simulation, each with its transport


@dataclass
class Feta:
    """The FETA template: simulated events, carried by a map that was learned in the sidebands.

    A base density learns p(x | m) of the simulation in all regions. A map from simulation to data, conditioned on m,
    is trained on the sidebands by the likelihood of their data under the carried base (arXiv:2212.11285), and
    applied to simulation in the signal region. The spectrum of m_jj follows a dijet function fitted to the sidebands.

    Parameters
    ----------
    variant
        How simulation and data are matched (arXiv:2309.06472). ``base-to-data``: by a map from a random start;
        ``identity``: by one that starts at the identity; ``penalty``: by one that pays for the distance, too;
        ``two-bases``: by two densities, of simulation and of data, with one latent.
    base
        The density of the simulation; for ``two-bases`` that of the data is built alike.
    flow
        The map and its training; `variant` decides on its start and penalty.
    penalty
        What ``penalty`` pays for a squared distance of one, in the preprocessed space.
    oversampling
        Template events per expected event, drawn from the base density and carried; None carries the simulated
        events themselves.
    validation_oversampling
        The same in the sidebands, if there is an `oversampling`.
    bin_width
        Width of the bins in which the dijet function is fitted, GeV.
    sqrt_s
        Collision energy, the scale of the dijet function, GeV.

    Attributes
    ----------
    distance
        How far the template's events travelled in the signal region; None before `fit`.

    Raises
    ------
    ConfigError
        If there is no such variant.
    """

    variant: Variant = "identity"
    base: Density = field(default_factory=lambda: Density(members=MEMBERS))
    flow: Transport = field(default_factory=Transport)
    penalty: float = 0.1
    oversampling: float | None = None
    validation_oversampling: float = 4.0
    bin_width: float = 50.0
    sqrt_s: float = SQRT_S

    distance: Distance | None = field(default=None, init=False)
    _map: Transport | Latents | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        known = get_args(Variant)
        if self.variant not in known:
            raise ConfigError(f"Feta: no variant {self.variant!r}: {did_you_mean(self.variant, known)}")

    @classmethod
    def of(cls, *, variant: Variant, ensemble: int, bin_width: float, sqrt_s: float) -> Self:
        """Return the method with so many densities."""
        return cls(variant, Density(members=ensemble), bin_width=bin_width, sqrt_s=sqrt_s)

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
        """Train on the simulation and on the sidebands of the data, and carry simulation to the signal region.

        Truth labels are not looked at.

        Raises
        ------
        ConfigError
            If there is no simulation, it lacks a feature, or the weights of the data differ from event to event.
        InputError
            If a region lies outside data or simulation, the simulation does not cover the data, there are too few
            events to train on, or the template is worth fewer than a thousand.
        """
        simulation = check_simulation(simulation, data, windows, "FETA")
        _, sidebands = windows.split(data)
        if self.base.preprocessing is logit_preprocessing:  # one with `discrete` columns can learn them
            check_continuous(sidebands)
        smooth = fit_sidebands(data, windows, self.bin_width, self.sqrt_s)
        edges = windows.edges(self.bin_width)
        simulation = simulation.window(*windows.range)
        simulated, observed = at_bin_centres(simulation, edges), at_bin_centres(sidebands, edges)
        both = np.concatenate([simulated.features, observed.features])
        common = self.base.preprocessing(both, data.names)
        base = replace(self.base, preprocessing=lambda *_: common).fit(simulated, seed, checkpoint)
        trainings = base.trainings + self._learn(base, observed, seed, second(checkpoint))
        before = self._events(simulation, base, smooth, windows, seed)
        after = follow(self.transport(before), smooth, windows, self.bin_width, "FETA")
        inside, beside = windows.in_signal(after.mass), windows.in_sidebands(after.mass)
        template = after.select(inside)
        start = replace(before.select(inside), weight=template.weight)
        self.distance = Distance.between(start, template)
        assert self._map is not None
        replica = self._map.member_of(len(after))
        return Background(
            template=template,
            validation=after.select(beside),
            smooth=smooth,
            windows=windows,
            replica=replica[inside],
            validation_replica=replica[beside],
            folds=EventFolds.at_random(
                folds, deal_data(data, windows, folds, seed), int(inside.sum()), int(beside.sum()), seed
            ),
            losses=tuple(training.losses for training in trainings),
        )

    def transport(self, sample: Sample) -> Sample:
        """Carry simulated events to where the data would be, at their own masses.

        Outside the sidebands and what lies between them, the map is extrapolated.

        Raises
        ------
        ConfigError
            If nothing has been fitted yet.
        """
        if self._map is None:
            raise ConfigError("this Feta has not been fitted; call fit first")
        carry = self._map.forward if isinstance(self._map, Latents) else self._map.inverse
        return replace(sample, features=carry(sample.features, sample.mass))

    def _learn(
        self, base: Density, observed: Sample, seed: int, checkpoint: Path | None
    ) -> tuple[Training, ...]:
        """Learn the map, and return the trainings behind it."""
        if self.variant == "two-bases":
            of_data = replace(base).fit(observed, seed, checkpoint)
            self._map = Latents(base, of_data)
            return of_data.trainings
        penalty = self.penalty if self.variant == "penalty" else 0.0
        flow = replace(self.flow, identity=self.variant != "base-to-data", penalty=penalty)
        self._map = flow.fit(observed, base, seed, checkpoint=checkpoint)
        return flow.trainings

    def _events(
        self, simulation: Sample, base: Density, smooth: SmoothFit, windows: Windows, seed: int
    ) -> Sample:
        """Return what is to be carried: the simulated events, or draws from their density."""
        if self.oversampling is None:
            return simulation
        random = np.random.default_rng(seed)
        mass, _ = draw_masses(smooth, windows, self.oversampling, self.validation_oversampling, random)
        return simulation.alike(mass, base.sample(mass, seed))
