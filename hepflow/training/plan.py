"""The recipe of a training, and what a training leaves behind."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch

from hepflow.errors import ConfigError
from hepflow.training.members import State


@dataclass(frozen=True)
class TrainingPlan:
    """How a network is trained.

    Parameters
    ----------
    epochs, batch_size
        Passes over the training rows, and rows per step.
    learning_rate, weight_decay
        Peak rate and decoupled weight decay of AdamW (arXiv:1711.05101).
    schedule
        ``one-cycle`` (arXiv:1708.07120), ``cosine`` (arXiv:1608.03983) or ``constant``.
    warm_up
        Share of the steps in which the rate rises to its peak.
    validation_fraction
        Share of the rows, drawn at random, that only judge the epochs; in (0, 1).
    best_epochs
        How many of the epochs with the lowest validation loss are kept.
    patience
        A member ends when its validation loss has had no new minimum for so many epochs, whoever trains on beside it;
        None never stops early.
    clip
        Largest norm of the gradient of a member.
    average
        Decay per step of an exponential moving average of the parameters, which is then what is judged and kept;
        0 for none.
    bootstrap
        Draw the training rows with replacement, so that trainings differ as if their data had been taken anew.
    device
        Where to train: ``cpu``, ``cuda``, ``cuda:1``, ...

    Raises
    ------
    ConfigError
        If a number lies outside its range, or there is no such device.
    """

    epochs: int = 6
    batch_size: int = 1024
    learning_rate: float = 2e-3
    weight_decay: float = 1e-5
    schedule: Literal["one-cycle", "cosine", "constant"] = "one-cycle"
    warm_up: float = 0.2
    validation_fraction: float = 0.1
    best_epochs: int = 2
    patience: int | None = None
    clip: float = 5.0
    average: float = 0.0
    bootstrap: bool = False
    device: str = "cpu"

    def __post_init__(self) -> None:
        for name, fits, expected in (
            ("epochs", self.epochs >= 1, "at least 1"),
            ("batch_size", self.batch_size >= 1, "at least 1"),
            ("best_epochs", self.best_epochs >= 1, "at least 1"),
            ("learning_rate", self.learning_rate > 0, "a positive number"),
            ("warm_up", 0 <= self.warm_up < 1, "a share in [0, 1)"),
            ("validation_fraction", 0 < self.validation_fraction < 1, "a share in (0, 1)"),
            ("average", 0 <= self.average < 1, "a decay in [0, 1)"),
        ):
            if not fits:
                raise ConfigError(f"TrainingPlan: {name} is {getattr(self, name)}; expected {expected}")
        try:
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError) as error:
            there = ["cpu", *(f"cuda:{k}" for k in range(torch.cuda.device_count()))]
            raise ConfigError(
                f"TrainingPlan: no device {self.device!r} here; expected one of {', '.join(there)}"
            ) from error

    def portable(self) -> dict[str, Any]:
        """Return the recipe without the device, which another machine may not have."""
        return {name: value for name, value in asdict(self).items() if name != "device"}

    def rate(self, step: int, steps: int) -> float:
        """Return the learning rate at a step of `steps`, relative to the peak."""
        done = step / max(steps - 1, 1)
        first, last = (0.04, 4e-6) if self.schedule == "one-cycle" else (0.0, 0.0)
        if done < self.warm_up:
            return first + (1 - first) * 0.5 * (1 - math.cos(math.pi * done / self.warm_up))
        if self.schedule == "constant":
            return 1.0
        return last + (1 - last) * 0.5 * (1 + math.cos(math.pi * (done - self.warm_up) / (1 - self.warm_up)))

    def momentum(self, step: int, steps: int) -> float:
        """Return AdamW's first beta: one cycle lowers it from 0.95 to 0.85 where the rate peaks."""
        return 0.95 - 0.1 * self.rate(step, steps) if self.schedule == "one-cycle" else 0.9


@dataclass(frozen=True)
class Losses:
    """Mean loss of every epoch, on the training and on the validation rows.

    Parameters
    ----------
    training, validation
        One number per epoch.
    skipped
        Steps left out because their loss was not finite.
    """

    training: tuple[float, ...]
    validation: tuple[float, ...]
    skipped: int = 0


@dataclass(frozen=True)
class Training:
    """What the training of one member leaves behind: the kept states, best first, and the losses."""

    states: tuple[State, ...]
    losses: Losses
