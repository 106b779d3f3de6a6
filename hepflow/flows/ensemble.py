"""Ensembles: replicas of flows, trained on one table or on several, side by side."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hepflow.flows.evaluate import tensor
from hepflow.flows.stack import FlowMembers
from hepflow.replicas import check_posterior
from hepflow.sample import FloatArray
from hepflow.training import Members, Training, TrainingPlan, train_replicas
from hepflow.training.posterior import trained

Architecture = Callable[[int, int], Any]
"""Builds a flow from the numbers of features and contexts."""


@dataclass(frozen=True)
class Ensemble:
    """What was learned of one table: the kept flows, those of one member together, best first, and the trainings."""

    flows: list[Any]
    trainings: tuple[Training, ...]


def train_apart(
    architecture: Architecture,
    widths: tuple[int, int],
    tables: Sequence[tuple[Tensor, ...]],
    weights: Sequence[FloatArray],
    plan: TrainingPlan,
    members: int,
    seed: int,
    what: str,
    *,
    posterior: str = "bootstrap",
    start: Callable[[Any], None] | None = None,
    beside: Callable[[list[Any]], Members] = FlowMembers,
    checkpoint: Path | None = None,
) -> list[Ensemble]:
    """Train an ensemble on each of several tables, all flows side by side.

    Parameters
    ----------
    architecture, widths
        What builds a flow, and its numbers of features and contexts.
    tables, weights
        The rows of each table, as a flow sees them, and their weights.
    plan, members
        How a flow is trained, and how many replicas of each table.
    seed
        Of first parameters, splits, bootstraps and batches; each flow has one of its own.
    what
        Names a flow in the progress bar and in errors.
    posterior
        What the replicas are draws of, as of `hepflow.training.train_replicas`. Where there are several flows in all,
        each draws a bootstrap of that name.
    start
        Changes a flow before its training.
    beside
        Makes the flows ones that are trained side by side, with their loss.
    checkpoint
        As of `hepflow.training.train`.
    """
    check_posterior(posterior, members)
    networks = trained(posterior, members)
    flows = build(architecture, widths, [seed + number for number in range(networks * len(tables))])
    for flow in flows if start is not None else ():
        start(flow)  # type: ignore[misc]
    weight = np.concatenate(weights)
    alike = bool(np.all(weight == weight[:1]) and np.all(weight[:1] > 0))
    trainings = train_replicas(
        beside(flows),
        tuple(torch.cat(column) for column in zip(*tables, strict=True)),
        replace(plan, bootstrap=False),  # of which the posterior decides
        [seed + number for number in range(len(flows))],
        what if len(flows) == 1 else f"{len(flows)} {what}s",
        posterior=posterior,
        replicas=members,
        weight=None if alike else tensor(weight),
        own=_own_rows([len(table[0]) for table in tables], networks),
        checkpoint=checkpoint,
    )
    shares = [trainings[first : first + members] for first in range(0, len(trainings), members)]
    return [Ensemble(kept_flows(flows[:1] * members, mine), tuple(mine)) for mine in shares]


def build(architecture: Architecture, widths: tuple[int, int], seeds: Sequence[int]) -> list[Any]:
    """Return untrained flows, each from a seed of its own; the global generator stays as it is."""
    flows = []
    for seed in seeds:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            flows.append(architecture(*widths))
    return flows


def kept_flows(flows: Sequence[Any], trainings: Sequence[Training]) -> list[Any]:
    """Return copies of the members' flows in all their kept states, frozen: those of one member stand together."""
    kept = []
    for flow, training in zip(flows, trainings, strict=True):
        for state in training.states:
            kept.append(copy.deepcopy(flow))
            kept[-1].load_state_dict(state, strict=False)
            kept[-1].eval().requires_grad_(False)
    return kept


def _own_rows(sizes: Sequence[int], members: int) -> list[Tensor] | None:
    """Return the rows of each member, where tables of these sizes stand one after another; None for a single one."""
    if len(sizes) == 1:
        return None
    ends = np.cumsum(sizes)
    return [
        torch.arange(int(end) - size, int(end))
        for size, end in zip(sizes, ends, strict=True)
        for _ in range(members)
    ]
