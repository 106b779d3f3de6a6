"""R-ANODE (arXiv:2312.11629): the density of the signal is what the background's leaves of the data."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from hepflow.classifiers import DensityRatio
from hepflow.errors import ConfigError
from hepflow.flows import Density, TrainingPlan, spline_autoregressive
from hepflow.flows.architectures import ARCHITECTURES
from hepflow.flows.bijections import Bijection
from hepflow.flows.ensemble import build, kept_flows
from hepflow.flows.evaluate import CHUNK, tensor
from hepflow.flows.preprocess import logit_preprocessing
from hepflow.flows.stack import FlowMembers
from hepflow.flows.states import chosen, described, flows_from, parameters, probed
from hepflow.methods.anode import LEAST
from hepflow.methods.background import Background
from hepflow.methods.cathode import Cathode, OnCathode
from hepflow.methods.folds import FOLDS
from hepflow.progress import progress
from hepflow.regions import Window, Windows
from hepflow.sample import FloatArray, Sample
from hepflow.training import train
from hepflow.weights import State, storable

SPEED = (
    10.0  # of the fit of w: Adam moves all parameters alike, and log-odds have further to go than a network's
)


@dataclass
class RAnode(OnCathode):
    """The CATHODE background, and a signal density fitted to what it does not explain.

    In the signal region ``p_data(x | m) = w p_s(x) + (1 - w) p_b(x | m)`` (eq. 2 of the paper) with the interpolated
    background density fixed: the signal's density and its fraction w are fitted together by maximum likelihood. The
    score is ``log p_data - log p_b``: it rises with the paper's ``log p_s - log p_b`` and is, like every other score,
    a log density ratio of data to background. Features of a resonance do not depend on m_jj within its signal
    region, so that p_s does not either.

    Parameters
    ----------
    cathode
        Density and template of the background.
    architecture, plan, members
        Of the signal's density: an ensemble that differs by seed and split. Each is a mixture of its own, and has as
        much of a say as its fraction.
    fraction
        Where the fit of w starts, in (0, 1): small, so that the background keeps what it explains.

    Raises
    ------
    ConfigError
        If the fraction lies outside its range.
    """

    architecture: Callable[[int, int], Any] = field(
        default_factory=lambda: partial(spline_autoregressive, layers=2, hidden=32)
    )
    plan: TrainingPlan = field(
        default_factory=lambda: TrainingPlan(
            epochs=20, batch_size=256, validation_fraction=0.2, best_epochs=2
        )
    )
    members: int = 4
    fraction: float = 0.02

    def __post_init__(self) -> None:
        if not 0 < self.fraction < 1:
            raise ConfigError(f"R-ANODE: a signal fraction of {self.fraction:g}; expected one in (0, 1)")

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
        """Make the CATHODE template, and leave the signal's density to the cross-fit of the scores.

        Raises what `Cathode.fit` does.
        """
        background = self.cathode.fit(data, windows, folds=folds, seed=seed, checkpoint=checkpoint)

        def scoring(_: DensityRatio, fold: int) -> DensityRatio:
            return ResidualDensity(self, self.cathode.densities[fold], windows.signal)

        return replace(background, scoring=scoring)


@storable
@dataclass
class ResidualDensity:
    """A classifier made of a fixed background density and a signal density fitted beside it.

    Parameters
    ----------
    method
        The settings.
    background
        The trained density of the background.
    masses
        The signal region, GeV; events beside it are scored as if they stood at its border. The score is then the
        same function of the features everywhere, and asks no density for what it did not learn.
    """

    method: RAnode
    background: Density
    masses: Window

    _flows: list[Any] = field(default_factory=list, init=False, repr=False)
    _bijection: Bijection | None = field(default=None, init=False, repr=False)

    @property
    def fractions(self) -> FloatArray:
        """The fitted signal fraction w of each kept state of each member."""
        return np.array([float(torch.sigmoid(SPEED * flow.log_odds)) for flow in self._flows])

    def fit(self, numerator: Sample, denominator: Sample, seed: int) -> ResidualDensity:
        """Fit signal density and fraction to the data; the background's density is known, the denominator its sample.

        Raises what `hepflow.training.train` does.
        """
        method = self.method
        self._bijection = logit_preprocessing(numerator.features, numerator.names)
        z, log_determinant = self._bijection.forward(numerator.features)
        below = self._log_background(numerator) - log_determinant
        known = np.isfinite(below)
        rows = tensor(z[known]), tensor(below[known])
        seeds = [seed + member for member in range(method.members)]
        flows = build(method.architecture, (z.shape[1], 0), seeds)
        for flow in flows:
            _with_fraction(flow, method.fraction)
        trainings = train(_Mixtures(flows), rows, method.plan, seeds, f"{method.members} signal densities")
        self._flows = kept_flows(flows, trainings)
        return self

    def log_ratio(self, sample: Sample) -> FloatArray:
        """Return ``log p_data - log p_b`` of each event, shape ``(N,)``, finite everywhere."""
        if self._bijection is None:
            raise ConfigError("R-ANODE: the signal density has not been trained; call fit first")
        z, log_determinant = self._bijection.forward(sample.features)
        parts = torch.split(tensor(z), CHUNK)
        flows = progress(self._flows, "signal densities", "flow")
        with torch.no_grad():
            each = [torch.cat([flow.log_prob(part) for part in parts]).numpy() for flow in flows]
        share = np.log(self.fractions) - np.log(self.fractions.sum())
        above = np.logaddexp.reduce(np.asarray(each, np.float64) + share[:, None], axis=0) + log_determinant
        below = self._log_background(sample)
        known = np.isfinite(above) & np.isfinite(below)
        signal = np.full(len(sample), LEAST)
        signal[known] = np.maximum(above[known] - below[known], LEAST)
        fraction = self.fractions.mean()
        ratio: FloatArray = np.logaddexp(np.log(fraction) + signal, np.log1p(-fraction))
        return ratio

    def state(self) -> State:
        """Return settings, the background density, and the parameters of all kept signal densities."""
        if self._bijection is None:
            raise ConfigError("R-ANODE: the signal density has not been trained; call fit first")
        method = self.method
        settings = {
            "architecture": described(method.architecture, ARCHITECTURES),
            "plan": method.plan.portable(),
            "members": method.members,
            "fraction": method.fraction,
            "masses": self.masses,
        }
        parts = {"background": self.background, "bijection": self._bijection}
        return State(settings, parameters(self._flows), parts)

    @classmethod
    def from_state(cls, state: State) -> ResidualDensity:
        """Make trained signal densities beside their background again."""
        settings, density = state.settings, state.part("background", Density)
        method = RAnode(
            Cathode.fewer(),
            chosen(settings["architecture"], ARCHITECTURES, state),
            TrainingPlan(**settings["plan"]),
            int(settings["members"]),
            float(settings["fraction"]),
        )
        low, high = map(float, settings["masses"])
        features = len(density.names)
        made = cls(method, density, (low, high))
        made._bijection = probed(state.part("bijection", Bijection), features)  # type: ignore[type-abstract]
        made._flows = flows_from(
            state,
            lambda: _with_fraction(method.architecture(features, 0), method.fraction),
            method.members,
        )
        return made

    def _log_background(self, sample: Sample) -> FloatArray:
        """Return log p_b(x | m) of each event, shape ``(N,)``."""
        return self.background.log_prob(sample.features, np.clip(sample.mass, *self.masses))


def _with_fraction(flow: Any, fraction: float) -> Any:
    """Return a flow with a signal fraction among its parameters."""
    start = math.log(fraction / (1 - fraction))
    flow.register_parameter("log_odds", torch.nn.Parameter(torch.tensor(start / SPEED)))
    return flow


class _Mixtures(FlowMembers):
    """Signal densities side by side, each with its own fraction of the data beside a fixed background density."""

    def losses(self, *rows: Tensor) -> Tensor:
        """Return -log p_data (E, B) of features (E, B, D), whose background log-density is given, (E, B)."""
        x, background = rows
        log_odds = SPEED * self.weights()["log_odds"].unsqueeze(1)
        signal = functional.logsigmoid(log_odds) - super().losses(x)
        return -torch.logaddexp(signal, functional.logsigmoid(-log_odds) + background)
