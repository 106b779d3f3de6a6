"""Ensembles: flows that differ by seed and bootstrap, trained on one table or on several, side by side."""

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
from hepflow.sample import FloatArray
from hepflow.training import Members, Training, TrainingPlan, train

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
    start: Callable[[Any], None] | None = None,
    beside: Callable[[list[Any]], Members] = FlowMembers,
    bootstrap: bool = True,
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
        How a flow is trained, and how many of each table.
    seed
        Of first parameters, splits, bootstraps and batches; each flow has one of its own.
    what
        Names a flow in the progress bar and in errors.
    start
        Changes a flow before its training.
    beside
        Makes the flows ones that are trained side by side, with their loss.
    bootstrap
        Whether each flow draws a bootstrap of its table, where there are several in all.
    checkpoint
        As of `hepflow.training.train`.
    """
    flows = build(architecture, widths, [seed + number for number in range(members * len(tables))])
    for flow in flows if start is not None else ():
        start(flow)  # type: ignore[misc]
    weight = np.concatenate(weights)
    alike = bool(np.all(weight == weight[:1]) and np.all(weight[:1] > 0))
    trainings = train(
        beside(flows),
        tuple(torch.cat(column) for column in zip(*tables, strict=True)),
        replace(plan, bootstrap=bootstrap and len(flows) > 1),
        [seed + number for number in range(len(flows))],
        what if len(flows) == 1 else f"{len(flows)} {what}s",
        weight=None if alike else tensor(weight),
        own=_own_rows([len(table[0]) for table in tables], members),
        checkpoint=checkpoint,
    )
    shares = [slice(first, first + members) for first in range(0, len(flows), members)]
    return [Ensemble(kept_flows(flows[mine], trainings[mine]), tuple(trainings[mine])) for mine in shares]


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
