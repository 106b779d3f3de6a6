"""The one torch training loop: seed, schedule, validation, best epochs, progress."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from hepflow.errors import FitError, InputError

Loss = Callable[..., Tensor]
State = dict[str, Tensor]


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
    """What a training leaves behind: the kept states, best first, and the losses."""

    states: tuple[State, ...]
    losses: Losses


def train(
    module: torch.nn.Module, loss: Loss, rows: tuple[Tensor, ...], plan: TrainingPlan, seed: int, title: str
) -> Training:
    """Train a module on rows and keep its best epochs.

    Parameters
    ----------
    module
        Anything with parameters; it ends in the state of its best epoch.
    loss
        ``loss(*rows)`` returns one loss per row, shape ``(B,)``.
    rows
        Tensors of equal length N, such as features (N, D) and masses (N, 1).
    plan, seed
        The recipe, and the seed of split and batches.
    title
        What the progress bar says.

    Raises
    ------
    InputError
        If there are fewer rows than two batches: nothing that is learned from them would be the data's.
    FitError
        If an epoch's loss is not finite.
    """
    size = len(rows[0])
    held_out = int(size * plan.validation_fraction)
    if size - held_out < 2 * plan.batch_size or held_out < 1:
        raise InputError(
            f"{title}: {size:,} events cannot train a network in batches of {plan.batch_size}; expected at least "
            f"{int(np.ceil(2 * plan.batch_size / (1 - plan.validation_fraction))):,}. Widen the sidebands, add data, "
            "or set a smaller batch_size"
        )
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(size, generator=generator)
    validation = tuple(column[order[:held_out]] for column in rows)
    kept_rows = order[held_out:]
    if plan.bootstrap:
        kept_rows = kept_rows[torch.randint(len(kept_rows), (len(kept_rows),), generator=generator)]
    training = tuple(column[kept_rows] for column in rows)

    steps = (size - held_out) // plan.batch_size
    optimizer = torch.optim.AdamW(
        module.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay, fused=True
    )
    scheduler: torch.optim.lr_scheduler.LRScheduler
    if plan.schedule == "one-cycle":
        scheduler = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            plan.learning_rate,
            total_steps=max(plan.epochs * steps, 6),  # with five, torch divides by zero
            pct_start=0.2,
        )
    else:
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, plan.epochs * steps)

    train_losses: list[float] = []
    validation_losses: list[float] = []
    kept: list[tuple[float, State]] = []
    bar = tqdm(range(plan.epochs), desc=title, unit="epoch", disable=None)
    for _ in bar:
        module.train()
        shuffled = torch.randperm(size - held_out, generator=generator)
        total = 0.0
        for step in range(steps):
            batch = shuffled[step * plan.batch_size : (step + 1) * plan.batch_size]
            optimizer.zero_grad(set_to_none=True)
            value = loss(*(column[batch] for column in training)).mean()
            value.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(module.parameters(), plan.clip)
            optimizer.step()
            scheduler.step()
            total += value.item()
        module.eval()
        with torch.no_grad():
            judged = torch.cat(
                [loss(*part) for part in zip(*(torch.split(c, 16384) for c in validation), strict=True)]
            )
        train_losses.append(total / steps)
        validation_losses.append(judged.mean().item())
        if not np.isfinite([train_losses[-1], validation_losses[-1]]).all():
            raise FitError(
                f"{title}: the loss of epoch {len(train_losses)} is not finite (training {train_losses[-1]}, "
                f"validation {validation_losses[-1]}); try a smaller learning_rate than {plan.learning_rate:g}"
            )
        kept.append((validation_losses[-1], copy.deepcopy(module.state_dict())))
        kept = sorted(kept, key=lambda entry: entry[0])[: plan.best_epochs]
        bar.set_postfix_str(f"loss {train_losses[-1]:.3f}, validation {validation_losses[-1]:.3f}")
    module.load_state_dict(kept[0][1])
    return Training(tuple(state for _, state in kept), Losses(tuple(train_losses), tuple(validation_losses)))
