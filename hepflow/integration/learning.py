"""What flows and channel weights learn: the variance of the integral, or the divergence from the integrand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from hepflow.integration.buffer import Drawn
from hepflow.integration.cube import CubeFlow
from hepflow.integration.proposals import Grid
from hepflow.integration.weights import NOTHING, WeightNetwork, among
from hepflow.training import Members, Training, TrainingPlan, train

Loss = Literal["variance", "kl"]
TINY = 1e-12  # below which the root of a variance has a slope without bound


class Model(torch.nn.Module):
    """All that is trained together: a flow for each group of channels, and the network of channel weights.

    Parameters
    ----------
    flows
        Of the groups, in order; none where proposals are grids.
    groups
        The group of each of C channels.
    network
        Of channel weights, if they are learned.
    active
        The channels that take part.
    """

    def __init__(
        self,
        flows: Sequence[CubeFlow],
        groups: Sequence[int],
        network: WeightNetwork | None,
        active: Sequence[int],
    ) -> None:
        super().__init__()
        self.flows = torch.nn.ModuleList(flows)
        self.network = network
        self.groups, self.active = tuple(groups), tuple(active)

    def log_densities(self, z: Tensor, channel: Tensor) -> Tensor:
        """Return log densities (N,) of the flow of each point's channel."""
        if not len(self.flows):
            return torch.zeros_like(z[:, 0])
        if len(self.flows) == 1:
            return self.flows[0].log_prob(z)  # type: ignore[operator, no-any-return]
        group = torch.tensor(self.groups)[channel]
        total = torch.zeros_like(z[:, 0])
        for number, flow in enumerate(self.flows):
            rows = (group == number).nonzero()[:, 0]
            if len(rows):
                total = total.index_put((rows,), flow.log_prob(z[rows]))  # type: ignore[operator]
        return total

    def shares(self, channel: Tensor, seen: Tensor, log_given: Tensor) -> Tensor:
        """Return the weight (N,) of each point's own channel."""
        if len(self.active) == 1:
            return torch.ones_like(seen[:, 0] if seen.shape[1] else log_given[:, 0])
        log_weight = (
            torch.log_softmax(log_given, dim=1) if self.network is None else self.network(seen, log_given)
        )
        return log_weight.gather(1, channel[:, None])[:, 0].exp()


def _variance(model: Model, z: Tensor, channel: Tensor, size: Tensor, log_mixture: Tensor, seen: Tensor,
              given: Tensor) -> Tensor:  # fmt: skip
    """Return the variance of the integral at the best numbers of calls, ``(sum_i sigma_i)^2`` (arXiv:2311.01548).

    `size` is the integrand over the mixture density of the points, in units of the integral.
    """
    ratio = model.log_densities(z, channel) - log_mixture
    weight = model.shares(channel, seen, given) * size
    total = weight.new_zeros(1)
    for own in model.active:
        here = weight[channel == own], ratio[channel == own]
        if len(here[0]):
            spread = ((here[0] * torch.exp(-here[1]) - here[0].mean()).square() * torch.exp(here[1])).mean()
            total = total + torch.sqrt(spread + TINY)
    return total.square()


def _divergence(model: Model, z: Tensor, channel: Tensor, size: Tensor, log_mixture: Tensor, seen: Tensor,
                given: Tensor) -> Tensor:  # fmt: skip
    """Return the divergence of each flow from its channel's share of the integrand (arXiv:1808.03856)."""
    log_density = model.log_densities(z, channel)
    weight = model.shares(channel, seen, given).detach() * size.abs()
    total = weight.new_zeros(1)
    for own in model.active:
        rows = channel == own
        if rows.any():
            total = total - (weight[rows] * log_density[rows]).mean()
    return total


LOSSES = {"variance": _variance, "kl": _divergence}


def learn(
    model: Model,
    drawn: Drawn,
    grids: Mapping[int, Grid],
    loss: Loss,
    plan: TrainingPlan,
    seed: int,
    title: str,
) -> Training:
    """Train a model, in place, on all points that there are."""
    log_mixture = drawn.log_mixture()
    with np.errstate(over="ignore"):
        size = drawn.value * np.exp(-log_mixture)
    counts = np.bincount(drawn.channel, minlength=len(model.groups))
    given = among(drawn.log_given, model.active)
    own = np.exp(given[np.arange(len(drawn)), drawn.channel])
    integral = float(np.sum(np.abs(size) * own / counts[drawn.channel]))
    z, log_grid = np.empty_like(drawn.u), np.empty(len(drawn))
    for group, grid in grids.items():
        rows = np.isin(drawn.channel, np.flatnonzero(np.array(model.groups) == group))
        z[rows], log_grid[rows] = grid.to_cube(drawn.u[rows])
    columns = (
        z,
        drawn.channel,
        size / integral,
        log_mixture - log_grid,
        drawn.seen,
        np.maximum(given, NOTHING),
    )
    rows_ = tuple(
        torch.from_numpy(column if column.dtype == np.int64 else column.astype(np.float32))
        for column in columns
    )
    members = Members([model], LOSSES[loss])
    (training,) = train(members, rows_, plan, [seed], title)
    model.load_state_dict(training.states[0], strict=False)
    return training
