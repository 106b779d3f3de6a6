"""The normalized autoencoder: its reconstruction error is the energy of a density (arXiv:2206.14225)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from hepflow.errors import ConfigError
from hepflow.outliers.autoencoder import Autoencoder, Coder
from hepflow.training import Members, TrainingPlan
from hepflow.weights import storable

EPOCHS = 8
PLAN = TrainingPlan(epochs=EPOCHS, batch_size=256, learning_rate=2e-3, best_epochs=1)
INSIDE = 0.2  # noise of a step in the latent, which is bounded by one
BESIDE = 0.5  # and of one in the columns, in units of the noise that is learned
FARTHEST = 6.0  # standardised columns of a chain stay within


@storable
@dataclass
class NormalizedAutoencoder(Autoencoder):
    r"""An autoencoder trained by maximum likelihood: what its energy calls usual is what the events are.

    With the squared distance to what comes back in units of a learned noise as energy E, ``p(x) = exp(-E(x)) / Z``
    is a density of standardised columns, since a bounded latent lets no direction come back for ever. Its likelihood
    grows along ``-grad E(x+) + grad E(x-)``, x+ events and x- draws from p (arXiv:2206.14225). This is to
    raise the energy of what an autoencoder brings back unseen, as outliers that are simpler than the events.

    Draws come from two chains of Langevin's: one in the latent, on the manifold of what the decoder makes, from the
    latents of events, and from there one in the columns. ``regularisation * (E(x+)^2 + E(x-)^2)`` keeps both
    energies bounded. Other arguments as of `Autoencoder`.

    Parameters
    ----------
    steps
        Of each of the chains.
    regularisation
        See above.

    Notes
    -----
    No loss says which epoch is the best, that of the draws changes as the energy does: the last one is kept.
    """

    plan: TrainingPlan = PLAN
    steps: int = 6
    regularisation: float = 1e-2

    what: ClassVar[str] = "normalized autoencoder"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps < 1:
            raise ConfigError(f"{self.what}: {self.steps} steps of the chains; expected at least 1")
        if not self.regularisation >= 0:
            raise ConfigError(f"{self.what}: regularisation {self.regularisation}; expected zero or more")

    def _built(self, features: int, bottleneck: int) -> torch.nn.Module:
        made = Coder((features, *self.hidden, bottleneck), 1)
        made.encoder.append(torch.nn.Tanh())
        made.log_noise = torch.nn.Parameter(torch.zeros(()))
        return made

    def _side_by_side(self, networks: list[torch.nn.Module]) -> Members:
        made = super()._side_by_side(networks)
        made.latest = True
        return made

    def _energy(self, network: Coder, x: Tensor) -> Tensor:
        missed: Tensor = (network.decoder(network.encoder(x)) - x).square().sum(-1)
        return 0.5 * missed * (-2 * network.log_noise).exp()

    def _loss(self, network: Coder, x: Tensor) -> Tensor:
        usual, drawn = self._energy(network, x), self._energy(network, self._draws(network, x))
        return usual - drawn + self.regularisation * (usual.square() + drawn.square())

    def _draws(self, network: Coder, x: Tensor) -> Tensor:
        """Return draws from the density, as many as x has rows, through which no gradient goes."""
        with torch.no_grad():
            latent = self._chain(
                lambda z: self._energy(network, network.decoder(z)), network.encoder(x), INSIDE, 1.0
            )
            noise = BESIDE * network.log_noise.exp()
            return self._chain(
                lambda rows: self._energy(network, rows), network.decoder(latent), noise, FARTHEST
            ).detach()

    def _chain(
        self, energy: Callable[[Tensor], Tensor], start: Tensor, noise: Tensor | float, farthest: float
    ) -> Tensor:
        """Return where Langevin's steps ``x - noise^2 / 2 grad E + noise * normal`` lead, within bounds.

        Each is taken as Metropolis has it: without, a step too long for a steep energy leads up, and to what no
        density has, and a training would follow there.
        """

        def both(rows: Tensor) -> tuple[Tensor, Tensor]:
            found = energy(rows)
            return found.sum(), found

        look = torch.func.grad(both, has_aux=True)
        place, (slope, value) = start, look(start)
        for _ in range(self.steps):
            new = place - 0.5 * noise**2 * slope + noise * torch.randn_like(place)
            new_slope, new_value = look(new)
            there = (new - place + 0.5 * noise**2 * slope).square().sum(-1)
            back = (place - new + 0.5 * noise**2 * new_slope).square().sum(-1)
            chance = value - new_value + (there - back) / (2 * noise**2)
            taken = (torch.rand_like(value).log() < chance) & (new.abs() <= farthest).all(-1)
            place = torch.where(taken[:, None], new, place)
            slope = torch.where(taken[:, None], new_slope, slope)
            value = torch.where(taken, new_value, value)
        return place
