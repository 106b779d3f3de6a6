"""Bayesian weights: a normal distribution for each weight in place of a number, around any members."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.func import functional_call

from hepflow.errors import ConfigError
from hepflow.training.members import Members, State

DEVIATION = "deviation of "  # begins the names of standard deviations beside those of the means
VALIDATION_SEED = 1


class BayesianMembers(Members):
    """Members whose weights are independent normal distributions: Bayes by backprop (arXiv:1505.05424).

    The loss of a batch is that of weights drawn anew from the posterior, plus the divergence of this from the prior,

        KL(q || p) / N = sum_i [ log(s / s_i) + (s_i^2 + mu_i^2) / (2 s^2) - 1/2 ] / N ,

    so that of N training rows the mean loss is the negative log-evidence's bound (eq. 2 there) over N, where the loss
    of a row is its negative log-likelihood. Judging, the drawn weights are always the same. The last epochs are kept:
    the posterior is where the bound ends, not where some rows are described best.

    Parameters
    ----------
    members
        The members, of any loss; their weights are the means to begin with.
    prior
        Standard deviation `s` of the prior, a normal distribution around zero.
    deviation
        Standard deviation of all weights to begin with.
    rows
        N, where it is not the number of rows that a member learns from: for fresh draws, as many as they stand for.

    Raises
    ------
    ConfigError
        If a number is not above zero.
    """

    decays = False  # the prior takes its place
    latest = True  # and keeps later epochs from learning noise

    def __init__(
        self, members: Members, *, prior: float = 1.0, deviation: float = 0.01, rows: int | None = None
    ) -> None:
        torch.nn.Module.__init__(self)
        for name, value in (
            ("prior", prior),
            ("deviation", deviation),
            ("rows", 1 if rows is None else rows),
        ):
            if not 0 < value < math.inf:
                raise ConfigError(f"BayesianMembers: {name} is {value}; expected a number above zero")
        means = members.table.detach()
        self.within = _Losses(members).requires_grad_(False)  # the drawn weights stand in for its table
        self.table = torch.nn.Parameter(
            torch.cat([means, torch.full_like(means, math.log(deviation))], dim=1)
        )
        self.register_buffer("mask", members.mask.clone(), persistent=False)
        self.shapes = {
            **members.shapes,
            **{f"{DEVIATION}{name}": shape for name, shape in members.shapes.items()},
        }
        self.settings = {**members.settings, "prior": prior, "rows": rows}
        self.prior, self.rows = prior, rows
        self.learned = 1 if rows is None else rows

    def learns_from(self, rows: int) -> None:
        """Take the number of rows for N, unless one was given."""
        if self.rows is None:
            self.learned = rows

    def losses(self, *rows: Tensor) -> Tensor:
        """Return the loss (E, B) of each member on its own rows, with weights drawn from its posterior."""
        mean, log_deviation = self.table.chunk(2, dim=1)
        fixed = None if torch.is_grad_enabled() else torch.Generator(mean.device).manual_seed(VALIDATION_SEED)
        noise = torch.randn(mean.shape, generator=fixed, device=mean.device, dtype=mean.dtype)
        table = mean + log_deviation.exp() * noise
        losses: Tensor = functional_call(self.within, {"members.table": table}, rows)
        return losses

    def common_loss(self) -> Tensor:
        """Return the divergence of each member's posterior from the prior, over N, shape ``(E,)``."""
        mean, log_deviation = self.table.chunk(2, dim=1)
        spread = (2 * log_deviation).exp()
        each = math.log(self.prior) - log_deviation + (spread + mean.square()) / (2 * self.prior**2) - 0.5
        total: Tensor = (each * self.mask).sum(1) / self.learned
        more = self.within.members.common_loss()
        return total if more is None else total + more

    def weights(self) -> State:
        """Return means and standard deviations, by name, those of all members stacked: (E, ...)."""
        mean, log_deviation = self.table.chunk(2, dim=1)
        both = torch.cat([mean * self.mask, log_deviation.exp() * self.mask], dim=1)
        parts = torch.split(both, [shape.numel() for shape in self.shapes.values()], dim=1)
        shapes = zip(self.shapes.items(), parts, strict=True)
        return {name: part.view(len(self), *shape) for (name, shape), part in shapes}


class _Losses(torch.nn.Module):
    """The losses of members as a module, whose table another takes the place of."""

    def __init__(self, members: Members) -> None:
        super().__init__()
        self.members = members

    members: Members

    def forward(self, *rows: Tensor) -> Tensor:
        """Return the losses (E, B) of rows (E, B, ...)."""
        return self.members.losses(*rows)


def drawn(state: State, seed: int) -> State:
    """Return the weights of one network, drawn from a posterior.

    Parameters
    ----------
    state
        Of a training of `BayesianMembers`: means, and standard deviations beside them. To predict, average over
        several networks; to load the means alone, ``load_state_dict(state, strict=False)`` of what has no deviation.
    seed
        Of the draw.

    Raises
    ------
    ConfigError
        If the state has no standard deviations.
    """
    means = {name: each for name, each in state.items() if not name.startswith(DEVIATION)}
    if len(state) != 2 * len(means):
        raise ConfigError("these weights are no posterior: expected a state that BayesianMembers left")
    generator = torch.Generator().manual_seed(seed)
    return {
        name: mean + state[f"{DEVIATION}{name}"] * torch.randn(mean.shape, generator=generator)
        for name, mean in means.items()
    }
