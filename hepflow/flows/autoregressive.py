"""The masked autoregressive layers of nflows (same ``state_dict``), several times faster.

Masked autoregressive flows (Papamakarios et al., arXiv:1705.07057): feature i is transformed by a function whose
parameters are a network's of the features before it, so that the Jacobian is triangular (eq. 4 there). Here the
networks of several members are evaluated at once (`made.py`), and the inverse computes each hidden unit once.
"""

from __future__ import annotations

from typing import Any

import torch
from nflows.transforms.autoregressive import (
    MaskedAffineAutoregressiveTransform,
    MaskedPiecewiseRationalQuadraticAutoregressiveTransform,
)
from nflows.transforms.made import MADE
from torch import Tensor
from torch.nn import functional

from hepflow.errors import ConfigError
from hepflow.flows.compiled import single
from hepflow.flows.made import Made, Weights, masked_weights
from hepflow.flows.spline import spline_rows


class _Autoregressive:
    """What the layers have in common; beside a transform of nflows, which brings the network and its parameters."""

    network = "autoregressive_net."
    autoregressive_net: MADE
    made: Made | None

    def _elementwise_rows(self, x: Tensor, parameters: Tensor, inverse: bool) -> tuple[Tensor, Tensor]:
        """Transform (G, B) by parameters (G, P, B); return outputs and log-determinants (G, B)."""
        raise NotImplementedError

    @property
    def stackable(self) -> bool:
        """Whether several members can be evaluated at once: networks with dropout or batch norm cannot."""
        return self.made is not None

    def forward(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Transform (N, D) given context (N, C); return outputs (N, D) and log-determinants (N,)."""
        if self.made is None:
            parameters = self.autoregressive_net(inputs, context)
            outputs, log_determinant = self._by_event(inputs, parameters, inverse=False)
            return outputs, log_determinant.sum(1)
        if (compiled := self._compiled("transform", inputs, context)) is not None:
            return compiled
        x, given = _events_last(inputs), None if context is None else _events_last(context)
        outputs, log_determinant = self.forward_stacked(masked_weights(self.autoregressive_net), x, given)
        return outputs[0].T, log_determinant[0]

    def inverse(self, inputs: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Invert (N, D) given context (N, C); return outputs (N, D) and log-determinants (N,)."""
        if self.made is None or torch.is_grad_enabled():
            return self._inverse_in_turns(inputs, context)
        if (compiled := self._compiled("inverse", inputs, context)) is not None:
            return compiled
        z, given = _events_last(inputs), None if context is None else _events_last(context)
        outputs, log_determinant = self.inverse_stacked(masked_weights(self.autoregressive_net), z, given)
        return outputs[0].T, log_determinant[0]

    def _compiled(
        self, function: str, inputs: Tensor, context: Tensor | None
    ) -> tuple[Tensor, Tensor] | None:
        """Return outputs (N, D) and log-determinants (N,) of compiled code, where it has this layer."""
        flow = None if torch.is_grad_enabled() else single(self, 0 if context is None else context.shape[-1])
        if flow is None:
            return None
        parameters = self.autoregressive_net.parameters()
        table = torch.cat([each.flatten() for each in parameters])[None]
        x, given = inputs[None], None if context is None else context[None]
        if not flow.takes(table, x, given):
            return None
        outputs, log_determinant = getattr(flow, function)(table, x, given)
        return outputs[0], log_determinant[0]

    def forward_stacked(self, weights: Weights, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """Transform (E, D, B) by E members' weights; return outputs (E, D, B) and log-determinants (E, B)."""
        assert self.made is not None
        members, features, events = x.shape
        parameters = self.made.forward(weights, x, context)
        parameters = parameters.view(members * features, parameters.shape[1] // features, events)
        rows = x.reshape(members * features, events)
        outputs, log_determinant = self._elementwise_rows(rows, parameters, inverse=False)
        return outputs.view(x.shape), log_determinant.view(x.shape).sum(1)

    def inverse_stacked(self, weights: Weights, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """Invert (E, D, B) by E members' weights; return outputs (E, D, B) and log-determinants (E, B)."""
        assert self.made is not None
        x, total = torch.zeros_like(z), z.new_zeros(len(z), z.shape[2])
        for feature, parameters in enumerate(self.made.one_by_one(weights, x, context)):
            x[:, feature], log_determinant = self._elementwise_rows(z[:, feature], parameters, inverse=True)
            total += log_determinant
        return x, total

    def _inverse_in_turns(self, inputs: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """Invert by one evaluation of the whole network for each feature; differentiable."""
        outputs, total = torch.zeros_like(inputs), inputs.new_zeros(len(inputs))
        for feature in range(inputs.shape[1]):
            parameters = self.autoregressive_net(outputs, context)
            value, log_determinant = self._by_event(inputs, parameters, inverse=True)
            here = torch.arange(inputs.shape[1], device=inputs.device) == feature
            outputs = torch.where(here, value, outputs)
            total = total + log_determinant[:, feature]
        return outputs, total

    def _by_event(self, inputs: Tensor, parameters: Tensor, inverse: bool) -> tuple[Tensor, Tensor]:
        """Transform (N, D) by parameters (N, D P); return outputs and log-determinants (N, D)."""
        rows = parameters.view(len(inputs), inputs.shape[1], parameters.shape[1] // inputs.shape[1]).permute(
            1, 2, 0
        )
        outputs, log_determinant = self._elementwise_rows(inputs.T, rows, inverse=inverse)
        return outputs.T, log_determinant.T


class AffineAutoregressive(_Autoregressive, MaskedAffineAutoregressiveTransform):  # type: ignore[misc]
    """An affine autoregressive layer: ``z_i = s_i x_i + t_i`` with ``s_i`` positive (arXiv:1705.07057, eqs. 3, 4)."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.made = Made.of(self.autoregressive_net)

    def _elementwise_rows(self, x: Tensor, parameters: Tensor, inverse: bool) -> tuple[Tensor, Tensor]:
        scale = functional.softplus(parameters[:, 0]) + self._epsilon
        shift = parameters[:, 1]
        if inverse:
            return (x - shift) / scale, -torch.log(scale)
        return x * scale + shift, torch.log(scale)


_SplineTransform: Any = MaskedPiecewiseRationalQuadraticAutoregressiveTransform


class SplineAutoregressive(_Autoregressive, _SplineTransform):  # type: ignore[misc]
    """An autoregressive layer of rational-quadratic splines (arXiv:1906.04032) with linear tails.

    Raises
    ------
    ConfigError
        If `tails` is not "linear": the kernel has no other.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if self.tails != "linear":
            raise ConfigError(f"SplineAutoregressive: expected tails='linear', got {self.tails!r}")
        self.made = Made.of(self.autoregressive_net)

    def _elementwise_rows(self, x: Tensor, parameters: Tensor, inverse: bool) -> tuple[Tensor, Tensor]:
        return spline_rows(x, parameters, bound=self.tail_bound, inverse=inverse)


def _events_last(rows: Tensor) -> Tensor:
    """Return (N, D) as one member's (1, D, N)."""
    return rows.T[None].contiguous()
