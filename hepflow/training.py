"""The one torch training loop: seed, schedule, validation, best epochs, progress."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call
from tqdm import tqdm

from hepflow.errors import FitError, InputError

State = dict[str, Tensor]
FloatArray = NDArray[np.float64]
CHUNK = 16384  # validation rows at a time


@dataclass(frozen=True)
class TrainingPlan:
    """How a network is trained.

    Parameters
    ----------
    epochs, batch_size
        Passes over the training rows, and rows per step.
    learning_rate, weight_decay
        Peak rate and decoupled weight decay of AdamW.
    schedule
        ``one-cycle`` (warm-up, then cosine to zero; arXiv:1708.07120) or ``cosine``.
    validation_fraction
        Share of the rows, drawn at random, that only judge the epochs.
    best_epochs
        How many of the epochs with the lowest validation loss are kept.
    clip
        Largest norm of the gradient.
    bootstrap
        Draw the training rows with replacement, so that trainings differ as if their data had been taken anew.
    """

    epochs: int = 6
    batch_size: int = 1024
    learning_rate: float = 2e-3
    weight_decay: float = 1e-5
    schedule: Literal["one-cycle", "cosine"] = "one-cycle"
    validation_fraction: float = 0.1
    best_epochs: int = 2
    clip: float = 5.0
    bootstrap: bool = False


@dataclass(frozen=True)
class Losses:
    """Mean loss of every epoch, on the training and on the validation rows."""

    training: tuple[float, ...]
    validation: tuple[float, ...]


@dataclass(frozen=True)
class Training:
    """What the training of one member leaves behind: the kept states, best first, and the losses."""

    states: tuple[State, ...]
    losses: Losses


class Members(torch.nn.Module):
    """Networks of one architecture that are trained side by side, all their parameters in one table.

    Parameters
    ----------
    modules
        The E networks, which differ by their parameters only. They are left as they are.
    loss
        ``loss(module, *rows)`` returns one loss per row, shape ``(B,)``.
    mask
        By a parameter's name, 0 where it is held at zero and 1 elsewhere; parameters without one are free.
    """

    mask: Tensor

    def __init__(
        self,
        modules: Sequence[torch.nn.Module],
        loss: Callable[..., Tensor],
        mask: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.shapes = {name: each.shape for name, each in modules[0].named_parameters()}
        self.table = torch.nn.Parameter(
            torch.stack(
                [torch.cat([each.detach().flatten() for each in one.parameters()]) for one in modules]
            )
        )
        free = [(mask or {}).get(name, torch.ones(shape)).flatten() for name, shape in self.shapes.items()]
        self.register_buffer("mask", torch.cat(free).to(self.table.dtype), persistent=False)
        self._loss = [_Loss(modules[0], loss)]  # in a list: its parameters are not trained, but stood in for

    def __len__(self) -> int:
        return len(self.table)

    def weights(self) -> State:
        """Return each parameter by its name, those of all members stacked: (E, ...)."""
        parts = torch.split(self.table * self.mask, [shape.numel() for shape in self.shapes.values()], dim=1)
        shapes = zip(self.shapes.items(), parts, strict=True)
        return {name: part.view(len(self), *shape) for (name, shape), part in shapes}

    def losses(self, *rows: Tensor) -> Tensor:
        """Return the loss (E, B) of each member on its own rows (E, B, ...)."""
        weights = {f"module.{name}": each.unbind() for name, each in self.weights().items()}
        return torch.stack(
            [
                functional_call(
                    self._loss[0],
                    {name: each[member] for name, each in weights.items()},
                    tuple(column[member] for column in rows),
                )
                for member in range(len(self))
            ]
        )

    def state(self, member: int) -> State:
        """Return a copy of one member's parameters, without buffers, for ``load_state_dict(..., strict=False)``."""
        return {name: each[member].detach().clone() for name, each in self.weights().items()}


class _Loss(torch.nn.Module):
    def __init__(self, module: torch.nn.Module, loss: Callable[..., Tensor]) -> None:
        super().__init__()
        self.module, self.loss = module, loss

    def forward(self, *rows: Tensor) -> Tensor:
        return self.loss(self.module, *rows)


