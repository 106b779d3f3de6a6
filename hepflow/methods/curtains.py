"""CURTAINs (arXiv:2203.09470): sideband events, carried to masses of the signal region."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np

from hepflow.errors import ConfigError, did_you_mean
from hepflow.flows.architectures import spline_autoregressive
from hepflow.flows.density import Density, spline_density
from hepflow.flows.latents import Latents
from hepflow.flows.transport import Transport
from hepflow.methods.background import Background, second
from hepflow.methods.sidebands import at_bin_centres, draw_masses, fit_sidebands
from hepflow.regions import Windows
from hepflow.sample import Sample
from hepflow.smooth import SQRT_S
from hepflow.training import TrainingPlan

Variant = Literal["flows-for-flows", "latents"]
MEMBERS = 4  # flows, each with a transport of its own


@dataclass
class Curtains:
    """The CURTAINs template: events of the sidebands, each carried to other masses by an invertible map.

    A base density learns p(x | m) of the sidebands. A map T(x; m, m') carries an event at mass m to where it would
    be at mass m', which comes, as does the expected yield, from a dijet function fitted to the sidebands.

    Parameters
    ----------
    variant
        What the map is. ``flows-for-flows`` (arXiv:2305.04646): a second flow, which starts at the identity and is
        trained by the base's likelihood at m' on events of the sidebands, with targets drawn from the sidebands'
        masses, below and above their own alike. ``latents``: into the latent of the base density's flow at m and out
        of it at m', which needs no second training.
    base
        The density of the sidebands.
    flow
        The second flow and its training.
    oversampling
        Template events per expected event; where that is more than there are events in the sidebands, an event goes
        to several masses.
    validation_oversampling
        The same in the sidebands, to other masses of which events are carried there.
    bin_width
        Width of the bins in which the dijet function is fitted, GeV.
    sqrt_s
        Collision energy, the scale of the dijet function, GeV.

    Raises
    ------
    ConfigError
        If there is no such variant.
    """

    variant: Variant = "flows-for-flows"
    base: Density = field(default_factory=lambda: Density(members=MEMBERS))
    flow: Transport = field(
        default_factory=lambda: Transport(
            partial(spline_autoregressive, layers=4, hidden=32), TrainingPlan(epochs=4, learning_rate=5e-3)
        )
    )
    oversampling: float = 8.0
    validation_oversampling: float = 2.0
    bin_width: float = 50.0
    sqrt_s: float = SQRT_S

    def __post_init__(self) -> None:
        known = get_args(Variant)
        if self.variant not in known:
            raise ConfigError(f"Curtains: no variant {self.variant!r}: {did_you_mean(self.variant, known)}")

    @classmethod
    def of(
        cls,
        *,
        variant: Variant,
        oversampling: float,
        validation_oversampling: float,
        bin_width: float,
        sqrt_s: float,
        **flow: Any,
    ) -> Self:
        """Return the method with a base density of these settings (`spline_density`)."""
        return cls(
            variant,
            spline_density(**flow),
            oversampling=oversampling,
            validation_oversampling=validation_oversampling,
            bin_width=bin_width,
            sqrt_s=sqrt_s,
        )

    def fit(
        self,
        data: Sample,
        windows: Windows,
        *,
        simulation: Sample | None = None,
        seed: int,
        checkpoint: Path | None = None,
    ) -> Background:
        """Train on the sidebands of the data, and carry their events into the signal region.

        Simulation is not used. Truth labels are not looked at.

        Raises
        ------
        ConfigError
            If the weights differ from event to event.
        InputError
            If a region lies outside the data, or the sidebands hold too few events to train on.
        """
        _, events = windows.split(data)
        smooth = fit_sidebands(data, windows, self.bin_width, self.sqrt_s)
        events = at_bin_centres(events, windows.edges(self.bin_width))
        random = np.random.default_rng(seed)
        self.base.fit(events, seed, checkpoint)
        trainings = self.base.trainings
        carrier: Latents | Transport = Latents(self.base, self.base)
        if self.variant == "flows-for-flows":
            carrier = self.flow.fit(
                events, self.base, seed, target=random.permutation(events.mass), checkpoint=second(checkpoint)
            )
            trainings += self.flow.trainings
        mass, weight = draw_masses(smooth, windows, self.oversampling, self.validation_oversampling, random)
        source = np.empty(len(mass), dtype=np.intp)
        for low, high in (
            windows.signal,
            *windows.sidebands,
        ):  # in each region no event before all others again
            here = (mass >= low) & (mass < high)
            source[here] = np.resize(random.permutation(len(events)), int(here.sum()))
        features = carrier.forward(events.features[source], events.mass[source], mass)
        carried = Sample(mass, features, data.names, weight)
        inside = windows.in_signal(mass)
        replica = carrier.member_of(len(mass))
        of_data = np.flatnonzero(windows.in_sidebands(data.mass))[source]
        return Background(
            template=carried.select(inside),
            validation=carried.select(~inside),
            smooth=smooth,
            windows=windows,
            replica=replica[inside],
            validation_replica=replica[~inside],
            losses=tuple(each.losses for each in trainings),
            rows=of_data[inside],
            validation_rows=of_data[~inside],
        )
