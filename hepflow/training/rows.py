"""What a training learns from: rows that are fixed, or drawn anew for every batch."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from hepflow.errors import ConfigError, InputError
from hepflow.training.plan import TrainingPlan

CHUNK = 16384  # validation rows at a time

Batch = tuple[tuple[Tensor, ...], Tensor | None]
"""The columns of a batch, each (E, B, ...), and the weights of its rows (E, B) where they differ."""


@dataclass(frozen=True)
class Draws:
    """Rows that a function draws: for importance sampling and distillation, where more can always be had.

    Parameters
    ----------
    draw
        ``draw(rows, generator)`` returns tensors of `rows` rows, with all random numbers from the generator. It may
        look at the networks under training.
    epoch
        Rows of an epoch, which are drawn batch by batch. Those that judge the epochs, a share of
        ``plan.validation_fraction`` of as many, are drawn once, before the first.
    """

    draw: Callable[[int, torch.Generator], tuple[Tensor, ...]]
    epoch: int


class Rows(Protocol):
    """The rows of a training of E members."""

    size: int
    """Rows that a member learns from in an epoch."""

    steps: int
    """Batches of an epoch."""

    digest: str
    """Of all rows, or, where they are drawn, of those that judge: a checkpoint goes on only with the same."""

    def batches(self, generators: Sequence[torch.Generator]) -> Iterator[Batch]:
        """Yield the batches of an epoch, each member's by its own generator."""
        ...

    def judging(self) -> Iterator[Batch]:
        """Yield the rows that judge an epoch."""
        ...


class FixedRows:
    """A share of given rows for each member, in an order of its own; the others judge. Arguments as of `train`."""

    def __init__(
        self,
        rows: tuple[Tensor, ...],
        weight: Tensor | None,
        own: Sequence[Tensor] | None,
        plan: TrainingPlan,
        generators: Sequence[torch.Generator],
        title: str,
    ) -> None:
        size = len(rows[0]) if own is None else min(map(len, own))
        held_out = int(size * plan.validation_fraction)
        self.size, self.steps = _enough(size, held_out, plan, title)
        self.device, self.batch_size = plan.device, plan.batch_size
        self.columns = tuple(column.to(plan.device) for column in rows)
        self.weight, self.mean_weight = weight, torch.ones(1, 1)  # a mean of each member, or of all
        if weight is not None:
            shares = [weight] if own is None else [weight[mine] for mine in own]
            self.weight = weight.to(plan.device)
            self.mean_weight = torch.stack([_mean(share, title) for share in shares]).to(plan.device)
        self.digest = _digest((*rows, *(() if weight is None else (weight,)), *(own or ())))
        splits = [_split(size, held_out, plan.bootstrap, generator) for generator in generators]
        if own is not None:
            splits = [
                (mine[training], mine[judging]) for mine, (training, judging) in zip(own, splits, strict=True)
            ]
        self.train_rows, self.judge_rows = (
            torch.stack(part).to(plan.device) for part in zip(*splits, strict=True)
        )

    def batches(self, generators: Sequence[torch.Generator]) -> Iterator[Batch]:
        """Yield the batches of an epoch, each member's in the order of its own generator."""
        order = torch.stack([torch.randperm(self.size, generator=generator) for generator in generators])
        shuffled = self.train_rows.gather(1, order.to(self.device))
        yield from map(
            self._taken, torch.split(shuffled[:, : self.steps * self.batch_size], self.batch_size, dim=1)
        )

    def judging(self) -> Iterator[Batch]:
        """Yield the rows that judge an epoch."""
        yield from map(self._taken, torch.split(self.judge_rows, CHUNK, dim=1))

    def _taken(self, places: Tensor) -> Batch:
        weight = None if self.weight is None else self.weight[places] / self.mean_weight
        return tuple(column[places] for column in self.columns), weight


class FreshRows:
    """Rows that each member draws with its own generator."""

    def __init__(
        self, draws: Draws, plan: TrainingPlan, generators: Sequence[torch.Generator], title: str
    ) -> None:
        if plan.bootstrap:
            raise ConfigError(f"{title}: fresh draws differ by themselves; expected a plan without bootstrap")
        held_out = int(draws.epoch * plan.validation_fraction)
        self.size, self.steps = _enough(draws.epoch + held_out, held_out, plan, title)
        self.draw, self.plan, self.title = draws.draw, plan, title
        self.judges = self._drawn(held_out, generators)
        self.digest = _digest(self.judges)

    def batches(self, generators: Sequence[torch.Generator]) -> Iterator[Batch]:
        """Yield the batches of an epoch, drawn when they are asked for."""
        for _ in range(self.steps):
            yield self._drawn(self.plan.batch_size, generators), None

    def judging(self) -> Iterator[Batch]:
        """Yield the rows that judge an epoch, which are always the same."""
        for part in zip(*(torch.split(column, CHUNK, dim=1) for column in self.judges), strict=True):
            yield part, None

    def _drawn(self, rows: int, generators: Sequence[torch.Generator]) -> tuple[Tensor, ...]:
        with torch.no_grad():
            each = [tuple(self.draw(rows, generator)) for generator in generators]
        for drawn in each:
            shapes = [tuple(column.shape) for column in drawn]
            if not drawn or any(shape[:1] != (rows,) for shape in shapes):
                raise ConfigError(f"{self.title}: expected draws of {rows} rows; got tensors of {shapes}")
        return tuple(torch.stack(column).to(self.plan.device) for column in zip(*each, strict=True))


def _enough(size: int, held_out: int, plan: TrainingPlan, title: str) -> tuple[int, int]:
    """Return rows and batches of an epoch, of `size` rows with some held out; refuse fewer than two batches."""
    left = size - held_out
    if left < 2 * plan.batch_size or held_out < 1:
        enough = int(np.ceil(2 * plan.batch_size / (1 - plan.validation_fraction)))
        raise InputError(
            f"{title}: {size:,} events cannot train a network in batches of {plan.batch_size}; expected at least "
            f"{enough:,}. Widen the sidebands, add data, or set a smaller batch_size"
        )
    return left, left // plan.batch_size


def _split(size: int, held_out: int, bootstrap: bool, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the rows that a member is trained on, and those that judge it."""
    order = torch.randperm(size, generator=generator)
    training = order[held_out:]
    if bootstrap:
        training = training[torch.randint(len(training), (len(training),), generator=generator)]
    return training, order[:held_out]


def _mean(weight: Tensor, title: str) -> Tensor:
    """Return the mean of weights (N,), shape ``(1,)``."""
    mean = weight.double().mean()
    if not math.isfinite(mean) or mean <= 0:
        raise InputError(
            f"{title}: the event weights add up to {mean * len(weight):g}; expected a positive, finite sum"
        )
    return mean.to(weight.dtype)[None]


def _digest(rows: tuple[Tensor, ...]) -> str:
    """Return a hash of training rows: a checkpoint goes on only with the same ones."""
    digest = hashlib.sha256()
    for column in rows:
        digest.update(column.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
