"""Members: networks of one architecture that are trained side by side."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

State = dict[str, Tensor]


class Members(torch.nn.Module):
    """Networks of one architecture that are trained side by side, all their parameters in one table.

    Parameters
    ----------
    modules
        The E networks, which differ by their trainable parameters only. They are left as they are.
    loss
        ``loss(module, *rows)`` returns one loss per row, shape ``(B,)``; or, of rows of equal weight, one of all of
        them together, ``(1,)``, such as a distance of two samples.
    mask
        By a parameter's name, 0 where it is held at zero and 1 elsewhere; parameters without one are free.

    Attributes
    ----------
    settings
        What else a subclass' loss depends on, as JSON: a checkpoint goes on only with the same.
    """

    mask: Tensor
    decays: bool = True  # whether the plan's weight decay acts on the table
    likelihood: bool = True  # whether the loss of a row is its negative log-likelihood, up to a constant
    latest: bool = False  # whether the last epochs are kept, not those of the lowest validation loss

    def __init__(
        self,
        modules: Sequence[torch.nn.Module],
        loss: Callable[..., Tensor],
        mask: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.settings: dict[str, Any] = {}
        self.shapes = {name: each.shape for name, each in modules[0].named_parameters() if each.requires_grad}
        self.table = torch.nn.Parameter(torch.stack([self._flat(module) for module in modules]))
        free = [(mask or {}).get(name, torch.ones(shape)).flatten() for name, shape in self.shapes.items()]
        self.register_buffer("mask", torch.cat(free).to(self.table.dtype), persistent=False)
        self.loss = _Loss(
            copy.deepcopy(modules[0]).requires_grad_(False), loss
        )  # members stand in for its parameters

    def _flat(self, module: torch.nn.Module) -> Tensor:
        parameters = dict(module.named_parameters())
        return torch.cat([parameters[name].detach().flatten() for name in self.shapes])

    def __len__(self) -> int:
        return len(self.table)

    def weights(self) -> State:
        """Return each parameter by its name, those of all members stacked: (E, ...)."""
        return self.named(self.table)

    def named(self, table: Tensor) -> State:
        """Return the parameters of a table (K, P) by their names, (K, ...)."""
        parts = torch.split(table * self.mask, [shape.numel() for shape in self.shapes.values()], dim=1)
        shapes = zip(self.shapes.items(), parts, strict=True)
        return {name: part.view(len(table), *shape) for (name, shape), part in shapes}

    def losses_of(self, table: Tensor, *rows: Tensor) -> Tensor:
        """Return the losses (K, B) of rows (K, B, ...) with the parameters of another table (K, P)."""
        losses: Tensor = functional_call(_Losses(self), {"members.table": table}, rows)
        return losses

    def losses(self, *rows: Tensor) -> Tensor:
        """Return the loss (E, B) of each member on its own rows (E, B, ...)."""
        weights = {f"module.{name}": each.unbind() for name, each in self.weights().items()}
        return torch.stack(
            [
                functional_call(
                    self.loss,
                    {name: each[member] for name, each in weights.items()},
                    tuple(column[member] for column in rows),
                )
                for member in range(len(self))
            ]
        )

    def common_loss(self) -> Tensor | None:
        """Return what is added to the mean loss of each member, whatever its rows, shape ``(E,)``, if anything."""
        return None

    def learns_from(self, rows: int) -> None:
        """Take note of how many rows each member learns from, before a training."""

    def state(self, member: int) -> State:
        """Return a copy of one member's parameters, without buffers, for ``load_state_dict(..., strict=False)``."""
        return {name: each[member].detach().clone() for name, each in self.weights().items()}


class _Loss(torch.nn.Module):
    def __init__(self, module: torch.nn.Module, loss: Callable[..., Tensor]) -> None:
        super().__init__()
        self.module, self.loss = module, loss

    def forward(self, *rows: Tensor) -> Tensor:
        losses: Tensor = self.loss(self.module, *rows)
        return losses


class _Losses(torch.nn.Module):
    """The losses of members as a module, in which another table can take the place of theirs."""

    def __init__(self, members: Members) -> None:
        super().__init__()
        self.members = members

    members: Members

    def forward(self, *rows: Tensor) -> Tensor:
        return self.members.losses(*rows)
