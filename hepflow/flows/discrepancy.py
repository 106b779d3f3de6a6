"""Maximum mean discrepancy as a part of a flow's loss: of a quantity whose distribution has to be right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from hepflow.errors import ConfigError
from hepflow.flows.across import ACROSS, asked
from hepflow.flows.bijections import Bijection
from hepflow.flows.evaluate import from_normal, has_latent
from hepflow.flows.stack import FlowMembers
from hepflow.sample import FloatArray

Quantity = Callable[[FloatArray], FloatArray]
"""A number of each row: of (N, D) as a flow sees them, (N,)."""

PAIRED = 256  # rows of a batch that are compared: the cost grows with their square
WIDTHS = (1.0, 0.3, 0.1)  # of the kernels, over the distance between the quartiles
STEP = 1e-4  # of what flows see, which is of order one, for slopes


@dataclass(frozen=True)
class Discrepancy:
    """Adds to the loss the squared maximum mean discrepancy of a quantity, between a batch and as many samples.

    A likelihood tells of every dimension alike; this of one, such as a mass (arXiv:1907.03764, sec. 2.3).

    Parameters
    ----------
    of
        What is done across columns, as ``{"mass": [pt1, eta1, phi1, pt2, eta2, phi2]}``; the quantity is what then
        stands in the place of the first of them.
    weight
        Of the discrepancy, beside the likelihood of an event. The discrepancy is at most two.

    Notes
    -----
    The kernel is a sum of Breit-Wigners, ``w^2 / (w^2 + d^2)``, of the widths `WIDTHS`, over the distance between the
    quartiles; the estimate is the unbiased one.
    """

    of: Mapping[str, Sequence[str]]
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.weight < np.inf:
            raise ConfigError(f"discrepancy: weight {self.weight}; expected a number above zero")

    def members(
        self, flows: Sequence[Any], x: FloatArray, names: tuple[str, ...], bijection: Bijection
    ) -> DiscrepancyMembers:
        """Return flows that are trained with this in their loss, of rows (N, D) and what flows see them through.

        Raises
        ------
        ConfigError
            If there is no such quantity, or the flows are mixtures, whose draws have no slope.
        """
        if not has_latent(flows[0]):
            raise ConfigError(
                "discrepancy: mixture_autoregressive draws without a slope; use another architecture"
            )
        ((what, columns),) = asked(names, (self.of,))
        part, place = ACROSS[what](x, names, columns, {}), names.index(columns[0])
        middle, low, high = np.quantile(part.forward(x)[0][:, place], (0.5, 0.25, 0.75))

        def quantity(seen: FloatArray) -> FloatArray:
            own = part.forward(bijection.inverse(seen))[0][:, place]
            return np.asarray((own - middle) / (high - low))

        made = DiscrepancyMembers(flows, quantity, self.weight)
        made.settings = {"discrepancy": {"of": {what: list(columns)}, "weight": self.weight}}
        return made


class DiscrepancyMembers(FlowMembers):
    """Flows trained by maximum likelihood and a discrepancy.

    Parameters
    ----------
    flows
        Of one architecture, with a latent.
    quantity
        What is compared, of order one.
    weight
        Of the discrepancy.
    """

    def __init__(self, flows: Sequence[Any], quantity: Quantity, weight: float) -> None:
        super().__init__(flows)
        self.likelihood = False
        self.quantity, self.weight = quantity, weight
        self.drawn = _Drawn(self.loss.module)

    def losses(self, *rows: Tensor) -> Tensor:
        """Return the loss (E, B), each with the discrepancy of its batch."""
        weights = {f"module.{name}": each.unbind() for name, each in self.weights().items()}
        paired = [column[:, :PAIRED] for column in rows]
        found = []
        for member in range(len(self)):
            own = {name: each[member] for name, each in weights.items()}
            seen = [column[member] for column in paired]
            drawn = functional_call(self.drawn, own, (torch.randn_like(seen[0]), *seen[1:]))
            found.append(discrepancy(self._compared(drawn), self._compared(seen[0])))
        return super().losses(*rows) + self.weight * torch.stack(found)[:, None]

    def _compared(self, seen: Tensor) -> Tensor:
        values: Tensor = _Slopes.apply(seen, self.quantity)  # type: ignore[no-untyped-call]
        return values


def discrepancy(first: Tensor, second: Tensor) -> Tensor:
    """Return the squared maximum mean discrepancy of two samples (N,), N at least 2: unbiased, it may be negative."""
    rows = len(first)

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        squared = (a[:, None] - b[None]) ** 2
        return torch.stack([width**2 / (width**2 + squared) for width in WIDTHS]).mean(0)

    within = sum((kernel(each, each).sum() - rows) / (rows * (rows - 1)) for each in (first, second))
    return within - 2 * kernel(first, second).mean()


class _Drawn(torch.nn.Module):
    """A flow as a function of normal numbers, for its parameters to be put in."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        return from_normal(self.module, z, context)


class _Slopes(torch.autograd.Function):
    """A function of rows that torch does not know, with its slopes by differences."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, quantity: Quantity) -> Tensor:
        x = rows.detach().cpu().numpy().astype(np.float64)
        if ctx.needs_input_grad[0]:
            units = STEP * np.eye(x.shape[1])
            slopes = [(quantity(x + unit) - quantity(x - unit)) / (2 * STEP) for unit in units]
            ctx.save_for_backward(rows.new_tensor(np.stack(slopes, axis=1)))
        return rows.new_tensor(quantity(x))

    @staticmethod
    def backward(ctx: Any, by_value: Tensor) -> tuple[Tensor, None]:
        (slopes,) = ctx.saved_tensors
        return by_value[:, None] * slopes, None