def train(
    members: Members, rows: tuple[Tensor, ...], plan: TrainingPlan, seeds: Sequence[int], title: str
) -> list[Training]:
    """Train networks side by side, each on its own split and order of the rows, and keep their best epochs.

    Parameters
    ----------
    members
        The E networks; each ends in the state of its best epoch.
    rows
        Tensors of equal length N, such as features (N, D) and masses (N, 1).
    plan
        The recipe.
    seeds
        One for each member: of its split, bootstrap and batches. What a member learns from is the same whoever is
        trained beside it.
    title
        What the progress bar says.

    Returns
    -------
    list of Training
        One for each member.

    Raises
    ------
    InputError
        If there are fewer rows than two batches: nothing that is learned from them would be the data's.
    FitError
        If an epoch's loss is not finite.
    """
    size = len(rows[0])
    held_out = int(size * plan.validation_fraction)
    kept_in = size - held_out
    if kept_in < 2 * plan.batch_size or held_out < 1:
        raise InputError(
            f"{title}: {size:,} events cannot train a network in batches of {plan.batch_size}; expected at least "
            f"{int(np.ceil(2 * plan.batch_size / (1 - plan.validation_fraction))):,}. Widen the sidebands, add data, "
            "or set a smaller batch_size"
        )
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    splits = [_split(size, held_out, plan.bootstrap, generator) for generator in generators]
    training, validation = (torch.stack(part) for part in zip(*splits, strict=True))

    steps = kept_in // plan.batch_size
    optimizer = torch.optim.AdamW(
        [members.table], lr=plan.learning_rate, weight_decay=plan.weight_decay, fused=True
    )
    scheduler = _scheduler(optimizer, plan, steps)
    train_losses, validation_losses = [], []
    kept: list[list[tuple[float, Tensor]]] = [[] for _ in seeds]
    bar = tqdm(range(plan.epochs), desc=title, unit="epoch", disable=None)
    for epoch in bar:
        order = torch.stack([torch.randperm(kept_in, generator=generator) for generator in generators])
        shuffled = training.gather(1, order)
        total = torch.zeros(len(seeds), dtype=torch.float64)
        for batch in torch.split(shuffled[:, : steps * plan.batch_size], plan.batch_size, dim=1):
            optimizer.zero_grad(set_to_none=True)
            means = members.losses(*(column[batch] for column in rows)).mean(1)
            means.sum().backward()  # type: ignore[no-untyped-call]
            _clip(members.table, plan.clip)
            optimizer.step()
            scheduler.step()
            total += means.detach()
        with torch.no_grad():
            parts = [
                members.losses(*(column[part] for column in rows))
                for part in torch.split(validation, CHUNK, dim=1)
            ]
        judged = torch.cat(parts, dim=1).double().mean(1)
        train_losses.append((total / steps).tolist())
        validation_losses.append(judged.tolist())
        if not np.isfinite([train_losses[-1], validation_losses[-1]]).all():
            raise FitError(
                f"{title}: the loss of epoch {epoch + 1} is not finite (training {train_losses[-1]}, "
                f"validation {validation_losses[-1]}); try a smaller learning_rate than {plan.learning_rate:g}"
            )
        for member, loss in enumerate(validation_losses[-1]):
            kept[member].append((loss, members.table[member].detach().clone()))
            kept[member] = sorted(kept[member], key=lambda entry: entry[0])[: plan.best_epochs]
        bar.set_postfix_str(
            f"loss {np.mean(train_losses[-1]):.3f}, validation {np.mean(validation_losses[-1]):.3f}"
        )
    return _trainings(members, kept, np.array(train_losses), np.array(validation_losses))


def _split(size: int, held_out: int, bootstrap: bool, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the rows that a member is trained on, and those that judge it."""
    order = torch.randperm(size, generator=generator)
    training = order[held_out:]
    if bootstrap:
        training = training[torch.randint(len(training), (len(training),), generator=generator)]
    return training, order[:held_out]


def _scheduler(
    optimizer: torch.optim.Optimizer, plan: TrainingPlan, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    total = plan.epochs * steps
    if plan.schedule == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total)
    total = max(total, 6)  # with five, torch divides by zero
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer, plan.learning_rate, total_steps=total, pct_start=0.2
    )


def _clip(table: torch.nn.Parameter, largest: float) -> None:
    """Shorten each member's gradient to a norm of at most `largest`."""
    assert table.grad is not None
    norm = table.grad.norm(dim=1, keepdim=True)
    table.grad.mul_((largest / (norm + 1e-6)).clamp_max(1))


def _trainings(
    members: Members, kept: list[list[tuple[float, Tensor]]], training: FloatArray, validation: FloatArray
) -> list[Training]:
    """Collect the states of the best epochs, and leave each member in its best one."""
    ranks = min(len(epochs) for epochs in kept)
    states: list[list[State]] = [[] for _ in kept]
    for rank in reversed(range(ranks)):  # the best comes last, and stays
        with torch.no_grad():
            members.table.copy_(torch.stack([epochs[rank][1] for epochs in kept]))
        for member, own in enumerate(states):
            own.insert(0, members.state(member))
    return [
        Training(
            tuple(own), Losses(tuple(training[:, member].tolist()), tuple(validation[:, member].tolist()))
        )
        for member, own in enumerate(states)
    ]
