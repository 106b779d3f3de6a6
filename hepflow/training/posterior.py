"""Posteriors: what makes replicas of trainings, networks whose spread is the error that a training leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hepflow.importance import effective_size
from hepflow.replicas import DRAWN, POSTERIORS, RETRAINED, check_posterior
from hepflow.training.bayesian import BayesianMembers, drawn
from hepflow.training.laplace import laplace
from hepflow.training.loop import train
from hepflow.training.members import Members, State
from hepflow.training.plan import Training, TrainingPlan

NETWORKS = 4  # that are trained for draws of weights: those around a single one share its error
TEMPERATURE = 0.01  # of `bayesian`, which leaves out correlations: at 1 errors are twice too wide
LONGER = 2  # times the epochs, for it: weights that are drawn learn more slowly


def trained(posterior: str, replicas: int) -> int:
    """Return how many networks are trained for so many replicas."""
    return min(NETWORKS, replicas) if posterior in DRAWN else replicas


def train_replicas(
    members: Members,
    rows: tuple[Tensor, ...],
    plan: TrainingPlan,
    seeds: Sequence[int],
    title: str,
    *,
    posterior: str,
    replicas: int,
    weight: Tensor | None = None,
    own: Sequence[Tensor] | None = None,
    checkpoint: Path | None = None,
) -> list[Training]:
    """Train networks side by side, and return replicas of them.

    Parameters
    ----------
    members
        ``trained(posterior, replicas)`` networks for each table that is learned from, those of one table together.
        For `bayesian` and `laplace` the loss of a row is its negative log-likelihood.
    rows, plan, seeds, title, weight, own, checkpoint
        As of `hepflow.training.train`, which says what is raised, too.
    posterior
        What the replicas are draws of: ``ensemble`` (trainings of other seeds: first parameters, splits and order of
        the rows), ``bootstrap`` (each also on rows drawn with replacement), ``bayesian`` (a normal distribution for
        each weight, `BayesianMembers`, as arXiv:2104.04543 has generators) or ``laplace`` (one for all weights
        together, around those that were trained, `hepflow.training.laplace`).
    replicas
        R, of each table. Draws of the last two are dealt to their networks in turn: they are of a mixture of
        posteriors around several optima (arXiv:2002.08791).

    Returns
    -------
    list of Training
        R of each table, table by table. A draw has one state, and the losses of the network that it is of.

    Raises
    ------
    ConfigError
        If there is no such posterior, or the loss is no likelihood that one of weights could be of.
    FitError
        If a posterior collapsed: its networks say nothing.
    """
    known = POSTERIORS if members.likelihood else RETRAINED
    check_posterior(posterior, replicas, known, "the loss is no likelihood, which a prior could stand beside")
    bayesian = posterior == "bayesian"
    plan = replace(
        plan,
        epochs=plan.epochs * (LONGER if bayesian else 1),
        bootstrap=plan.bootstrap or (posterior == "bootstrap" and len(members) > 1),
    )
    learned = max(1.0, _events(len(rows[0]), weight, own) * (1 - plan.validation_fraction))
    what = BayesianMembers(members, rows=learned / TEMPERATURE) if bayesian else members
    trainings = train(what, rows, plan, seeds, title, weight=weight, own=own, checkpoint=checkpoint)
    if posterior not in DRAWN:
        return trainings
    if isinstance(what, BayesianMembers):
        what.check_alive(title)
    networks = trained(posterior, replicas)
    found: list[list[State]] = []
    for place, training in enumerate(trainings):
        draws = len(range(place % networks, replicas, networks))
        numbers = [int(one) for one in np.random.SeedSequence([seeds[place], place]).generate_state(draws)]
        if bayesian:
            found.append([drawn(training.states[0], number) for number in numbers])
            continue
        chosen = slice(None) if own is None else own[place]
        found.append(
            _around(
                members,
                place,
                tuple(column[chosen] for column in rows),
                None if weight is None else weight[chosen],
                learned,
                numbers,
            )
        )
    tables = range(0, len(trainings), networks)
    in_turn = [first + draw % networks for first in tables for draw in range(replicas)]
    return [Training((found[network].pop(0),), trainings[network].losses) for network in in_turn]


def _around(
    members: Members,
    member: int,
    rows: tuple[Tensor, ...],
    weight: Tensor | None,
    learned: float,
    seeds: Sequence[int],
) -> list[State]:
    """Return draws of Laplace's posterior around a network, one a seed."""
    generator = torch.Generator().manual_seed(seeds[0])
    factors, gradients = laplace(members, member, rows, learned, generator, weight=weight)
    each = [
        torch.randn(len(factors), generator=torch.Generator().manual_seed(seed)).to(factors) for seed in seeds
    ]
    table = members.table.detach()[member] + torch.stack(each) @ factors @ gradients
    named = {name: values.cpu() for name, values in members.named(table).items()}
    return [{name: values[draw].clone() for name, values in named.items()} for draw in range(len(seeds))]


def _events(rows: int, weight: Tensor | None, own: Sequence[Tensor] | None) -> float:
    """Return how many events of equal weight each network has; shares of a table weigh them alike."""
    worth = 1.0 if weight is None else effective_size(weight.double().numpy()) / len(weight)
    return worth * (rows if own is None else min(map(len, own)))
