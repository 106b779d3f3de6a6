"""Bayesian weights: a normal distribution for each weight in place of a number, around any members."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hepflow.errors import ConfigError, FitError
from hepflow.training.members import Members, State

DEVIATION = "deviation of "  # begins the names of standard deviations beside those of the means
VALIDATION_SEED = 1
STRIDE = 10.0  # times a weight's step is that of the log of its deviation, which has further to go
NEAR, DEAD = 0.9, 0.99  # of the prior's deviation; of the weights, so wide where nothing was learned


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
        N / T makes a posterior of the temperature T (arXiv:2002.02405).

    Raises
    ------
    ConfigError
        If a number is not above zero.
    """

    decays = False  # the prior takes its place
    latest = True  # and keeps later epochs from learning noise

    def __init__(
        self, members: Members, *, prior: float = 1.0, deviation: float = 0.01, rows: float | None = None
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
        self.within = members.requires_grad_(False)  # the drawn weights stand in for its table
        self.table = torch.nn.Parameter(
            torch.cat([means, torch.full_like(means, math.log(deviation) / STRIDE)], dim=1)
        )
        self.register_buffer("mask", members.mask.clone(), persistent=False)
        self.shapes = {
            **members.shapes,
            **{f"{DEVIATION}{name}": shape for name, shape in members.shapes.items()},
        }
        self.settings = {**members.settings, "prior": prior, "rows": rows, "stride": STRIDE}
        self.prior, self.rows = prior, rows
        self.learned = 1 if rows is None else rows

    def learns_from(self, rows: int) -> None:
        """Take the number of rows for N, unless one was given."""
        if self.rows is None:
            self.learned = rows

    def losses(self, *rows: Tensor) -> Tensor:
        """Return the loss (E, B) of each member on its own rows, with weights drawn from its posterior."""
        mean, log_deviation = self._normal()
        fixed = None if torch.is_grad_enabled() else torch.Generator(mean.device).manual_seed(VALIDATION_SEED)
        noise = torch.randn(mean.shape, generator=fixed, device=mean.device, dtype=mean.dtype)
        table = mean + log_deviation.exp() * noise
        return self.within.losses_of(table, *rows)

    def common_loss(self) -> Tensor:
        """Return the divergence of each member's posterior from the prior, over N, shape ``(E,)``."""
        mean, log_deviation = self._normal()
        spread = (2 * log_deviation).exp()
        each = math.log(self.prior) - log_deviation + (spread + mean.square()) / (2 * self.prior**2) - 0.5
        total: Tensor = (each * self.mask).sum(1) / self.learned
        more = self.within.common_loss()
        return total if more is None else total + more

    def weights(self) -> State:
        """Return means and standard deviations, by name, those of all members stacked: (E, ...)."""
        mean, log_deviation = self._normal()
        deviations = self.within.named(log_deviation.exp())
        return {
            **self.within.named(mean),
            **{f"{DEVIATION}{name}": each for name, each in deviations.items()},
        }

    def check_alive(self, title: str) -> None:
        """Refuse posteriors that are the prior: nothing was learned, or all of it was given up again.

        Raises
        ------
        FitError
            If nearly all weights of a member are as uncertain as by the prior.
        """
        wide = self._normal()[1].detach().exp() > NEAR * self.prior
        share = float(((wide * self.mask).sum(1) / self.mask.sum()).max())
        if share > DEAD:
            raise FitError(
                f"{title}: the posterior collapsed to its prior: {share:.1%} of the weights have {NEAR:g} of its "
                "deviation or more, so that its networks say nothing; give it more events, a smaller network or more "
                "epochs, or choose another posterior"
            )

    def _normal(self) -> tuple[Tensor, Tensor]:
        """Return means and logs of standard deviations, each (E, P)."""
        mean, log_deviation = self.table.chunk(2, dim=1)
        return mean, STRIDE * log_deviation


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
