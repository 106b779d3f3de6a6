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
from torch.nn import functional

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
        if self.residual and self.activation in (functional.relu, torch.relu):
            return self._fused(weights, x, context)
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

    def _fused(self, weights: Weights, x: Tensor, context: Tensor | None) -> Tensor:
        """Evaluate a residual network of rectifiers, with its derivatives written out."""
        names = ["initial_layer.weight", "initial_layer.bias"]
        given = self.context and context is not None
        if given:
            names += ["context_layer.weight", "context_layer.bias"]
        for block in range(self.blocks):
            start = f"blocks.{block}."
            names += [f"{start}linear_layers.{k}.{what}" for k in (0, 1) for what in ("weight", "bias")]
            if given:
                names += [f"{start}context_layer.weight", f"{start}context_layer.bias"]
        names += ["final_layer.weight", "final_layer.bias"]
        rectified = self.of_context is self.activation
        options = context if given else None, self.blocks, rectified
        outputs: Tensor = _Residual.apply(x, *options, *(weights[name] for name in names))  # type: ignore[no-untyped-call]
        return outputs

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


class _Residual(torch.autograd.Function):
    """nflows' residual network of rectifiers: the steps of `Made.forward`, and their derivatives.

    Autograd would take twice the time: most of it goes into the bookkeeping of many small steps.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, context: Tensor | None, blocks: int, rectified: bool, *weights: Tensor
    ) -> Tensor:
        rest = list(weights)
        hidden = _layer(rest, x)
        seen = None
        if context is not None:
            seen = _layer(rest, context)
            if rectified:
                seen.relu_()
            hidden += seen
        kept = []
        for _ in range(blocks):
            outer = hidden.relu()
            (w0, b0, w1, b1), rest = rest[:4], rest[4:]
            if context is None:
                inner = torch.baddbmm(b0[..., None], w0, outer)
            else:
                (wc, bc), rest = rest[:2], rest[2:]
                inner = torch.baddbmm((b0 + bc)[..., None], wc, context).baddbmm_(w0, outer)
            inner.relu_()
            hidden = (hidden + b1[..., None]).baddbmm_(w1, inner)
            kept += [outer, inner]
        ctx.save_for_backward(x, context, seen, hidden, *kept, *weights)
        ctx.blocks, ctx.rectified = blocks, rectified
        return _layer(rest, hidden)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, by_outputs: Tensor) -> tuple[Tensor | None, ...]:
        blocks = ctx.blocks
        by_layer = _by_layer if any(ctx.needs_input_grad[4:]) else _none_by_layer
        x, context, seen, hidden, *saved = ctx.saved_tensors
        kept, weights = saved[: 2 * blocks], saved[2 * blocks :]
        each = 4 if context is None else 6
        first = 2 if context is None else 4
        by_context = torch.zeros_like(context) if context is not None and ctx.needs_input_grad[1] else None

        gradients = by_layer(by_outputs, hidden)
        by_hidden = torch.bmm(weights[-2].mT, by_outputs)
        for block in reversed(range(blocks)):
            own = weights[first + each * block : first + each * (block + 1)]
            outer, inner = kept[2 * block : 2 * block + 2]
            by_inner = _rectify(torch.bmm(own[2].mT, by_hidden), inner)
            found = by_layer(by_inner, outer) + by_layer(by_hidden, inner)
            if context is not None:
                found += [torch.bmm(by_inner, context.mT), found[1]]
                if by_context is not None:
                    by_context.baddbmm_(own[4].mT, by_inner)
            gradients = found + gradients
            by_hidden = by_hidden + _rectify(torch.bmm(own[0].mT, by_inner), outer)
        if context is not None:
            by_seen = _rectify(by_hidden, seen) if ctx.rectified else by_hidden
            gradients = by_layer(by_seen, context) + gradients
            if by_context is not None:
                by_context.baddbmm_(weights[2].mT, by_seen)
        gradients = by_layer(by_hidden, x) + gradients
        by_x = torch.bmm(weights[0].mT, by_hidden) if ctx.needs_input_grad[0] else None
        return by_x, by_context, None, None, *gradients


def _layer(rest: list[Tensor], x: Tensor) -> Tensor:
    """Apply the layer whose weight and bias come next."""
    weight, bias = rest.pop(0), rest.pop(0)
    return torch.baddbmm(bias[..., None], weight, x)


def _by_layer(by_outputs: Tensor, inputs: Tensor) -> list[Tensor | None]:
    """Return the derivatives with respect to a layer's weight and bias."""
    return [torch.bmm(by_outputs, inputs.mT), by_outputs.sum(-1)]


def _none_by_layer(by_outputs: Tensor, inputs: Tensor) -> list[Tensor | None]:
    """Return no derivatives: the weights of a trained density stay as they are."""
    return [None, None]


def _rectify(gradient: Tensor, rectified: Tensor) -> Tensor:
    """Return a gradient (of which the memory may be used) where a rectifier let something through."""
    passed: Tensor = torch.ops.aten.threshold_backward(gradient, rectified, 0)
    return passed


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
