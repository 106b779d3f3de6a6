"""CURTAINs (arXiv:2203.09470): sideband events, carried to masses of the signal region."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np

from hepflow.columns import check_continuous
from hepflow.errors import ConfigError, did_you_mean
from hepflow.flows.apart import fit_apart
from hepflow.flows.architectures import spline_autoregressive
from hepflow.flows.density import Density, spline_density
from hepflow.flows.latents import Latents
from hepflow.flows.preprocess import logit_preprocessing
from hepflow.flows.transport import Transport, transport_apart
from hepflow.methods.background import Background, second
from hepflow.methods.folds import FOLDS, EventFolds, Examples, deal_data, examples_of
from hepflow.methods.sidebands import at_bin_centres, draw_masses, fit_sidebands
from hepflow.regions import Windows
from hepflow.sample import FloatArray, Sample
from hepflow.smooth import SQRT_S
from hepflow.training import Losses, TrainingPlan

Variant = Literal["flows-for-flows", "latents"]
Carrier = Latents | Transport
MEMBERS = 2  # flows of a fold, each with a transport of its own


@dataclass
class Curtains:
    """The CURTAINs template: events of the sidebands, each carried to other masses by an invertible map.

    A base density learns p(x | m) of the sidebands. A map T(x; m, m') carries an event at mass m to where it would
    be at mass m', which comes, as does the expected yield, from a dijet function fitted to the sidebands. Each fold
    of the data has a base and a map of its own, which did not see it: they carry its events to the template that it
    is compared with, and those of the other folds to what its classifier learns from.

    Parameters
    ----------
    variant
        What the map is. ``flows-for-flows`` (arXiv:2305.04646): a second flow, which starts at the identity and is
        trained by the base's likelihood at m' on events of the sidebands, with targets drawn from the fitted spectrum
        of all regions: a map that saw targets in the sidebands alone would have to guess what lies between (the paper
        takes those). ``latents``: into the latent of the base density's flow at m and out
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
        folds: int = FOLDS,
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
        windows.split(data)  # which says what is missing
        smooth = fit_sidebands(data, windows, self.bin_width, self.sqrt_s)
        fold_of = deal_data(data, windows, folds, seed)
        beside = windows.in_sidebands(data.mass)
        if self.base.preprocessing is logit_preprocessing:  # one with `discrete` columns can learn them
            check_continuous(data.select(beside))
        events = at_bin_centres(data.select(beside), windows.edges(self.bin_width))
        of = fold_of[beside]
        random = np.random.default_rng(seed)
        targets, _ = draw_masses(smooth, windows, 1.0, 1.0, random)  # as many in each region as are expected
        carriers, losses = self._learn(
            [events.select(of != k) for k in range(folds)], targets, seed, random, checkpoint
        )

        mass, weight = draw_masses(smooth, windows, self.oversampling, self.validation_oversampling, random)
        inside = windows.in_signal(mass)
        made_for = np.arange(len(mass)) % folds  # masses have no order
        features, replica = np.empty((len(mass), len(data.names))), np.empty(len(mass), dtype=np.intp)
        taught, example_of = [], []
        for fold, carrier in enumerate(carriers):
            own = made_for == fold
            features[own] = _carry(carrier, events.select(of == fold), mass[own], windows, random)
            replica[own] = fold * self.base.members + carrier.member_of(int(own.sum()))
            wanted = examples_of(smooth.yield_in(*windows.signal)[0], folds)
            at = smooth.draw_masses(*windows.signal, wanted, random)
            others = _carry(carrier, events.select(of != fold), at, windows, random)
            taught.append(data.alike(at, others))
            example_of.append(np.full(len(at), fold))
        carried = data.alike(mass, features, weight)
        return Background(
            template=carried.select(inside),
            validation=carried.select(~inside),
            smooth=smooth,
            windows=windows,
            replica=replica[inside],
            validation_replica=replica[~inside],
            folds=EventFolds(folds, fold_of, made_for[inside], made_for[~inside]),
            losses=losses,
            examples=Examples(Sample.concat(taught), np.concatenate(example_of)),
        )

    def _learn(
        self,
        samples: list[Sample],
        targets: FloatArray,
        seed: int,
        random: np.random.Generator,
        checkpoint: Path | None,
    ) -> tuple[list[Carrier], tuple[Losses, ...]]:
        """Train on each sample what carries its events to targets, and return it with the losses of all trainings."""
        bases = fit_apart(self.base, samples, seed, checkpoint)
        losses = [each.losses for base in bases for each in base.trainings]
        if self.variant == "latents":
            return [Latents(base, base) for base in bases], tuple(losses)
        carriers = transport_apart(
            self.flow,
            samples,
            bases,
            seed,
            targets=[random.choice(targets, len(sample)) for sample in samples],
            checkpoint=second(checkpoint),
        )
        losses += [each.losses for carrier in carriers for each in carrier.trainings]
        return list(carriers), tuple(losses)


def _carry(
    carrier: Carrier, events: Sample, mass: FloatArray, windows: Windows, random: np.random.Generator
) -> FloatArray:
    """Carry events to masses (N,), in each region no event before all others again; return features (N, D)."""
    source = np.empty(len(mass), dtype=np.intp)
    for low, high in (windows.signal, *windows.sidebands):
        here = (mass >= low) & (mass < high)
        source[here] = np.resize(random.permutation(len(events)), int(here.sum()))
    return carrier.forward(events.features[source], events.mass[source], mass)
