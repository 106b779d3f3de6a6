"""Flows side by side: the log-probabilities of several spline autoregressive flows in one batched evaluation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from nflows.distributions.normal import StandardNormal
from nflows.flows.base import Flow
from nflows.transforms.base import CompositeTransform
from nflows.transforms.permutations import Permutation
from torch import Tensor

from hepflow.flows.architectures import SplineAutoregressive
from hepflow.training import Members

LAYER = "_transform._transforms.{}."
NETWORK = LAYER + "autoregressive_net."


class FlowMembers(Members):
    """Flows of one architecture, trained side by side by maximum likelihood.

    Where they are made of spline autoregressive layers and permutations over a standard normal, one batched product
    serves all members in each layer; other flows are evaluated one after another.
    """

    def __init__(self, flows: Sequence[Flow]) -> None:
        masks = {
            name.removesuffix("mask") + "weight": mask
            for name, mask in flows[0].named_buffers()
            if name.endswith(".mask")
        }
        super().__init__(flows, _negative_log_prob, masks)
        self._layers = _stackable(flows[0])

    def losses(self, *rows: Tensor) -> Tensor:
        """Return minus the log-probability (E, B) of features (E, B, D) at contexts (E, B, C)."""
        if self._layers is None:
            return super().losses(*rows)
        x, context = (column.transpose(1, 2).contiguous() for column in rows)
        weights = self.weights()
        loss = x.new_full((len(x), x.shape[2]), 0.5 * x.shape[1] * math.log(2 * math.pi))
        for place, layer in enumerate(self._layers):
            if isinstance(layer, SplineAutoregressive):
                start = NETWORK.format(place)
                own = {
                    name.removeprefix(start): each for name, each in weights.items() if name.startswith(start)
                }
                x, log_determinant = layer.forward_stacked(own, x, context)
                loss = loss - log_determinant
            else:
                assert isinstance(layer._permutation, Tensor)
                x = x.index_select(1, layer._permutation)
        return loss + 0.5 * x.square().sum(1)


def _negative_log_prob(flow: Flow, x: Tensor, context: Tensor) -> Tensor:
    loss: Tensor = -flow.log_prob(x, context)
    return loss


def _stackable(flow: Flow) -> list[torch.nn.Module] | None:
    """Return the layers of a flow that can be evaluated for all members at once, or None."""
    if not isinstance(flow._transform, CompositeTransform) or not isinstance(
        flow._distribution, StandardNormal
    ):
        return None
    layers = list(flow._transform._transforms)
    for layer in layers:
        spline = isinstance(layer, SplineAutoregressive) and layer.made is not None
        if not spline and not (isinstance(layer, Permutation) and layer._dim == 1):
            return None
    return layers
