"""The one torch training loop: split, schedule, validation, best epochs, checkpoints."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from hepflow.atomic import atomic_write
from hepflow.errors import ConfigError, FitError, InputError
from hepflow.training.members import Members, State
from hepflow.training.plan import Losses, Training, TrainingPlan
from hepflow.training.rows import Draws, FixedRows, FreshRows, Rows

TOLERATED = 0.05  # share of an epoch's steps that may be left out because their loss is not finite
FORMAT = "hepflow-checkpoint-2"


def train(
    members: Members,
    rows: tuple[Tensor, ...] | Draws,
    plan: TrainingPlan,
    seeds: Sequence[int],
    title: str,
    *,
    weight: Tensor | None = None,
    own: Sequence[Tensor] | None = None,
    checkpoint: Path | None = None,
) -> list[Training]:
    """Train networks side by side, each on its own split and order of the rows, and keep their best epochs.

    Parameters
    ----------
    members
        The E networks; each ends in the state of its best epoch.
    rows
        Tensors of equal length N, such as features (N, D) and masses (N, 1); or `Draws`, of which each batch is new.
    plan
        The recipe.
    seeds
        One for each member: of its split, bootstrap and batches. What a member learns from is the same whoever is
        trained beside it.
    title
        What the progress bar says.
    weight
        Weight of each row in the loss, shape ``(N,)``; some may be negative, the sum that a member learns from may
        not. Their unit does not matter.
    own
        The places of the rows that each member learns from, where it does not learn from all. Of these, each member
        takes as many as the one with the fewest has.
    checkpoint
        A file (safetensors) that is written, whole or not at all, after each epoch. If it is there already, the
        training goes on from it and ends with the same weights as without the interruption.

    Returns
    -------
    list of Training
        One for each member.

    Raises
    ------
    InputError
        If there are fewer rows than two batches: nothing that is learned from them would be the data's. If weights do
        not add up to a positive number, or a checkpoint cannot be read.
    ConfigError
        If the checkpoint belongs to another training, or fresh draws come with weights, shares or a bootstrap.
    FitError
        If losses are not finite: of more than a few steps, or of the validation rows.
    """
    run = _Run(members, rows, plan, seeds, title, weight, own)
    if checkpoint is not None and checkpoint.exists():
        run.load(checkpoint)
    bar = tqdm(
        range(run.epoch, plan.epochs),
        desc=title,
        unit="epoch",
        disable=None,
        initial=run.epoch,
        total=plan.epochs,
    )
    for _ in bar:
        if run.epochs_of_each()[1]:
            break
        run.one_epoch()
        if checkpoint is not None:
            run.save(checkpoint)
        bar.set_postfix_str(
            f"loss {np.mean(run.training[-1]):.3f}, validation {np.mean(run.validation[-1]):.3f}"
        )
    return run.finish()


class _Run:
    """A training under way: everything that a checkpoint holds."""

    def __init__(
        self,
        members: Members,
        rows: tuple[Tensor, ...] | Draws,
        plan: TrainingPlan,
        seeds: Sequence[int],
        title: str,
        weight: Tensor | None,
        own: Sequence[Tensor] | None,
    ) -> None:
        self.members, self.plan, self.title = members.to(plan.device), plan, title
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.rows: Rows
        if isinstance(rows, Draws):
            if weight is not None or own is not None:
                raise ConfigError(
                    f"{title}: fresh draws have no weights and no shares; let the function draw a column of weights, "
                    "and the loss take it into account"
                )
            self.rows = FreshRows(rows, plan, self.generators, title)
        else:
            self.rows = FixedRows(rows, weight, own, plan, self.generators, title)
        self.steps = self.rows.steps
        members.learns_from(self.rows.size)
        self.identity: dict[str, Any] = {
            "format": FORMAT,
            "parameters": {name: list(shape) for name, shape in members.shapes.items()},
            "settings": members.settings,
            "plan": asdict(plan),
            "seeds": list(seeds),
            "rows": self.rows.digest,
        }
        self.optimizer = torch.optim.AdamW(
            [members.table],
            lr=plan.learning_rate,
            weight_decay=plan.weight_decay if members.decays else 0.0,
            fused=True,
        )
        self.averaged = members.table.detach().clone() if plan.average else None
        self.epoch = 0
        self.skipped = [0] * len(seeds)
        self.training: list[list[float]] = []
        self.validation: list[list[float]] = []
        self.kept: list[list[tuple[float, Tensor]]] = [
            [] for _ in seeds
        ]  # what ranks them, as a rule the loss, and row of the table, best first

    def epochs_of_each(self) -> tuple[list[int], bool]:
        """Return how many epochs are each member's own, and whether all have ended.

        A member ends when it went for as long as the plan is patient without a better epoch; those that follow, which
        it has because others train on, are not its own.
        """
        epochs, patience = len(self.validation), self.plan.patience
        if patience is None or epochs <= patience:
            return [epochs] * len(self.kept), False
        least = np.minimum.accumulate(self.validation, axis=0)
        waited = least[patience:] == least[:-patience]
        ended = waited.any(axis=0)
        return np.where(ended, waited.argmax(axis=0) + patience + 1, epochs).tolist(), bool(ended.all())

    def one_epoch(self) -> None:
        """Pass over the training rows once, and judge."""
        devices = [torch.device(self.plan.device)] if self.plan.device != "cpu" else []
        with torch.random.fork_rng(devices=devices):  # for losses that draw random numbers
            torch.manual_seed(hash((tuple(self.identity["seeds"]), self.epoch)) % 2**63)
            self._one_epoch()

    def _one_epoch(self) -> None:
        table, plan = self.members.table, self.plan
        total = torch.zeros(len(table), dtype=torch.float64, device=plan.device)
        skipped = torch.zeros(len(table), dtype=torch.int64, device=plan.device)
        batches = self.rows.batches(self.generators)
        for step, batch in enumerate(batches, start=self.epoch * self.steps):
            everything = plan.epochs * self.steps
            for group in self.optimizer.param_groups:
                group["lr"] = plan.learning_rate * plan.rate(step, everything)
                group["betas"] = (plan.momentum(step, everything), 0.999)
            self.optimizer.zero_grad(set_to_none=True)
            means = self._mean_losses(*batch)
            means.sum().backward()  # type: ignore[no-untyped-call]
            usable = _clip(table, plan.clip) & means.detach().isfinite()
            self.optimizer.step()
            if self.averaged is not None:
                self.averaged.lerp_(table.detach(), 1 - plan.average)
            skipped += ~usable
            total += means.detach().double().where(usable, 0.0)
        with torch.no_grad(), self._averaged_table():
            judged, sizes = [], []
            for columns, weight in self.rows.judging():
                sizes.append(columns[0].shape[1])
                judged.append(self._mean_losses(columns, weight).double() * sizes[-1])
        self.epoch += 1
        self.skipped = [old + int(new) for old, new in zip(self.skipped, skipped, strict=True)]
        self.training.append((total / (self.steps - skipped).clamp_min(1)).tolist())
        self.validation.append((torch.stack(judged).sum(0) / sum(sizes)).tolist())
        self._check(int(skipped.max()))
        best = self.averaged if self.averaged is not None else table.detach()
        for member, epochs in enumerate(self.epochs_of_each()[0]):
            if epochs < self.epoch:
                continue
            loss = self.validation[-1][member]
            rank = -float(self.epoch) if self.members.latest else loss
            own = [*self.kept[member], (rank, best[member].clone())]
            self.kept[member] = sorted(own, key=lambda entry: entry[0])[: plan.best_epochs]

    def _mean_losses(self, columns: tuple[Tensor, ...], weight: Tensor | None) -> Tensor:
        """Return each member's mean loss (E,) on its rows, columns of (E, B, ...)."""
        losses = self.members.losses(*columns)
        if weight is not None:
            losses = losses * weight
        common = self.members.common_loss()
        return losses.mean(1) if common is None else losses.mean(1) + common

    @contextmanager
    def _averaged_table(self) -> Iterator[None]:
        """Put the moving average in the place of the parameters, where there is one."""
        table = self.members.table
        if self.averaged is None:
            yield
            return
        trained = table.detach().clone()
        table.data.copy_(self.averaged)
        yield
        table.data.copy_(trained)

    def _check(self, skipped: int) -> None:
        """Refuse to go on where losses are not finite too often, or cannot be judged."""
        finite = np.isfinite(self.validation[-1]).all()
        if finite and skipped <= TOLERATED * self.steps:
            return
        what = f"{skipped} of {self.steps} steps had no finite loss" if skipped else "the loss is not finite"
        raise FitError(
            f"{self.title}: the loss of epoch {self.epoch} is not finite ({what}; training {self.training[-1]}, "
            f"validation {self.validation[-1]}); try a smaller learning_rate than {self.plan.learning_rate:g}"
        )

    def finish(self) -> list[Training]:
        """Collect the states of the best epochs, and leave each member in its best one."""
        states: list[list[State]] = [[] for _ in self.kept]
        for rank in reversed(range(max(map(len, self.kept)))):  # the best comes last, and stays
            self.members.table.data.copy_(torch.stack([own[min(rank, len(own) - 1)][1] for own in self.kept]))
            for member, own in enumerate(states):
                if rank < len(self.kept[member]):
                    own.insert(0, {name: each.cpu() for name, each in self.members.state(member).items()})
        training, validation = np.array(self.training), np.array(self.validation)
        epochs, _ = self.epochs_of_each()
        return [
            Training(
                tuple(own),
                Losses(
                    tuple(training[: epochs[member], member].tolist()),
                    tuple(validation[: epochs[member], member].tolist()),
                    self.skipped[member],
                ),
            )
            for member, own in enumerate(states)
        ]

    def save(self, path: Path) -> None:
        """Write everything that a later process needs to go on, whole or not at all."""
        adam = self.optimizer.state[self.members.table]
        tensors = {
            "table": self.members.table.detach(),
            "exp_avg": adam["exp_avg"],
            "exp_avg_sq": adam["exp_avg_sq"],
            "step": adam["step"],
            "generators": torch.stack([generator.get_state() for generator in self.generators]),
            "kept": torch.stack([row for own in self.kept for _, row in own]),
        }
        if self.averaged is not None:
            tensors["averaged"] = self.averaged
        content = {
            **self.identity,
            "epoch": self.epoch,
            "training": self.training,
            "validation": self.validation,
            "kept": [[loss for loss, _ in own] for own in self.kept],
            "skipped": self.skipped,
        }
        with atomic_write(path) as temporary:
            save_file(
                {name: each.cpu().contiguous() for name, each in tensors.items()},
                temporary,
                metadata={"training": json.dumps(content)},
            )

    def load(self, path: Path) -> None:
        """Take up a training where a checkpoint left it.

        Raises
        ------
        InputError
            If the file is no checkpoint, or damaged.
        ConfigError
            If it belongs to another training.
        """
        try:
            with safe_open(path, framework="pt") as file:
                content = json.loads(file.metadata()["training"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, TypeError, KeyError, ValueError) as error:
            raise InputError(
                f"{path}: not a checkpoint of a training, or a damaged one ({error}); remove it to start anew"
            ) from None
        for key, mine in self.identity.items():
            if content.get(key) != json.loads(json.dumps(mine)):
                raise ConfigError(
                    f"{path}: a checkpoint of another training: its {key} {_difference(content.get(key), mine)}. "
                    "Remove it, or name another file"
                )
        on = self.plan.device
        table = self.members.table
        table.data.copy_(tensors["table"])
        self.optimizer.state[table] = {
            "step": tensors["step"],
            "exp_avg": tensors["exp_avg"].to(on),
            "exp_avg_sq": tensors["exp_avg_sq"].to(on),
        }
        for generator, state in zip(self.generators, tensors["generators"], strict=True):
            generator.set_state(state.clone())
        if self.averaged is not None:
            self.averaged = tensors["averaged"].to(on)
        self.epoch, self.skipped = content["epoch"], content["skipped"]
        self.training, self.validation = content["training"], content["validation"]
        rows = iter(tensors["kept"].to(on))
        self.kept = [[(loss, next(rows)) for loss in losses] for losses in content["kept"]]


def _clip(table: torch.nn.Parameter, largest: float) -> Tensor:
    """Shorten each member's gradient to a norm of at most `largest`; one that is not finite counts as zero.

    Returns
    -------
    Tensor
        Which gradients were finite, shape ``(E,)``.
    """
    assert table.grad is not None
    norm = torch.linalg.vector_norm(table.grad, dim=1, keepdim=True)
    finite: Tensor = norm.isfinite()
    if not finite.all():  # of single precision, in which the squares of large numbers have no room
        wide = torch.linalg.vector_norm(table.grad, dim=1, keepdim=True, dtype=torch.float64)
        norm = norm.where(finite, wide.to(norm.dtype))  # other members keep theirs to the last bit
        finite = norm.isfinite()
        table.grad.masked_fill_(~finite, 0.0)
    table.grad.mul_((largest / (norm + 1e-6)).clamp_max(1).nan_to_num())
    return finite.squeeze(1)


def _difference(theirs: Any, mine: Any) -> str:
    """Say in which entry two identities differ."""
    if isinstance(theirs, dict) and isinstance(mine, dict):
        for key in {**mine, **theirs}:
            if theirs.get(key) != json.loads(json.dumps(mine.get(key))):
                return f"has {key} = {theirs.get(key)}, this one's {mine.get(key)}"
    return f"is {theirs}, this one's {mine}"
