"""The spline coupling layer of nflows (same ``state_dict``), several times faster.

Some features pass unchanged, and the others are transformed by splines whose parameters are a network's of those
(arXiv:1605.08803 and 1906.04032): forward and inverse cost the same, one evaluation.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from nflows.nn.nets import ResidualNet
from nflows.transforms.coupling import PiecewiseRationalQuadraticCouplingTransform
from torch import Tensor

from hepflow.errors import ConfigError
from hepflow.flows.made import Weights, linear
from hepflow.flows.spline import spline_rows


class SplineCoupling(PiecewiseRationalQuadraticCouplingTransform):  # type: ignore[misc]
    """A coupling layer of rational-quadratic splines with linear tails.

    Raises
    ------
    ConfigError
        If `tails` is not "linear": the kernel has no other.
    """

    network = "transform_net."

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if self.tails != "linear":
            raise ConfigError(f"SplineCoupling: expected tails='linear', got {self.tails!r}")

    @property
    def stackable(self) -> bool:
        """Whether several members can be evaluated at once: only with nflows' plain residual network."""
        net = self.transform_net
        if self.unconditional_transform is not None or not isinstance(net, ResidualNet):
            return False
        return all(not block.use_batch_norm and block.dropout.p == 0 for block in net.blocks)

    def forward_stacked(self, weights: Weights, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """Transform (E, D, B) by E members' weights; return outputs (E, D, B) and log-determinants (E, B)."""
        same, moved = x[:, self.identity_features], x[:, self.transform_features]
        members, features, events = moved.shape
        parameters = self._residual(weights, same, context)
        parameters = parameters.view(members * features, parameters.shape[1] // features, events)
        rows = moved.reshape(members * features, events)
        outputs, log_determinant = self._spline(rows, parameters, inverse=False)
        order = torch.cat([self.identity_features, self.transform_features]).argsort()
        joined = torch.cat([same, outputs.view(moved.shape)], dim=1)
        return joined.index_select(1, order), log_determinant.view(moved.shape).sum(1)

    def _residual(self, weights: Weights, x: Tensor, context: Tensor | None) -> Tensor:
        """Evaluate nflows' residual network for all members: (E, I, B) to (E, O, B)."""
        net = self.transform_net
        hidden = linear(weights, "initial_layer", x if context is None else torch.cat([x, context], dim=1))
        for number, block in enumerate(net.blocks):
            inner = linear(weights, f"blocks.{number}.linear_layers.0", block.activation(hidden))
            inner = linear(weights, f"blocks.{number}.linear_layers.1", block.activation(inner))
            if context is not None:
                gate = linear(weights, f"blocks.{number}.context_layer", context)
                inner = inner * torch.sigmoid(gate)
            hidden = hidden + inner
        return linear(weights, "final_layer", hidden)

    def _spline(self, x: Tensor, parameters: Tensor, inverse: bool) -> tuple[Tensor, Tensor]:
        """Transform (G, B) by parameters (G, 3 K - 1, B), scaled as nflows does."""
        width = getattr(self.transform_net, "hidden_features", None)
        if width is not None:
            scale = parameters.new_ones(parameters.shape[1], 1)
            scale[: 2 * self.num_bins] = 1 / math.sqrt(width)
            parameters = parameters * scale
        return spline_rows(x, parameters, bound=self.tail_bound, inverse=inverse)

    def _coupling_transform_forward(self, inputs: Tensor, transform_params: Tensor) -> tuple[Tensor, Tensor]:
        return self._by_event(inputs, transform_params, inverse=False)

    def _coupling_transform_inverse(self, inputs: Tensor, transform_params: Tensor) -> tuple[Tensor, Tensor]:
        return self._by_event(inputs, transform_params, inverse=True)

    def _by_event(self, inputs: Tensor, parameters: Tensor, inverse: bool) -> tuple[Tensor, Tensor]:
        rows = parameters.view(len(inputs), inputs.shape[1], parameters.shape[1] // inputs.shape[1]).permute(
            1, 2, 0
        )
        outputs, log_determinant = self._spline(inputs.T, rows, inverse)
        return outputs.T, log_determinant.sum(0)
