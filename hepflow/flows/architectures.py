"""Flow architectures, each a short configuration of nflows modules with hepflow's spline kernel."""

from __future__ import annotations

import math
from typing import Any

import torch
from nflows.distributions.normal import StandardNormal
from nflows.flows.base import Flow
from nflows.transforms.autoregressive import MaskedPiecewiseRationalQuadraticAutoregressiveTransform
from nflows.transforms.base import CompositeTransform
from nflows.transforms.permutations import ReversePermutation
from torch import Tensor
from torch.nn import functional

from hepflow.errors import ConfigError
from hepflow.flows.spline import rational_quadratic_spline


class SplineAutoregressive(MaskedPiecewiseRationalQuadraticAutoregressiveTransform):  # type: ignore[misc]
    """The nflows rational-quadratic autoregressive layer (same ``state_dict``), with hepflow's kernel.

    The inverse computes, for each feature in turn, the spline of that feature alone.

    Raises
    ------
    ConfigError
        If `tails` is not "linear": the kernel has no other.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if self.tails != "linear":
            raise ConfigError(f"SplineAutoregressive: expected tails='linear', got {self.tails!r}")

    def _spline(self, inputs: Tensor, parameters: Tensor, *, inverse: bool) -> tuple[Tensor, Tensor]:
        bins = self.num_bins
        scale = 1 / math.sqrt(self.hidden)
        return rational_quadratic_spline(
            inputs,
            parameters[..., :bins] * scale,
            parameters[..., bins : 2 * bins] * scale,
            parameters[..., 2 * bins :],
            bound=self.tail_bound,
            inverse=inverse,
        )

    @property
    def hidden(self) -> int:
        """Width of the hidden layers; nflows scales the spline's widths and heights by its root.

        nflows does so only where its network carries the attribute ``hidden_features``, which MADE does not.
        """
        return int(getattr(self.autoregressive_net, "hidden_features", 1))

    def forward(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Transform (N, D) given context (N, C); return outputs (N, D) and log-determinants (N,)."""
        parameters = self.autoregressive_net(inputs, context)
        parameters = parameters.view(len(inputs), inputs.shape[1], self._output_dim_multiplier())
        outputs, log_determinant = self._spline(inputs, parameters, inverse=False)
        return outputs, log_determinant.sum(-1)

    def inverse(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Invert (N, D) given context (N, C); return outputs (N, D) and log-determinants (N,)."""
        network, size = self.autoregressive_net, self._output_dim_multiplier()
        final = network.final_layer
        weight = final.weight * final.mask
        outputs = torch.zeros_like(inputs)
        total = inputs.new_zeros(len(inputs))
        for column in range(inputs.shape[1]):
            hidden = network.initial_layer(outputs)
            if context is not None:
                hidden = hidden + network.activation(network.context_layer(context))
            if not network.use_residual_blocks:
                hidden = network.activation(hidden)
            for block in network.blocks:
                hidden = block(hidden, context)
            rows = slice(column * size, (column + 1) * size)
            parameters = functional.linear(hidden, weight[rows], final.bias[rows])
            value, log_determinant = self._spline(inputs[:, column], parameters, inverse=True)
            outputs = torch.cat([outputs[:, :column], value[:, None], outputs[:, column + 1 :]], dim=1)
            total = total + log_determinant
        return outputs, total


def spline_autoregressive(
    features: int, context: int, *, layers: int = 5, hidden: int = 64, bins: int = 8, bound: float = 4.0
) -> Flow:
    """Build a conditional rational-quadratic spline autoregressive flow over a standard normal.

    Neural spline flows (arXiv:1906.04032) with masked autoregressive networks (arXiv:1705.07057): `layers` splines
    of `bins` bins on ``[-bound, bound]``, each followed by a reversal of the features.
    """
    transforms: list[torch.nn.Module] = []
    for _ in range(layers):
        transforms.append(
            SplineAutoregressive(
                features=features,
                hidden_features=hidden,
                context_features=context,
                num_bins=bins,
                tails="linear",
                tail_bound=bound,
                num_blocks=2,
                activation=functional.relu,
            )
        )
        transforms.append(ReversePermutation(features))
    return Flow(CompositeTransform(transforms), StandardNormal([features]))
