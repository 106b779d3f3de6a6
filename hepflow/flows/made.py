"""nflows' masked autoregressive network (MADE, arXiv:1502.03509), evaluated for several members side by side.

Activations have the shape ``(E, H, B)``: members, units, events. Events come last, so that a spline works on rows of
the output as they are, and the members' weights, shape ``(E, out, in)``, multiply them in one batched product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class Made:
    """The shape of a MADE: what its weights do not say.

    Parameters
    ----------
    degrees
        Degree of each hidden unit: it depends on the features up to that number.
    blocks, residual
        Number of hidden blocks, and whether they are residual ones, of two layers each.
    context
        Whether there is a context.
    activation, of_context
        The nonlinearity, and what is applied to the first layer's part of the context.
    """

    degrees: tuple[int, ...]
    blocks: int
    residual: bool
    context: bool
    activation: Callable[[Tensor], Tensor]
    of_context: Callable[[Tensor], Tensor]

    @classmethod
    def of(cls, network: Any) -> Made | None:
        """Describe a network; None where it has dropout, batch norm or random masks, which nflows must run itself."""
        degrees = network.initial_layer.degrees
        for block in network.blocks:
            plain = getattr(block, "batch_norm", None) is None and not getattr(block, "use_batch_norm", False)
            last = block.linear_layers[-1] if hasattr(block, "linear_layers") else block.linear
            if not plain or block.dropout.p > 0 or not torch.equal(last.degrees, degrees):
                return None
        # of the two networks of this name in nflows, that of the mixtures leaves contexts as they are
        mixture = not hasattr(network, "activation")
        residual = all(hasattr(block, "linear_layers") for block in network.blocks)
        if mixture and not residual:
            return None
        return cls(
            degrees=tuple(degrees.tolist()),
            blocks=len(network.blocks),
            residual=residual,
            context=hasattr(network, "context_layer"),
            activation=network.blocks[0].activation if mixture else network.activation,
            of_context=torch.nn.Identity() if mixture else network.activation,
        )

    def forward(self, weights: Weights, x: Tensor, context: Tensor | None) -> Tensor:
        """Return the outputs (E, O, B) of inputs (E, D, B) and contexts (E, C, B).

        `weights` has nflows' names; masked ones are zero where their mask is.
        """
        hidden = linear(weights, "initial_layer", x)
        if self.context and context is not None:
            hidden = hidden + self.of_context(linear(weights, "context_layer", context))
        if not self.residual:
            hidden = self.activation(hidden)
        for block in range(self.blocks):
            if not self.residual:
                hidden = self.activation(linear(weights, f"blocks.{block}.linear", hidden))
                continue
            inner = linear(weights, f"blocks.{block}.linear_layers.0", self.activation(hidden))
            if self.context and context is not None:
                inner = inner + linear(weights, f"blocks.{block}.context_layer", context)
            hidden = hidden + linear(weights, f"blocks.{block}.linear_layers.1", self.activation(inner))
        return linear(weights, "final_layer", hidden)

    def one_by_one(self, weights: Weights, x: Tensor, context: Tensor | None) -> Iterator[Tensor]:
        """Yield the outputs (E, O / D, B) of each feature in turn, which need the features before it only.

        The caller writes each feature into `x` (E, D, B) before it takes the next. Every hidden unit is computed
        once, as soon as the features that it depends on are there: all steps together cost one evaluation of the
        network. Not differentiable.
        """
        order = sorted(range(len(self.degrees)), key=self.degrees.__getitem__)
        weights = _reorder(weights, torch.tensor(order, device=x.device))
        features, units = x.shape[1], len(order)
        outputs = weights["final_layer.weight"].shape[1] // features
        # what each later layer reads: filled unit by unit
        read = [x.new_empty(len(x), units, x.shape[2]) for _ in range(self.blocks * (1 + self.residual) + 1)]
        done = 0
        for feature in range(features):
            ready = sum(degree <= feature for degree in self.degrees)
            if ready > done:
                self._advance(weights, x[:, :feature], context, read, slice(done, ready))
                done = ready
            rows = slice(feature * outputs, (feature + 1) * outputs)
            yield linear(weights, "final_layer", read[-1][:, :done], rows)

    def _advance(
        self, weights: Weights, x: Tensor, context: Tensor | None, read: list[Tensor], units: slice
    ) -> None:
        """Compute some hidden units in every layer, given those before them."""
        hidden = linear(weights, "initial_layer", x, units)
        if self.context and context is not None:
            hidden = hidden + self.of_context(linear(weights, "context_layer", context, units))
        if not self.residual:
            hidden = self.activation(hidden)
        for block in range(self.blocks):
            if not self.residual:
                read[block][:, units] = hidden
                known = read[block][:, : units.stop]
                hidden = self.activation(linear(weights, f"blocks.{block}.linear", known, units))
                continue
            outer, inner = read[2 * block], read[2 * block + 1]
            outer[:, units] = self.activation(hidden)
            found = linear(weights, f"blocks.{block}.linear_layers.0", outer[:, : units.stop], units)
            if self.context and context is not None:
                found = found + linear(weights, f"blocks.{block}.context_layer", context, units)
            inner[:, units] = self.activation(found)
            hidden = hidden + linear(
                weights, f"blocks.{block}.linear_layers.1", inner[:, : units.stop], units
            )
        read[-1][:, units] = hidden


def linear(weights: Weights, name: str, x: Tensor, rows: slice = slice(None)) -> Tensor:
    """Apply some rows of a layer to its first inputs (E, I, B)."""
    weight, bias = weights[f"{name}.weight"][:, rows], weights[f"{name}.bias"][:, rows]
    return torch.baddbmm(bias[..., None], weight[:, :, : x.shape[1]], x)


def _reorder(weights: Weights, order: Tensor) -> dict[str, Tensor]:
    """Return the weights with the hidden units in another order."""
    found = {}
    for name, weight in weights.items():
        if not name.startswith("final_layer"):
            weight = weight.index_select(1, order)
        if name.endswith("weight") and "context" not in name and not name.startswith("initial_layer"):
            weight = weight.index_select(2, order)
        found[name] = weight
    return found


def masked_weights(network: torch.nn.Module) -> dict[str, Tensor]:
    """Return a network's weights as those of one member, zero where their mask is."""
    weights = {name: each[None] for name, each in network.named_parameters()}
    for name, mask in network.named_buffers():
        if name.endswith(".mask"):
            name = name.removesuffix("mask") + "weight"
            weights[name] = weights[name] * mask
    return weights
