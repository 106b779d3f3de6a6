"""Flows side by side: the losses of several flows of one architecture, in one batched evaluation where it can be."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from nflows.distributions.normal import StandardNormal
from nflows.flows.base import Flow
from nflows.transforms.base import CompositeTransform
from nflows.transforms.permutations import Permutation
from torch import Tensor

from hepflow.flows.autoregressive import AffineAutoregressive, SplineAutoregressive
from hepflow.flows.compiled import CompiledFlow, fits
from hepflow.flows.coupling import SplineCoupling
from hepflow.flows.matching import FlowMatching
from hepflow.training import Members

LAYER = "_transform._transforms.{}."


class FlowMembers(Members):
    """Flows of one architecture, trained side by side: by maximum likelihood, or by a loss of their own.

    Where they are made of hepflow's layers and permutations over a standard normal, one batched product serves all
    members in each layer; other flows are evaluated one after another.
    """

    def __init__(self, flows: Sequence[Flow | FlowMatching]) -> None:
        masks = {
            name.removesuffix("mask") + "weight": mask
            for name, mask in flows[0].named_buffers()
            if name.endswith(".mask")
        }
        super().__init__(flows, _loss, masks)
        self.stacked = stackable(flows[0])
        self.likelihood = not isinstance(flows[0], FlowMatching)
        self._compiled: dict[int, CompiledFlow | None] = {}

    def losses(self, *rows: Tensor) -> Tensor:
        """Return the loss (E, B) of features (E, B, D), given contexts (E, B, C) where there are any."""
        if not self.stacked:
            return super().losses(*rows)
        x, context = rows[0], rows[1] if len(rows) > 1 else None
        compiled = self._compiled_for(context)
        if compiled is not None and compiled.takes(self.table, x, context):
            z, log_determinant = compiled.transform(self.table, x, context)
            return 0.5 * z.square().sum(2) + 0.5 * z.shape[2] * math.log(2 * math.pi) - log_determinant
        given = None if context is None else context.transpose(1, 2).contiguous()
        z, log_determinant = self.transform(x.transpose(1, 2).contiguous(), given)
        normal = 0.5 * z.square().sum(1) + 0.5 * z.shape[1] * math.log(2 * math.pi)
        return normal - log_determinant

    def _compiled_for(self, context: Tensor | None) -> CompiledFlow | None:
        """Return the compiled flow for contexts of this width, where there is one."""
        width = 0 if context is None else context.shape[-1]
        if width not in self._compiled:
            flow: Any = self.loss.module
            self._compiled[width] = _compile(flow._transform._transforms, self.shapes, width)
        return self._compiled[width]

    def transform(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """Map features (E, D, B) to the latent; return it (E, D, B) and the log-determinants (E, B)."""
        total, weights = x.new_zeros(len(x), x.shape[2]), self.weights()
        flow: Any = self.loss.module
        for place, layer in enumerate(flow._transform._transforms):
            if isinstance(layer, Permutation):
                x = x.index_select(1, layer._permutation)
                continue
            start = LAYER.format(place) + layer.network
            own = {name.removeprefix(start): each for name, each in weights.items() if name.startswith(start)}
            x, log_determinant = layer.forward_stacked(own, x, context)
            total = total + log_determinant
        return x, total


def _compile(
    transforms: Sequence[Any], shapes: Mapping[str, torch.Size], context: int
) -> CompiledFlow | None:
    """Return layers and the permutations between them in compiled code; None where that does not have them."""
    layers, prefixes, orders = [], [], []
    order = torch.arange(0)
    for place, each in enumerate(transforms):
        if isinstance(each, Permutation):
            order = order[each._permutation] if len(order) else each._permutation
            continue
        orders.append(order)
        layers.append(each)
        prefixes.append(LAYER.format(place) + each.network)
        order = torch.arange(0)
    if not fits(layers, context):
        return None
    straight = torch.arange(layers[0].autoregressive_net.initial_layer.in_features)
    full = [(one if len(one) else straight).tolist() for one in (*orders, order)]
    return CompiledFlow(layers, full, shapes, prefixes, context)


def _loss(flow: Flow | FlowMatching, x: Tensor, context: Tensor | None = None) -> Tensor:
    loss: Tensor = flow.loss(x, context) if isinstance(flow, FlowMatching) else -flow.log_prob(x, context)
    return loss


def stackable(flow: Flow | FlowMatching) -> bool:
    """Return whether all layers of a flow can be evaluated for all members at once."""
    if isinstance(flow, FlowMatching) or not isinstance(flow._distribution, StandardNormal):
        return False
    if not isinstance(flow._transform, CompositeTransform):
        return False
    for layer in flow._transform._transforms:
        ours = (
            isinstance(layer, AffineAutoregressive | SplineAutoregressive | SplineCoupling)
            and layer.stackable
        )
        if not ours and not (isinstance(layer, Permutation) and layer._dim == 1):
            return False
    return True
