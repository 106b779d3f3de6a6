"""Normalised autoencoders: a reconstruction error that is an energy, so that nothing rare comes back well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor
from torch.func import grad

from hepflow.errors import ConfigError
from hepflow.outliers.autoencoder import Autoencoder, Coder, Coders
from hepflow.weights import storable

AVERAGE = 0.98  # of the weights along the training, whose steps follow random chains
WIDER = 2.0  # spread of the latents that chains begin at, in units of that of the events' latents
BEYOND = 3.0  # how far outside the events of a batch a chain may go, in standard deviations
HELD = 1e-3  # what the square of an energy counts: only differences of energies have a meaning


@storable
@dataclass
class NormalizedAutoencoder(Autoencoder):
    """An autoencoder whose error is minus the log of a normalised density (arXiv:2105.05735, 2206.14225).

    A plain autoencoder may bring back well what it has never seen, where that is simpler than the events. Here the
    error is the energy of a density with a noise that is learned, ``p(x) = exp(-E(x)) / Z``, and after the training
    of a plain autoencoder the likelihood is raised: the loss is the mean of ``E`` over events less that over points
    drawn from ``p`` itself, whose gradient is that of -log p. Chains of Langevin steps draw them, first in the latent
    space, since decoded points come back well, then among the features. What comes back well and looks like no event
    is found by them, and its energy rises. The score is the energy.
    Arguments as of `Autoencoder`.

    Parameters
    ----------
    steps
        Of a chain, in each of the two spaces.
    length
        Of a step, in standard deviations.
    """

    steps: int = 10
    length: float = 0.2
    what: ClassVar[str] = "normalized autoencoder"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps < 1 or not self.length > 0:
            raise ConfigError(
                f"{self.what}: chains of {self.steps} steps of {self.length}; expected at least one, of a length "
                "above zero"
            )

    def _built(self, features: int, bottleneck: int) -> torch.nn.Module:
        return Coder((features, *self.hidden, bottleneck), 1, noisy=True)

    def _learn(
        self, networks: list[torch.nn.Module], x: Tensor, weight: Tensor | None, seeds: list[int]
    ) -> None:
        self._train(Coders(networks, self._plain), self.plan, x, weight, seeds)
        for member, network in enumerate(networks):
            best = {name: each[member * self.plan.best_epochs] for name, each in self.networks.items()}
            network.load_state_dict(best)
        plan = replace(self.plan, patience=None, average=AVERAGE)
        self._train(_Latest(networks, self._loss), plan, x, weight, seeds)

    def _plain(self, network: Coder, x: Tensor) -> Tensor:
        """Return -log of a normal density around what comes back, (B,): an autoencoder and its noise."""
        return self._energy(network, x) + x.shape[-1] * network.log_noise

    def _energy(self, network: Coder, x: Tensor) -> Tensor:
        missed: Tensor = network.decoder(network.encoder(x)) - x
        return 0.5 * (missed.square() * (-2 * network.log_noise).exp()).sum(-1)

    def _loss(self, network: Coder, x: Tensor) -> Tensor:
        found = self._drawn(network, x).detach()
        here, there = self._energy(network, x), self._energy(network, found)
        return here - there + HELD * (here.square() + there.square())

    @torch.no_grad()
    def _drawn(self, network: Coder, x: Tensor) -> Tensor:
        """Return points (B, D) of the density, from chains that begin near its decoded latents."""
        low, high = x.amin(0) - BEYOND, x.amax(0) + BEYOND
        latent = network.encoder(x)
        middle, spread = latent.mean(0), latent.std(0)
        start = middle + WIDER * spread * torch.randn_like(latent)
        within = (middle - 2 * WIDER * spread, middle + 2 * WIDER * spread)
        z = self._chain(lambda at: self._energy(network, network.decoder(at)), start, spread, *within)
        decoded = network.decoder(z).clamp(low, high)
        return self._chain(lambda at: self._energy(network, at), decoded, torch.ones_like(low), low, high)

    def _chain(
        self, energy: Callable[[Tensor], Tensor], start: Tensor, scale: Tensor, low: Tensor, high: Tensor
    ) -> Tensor:
        """Return where Langevin steps on an energy end, inside bounds."""
        slope = grad(lambda at: energy(at).sum())
        step, x = self.length * scale, start
        for _ in range(self.steps):
            drift = (0.5 * step**2 * slope(x)).clamp(-step, step)
            x = (x - drift + step * torch.randn_like(x)).clamp(low, high)
        return x


class _Latest(Coders):
    """Members of which the last epochs are kept: the loss is a difference of energies, and tells no best one."""

    latest = True
