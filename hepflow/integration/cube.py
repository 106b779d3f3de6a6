"""Spline flows on the unit cube: densities whose points never leave it, on a uniform base."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from nflows.nn.nets import ResidualNet
from torch import Tensor
from torch.nn import functional

from hepflow.errors import ConfigError
from hepflow.flows.autoregressive import SplineAutoregressive
from hepflow.flows.coupling import SplineCoupling
from hepflow.flows.made import masked_weights

Kind = Literal["coupling", "autoregressive"]


class CubeFlow(torch.nn.Module):
    """A flow of the unit cube to itself, made of rational-quadratic splines (arXiv:1906.04032).

    Parameters
    ----------
    kind
        ``coupling``, whose points cost one evaluation to draw, or ``autoregressive``, D of them.
    features
        The number of axes D; a coupling needs two.
    layers, hidden, bins
        Of the flow: layers, the width of their networks, and the bins of a spline. The layers of a coupling are
        split by the binary digits of the axes' numbers, so that each axis sees every other (arXiv:2001.05486).
    """

    def __init__(self, kind: Kind, features: int, layers: int = 6, hidden: int = 32, bins: int = 12) -> None:
        super().__init__()
        self.settings = {"kind": kind, "features": features, "layers": layers, "hidden": hidden, "bins": bins}
        if kind == "coupling":
            if features < 2:
                raise ConfigError("a coupling flow needs at least 2 axes; use the proposal 'autoregressive'")
            made: list[Any] = [_coupling(features, layer, hidden, bins) for layer in range(layers)]
        elif kind == "autoregressive":
            made = [_autoregressive(features, hidden, bins) for _ in range(layers)]
        else:
            raise ConfigError(f"no flow {kind!r}; expected 'coupling' or 'autoregressive'")
        self.layers = torch.nn.ModuleList(made)
        self.reverse = kind == "autoregressive"
        for layer in made:  # the identity to begin with, since the last layer of each network is zero
            net = layer.transform_net if kind == "coupling" else layer.autoregressive_net
            torch.nn.init.zeros_(net.final_layer.weight)
            _identity(net.final_layer.bias, bins)

    def log_prob(self, u: Tensor) -> Tensor:
        """Return the log density (N,) of points (N, D) of the unit cube."""
        x, total = (2 * u - 1).T[None].contiguous(), u.new_zeros(len(u))
        for layer in self.layers:
            net: Any = layer.transform_net if not self.reverse else layer.autoregressive_net
            x, log_determinant = layer.forward_stacked(masked_weights(net), x, None)  # type: ignore[operator]
            total = total + log_determinant[0]
            if self.reverse:
                x = x.flip(1)
        return total

    def sample(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Return points (N, D) of the unit cube and their log densities (N,) from uniform numbers (N, D)."""
        x, total = 2 * latent - 1, latent.new_zeros(len(latent))
        for layer in reversed(self.layers):
            if self.reverse:
                x = x.flip(1)
            x, log_determinant = layer.inverse(x)  # type: ignore[operator]
            total = total - log_determinant
        return (x + 1) / 2, total


def _coupling(features: int, layer: int, hidden: int, bins: int) -> SplineCoupling:
    digits = max(1, math.ceil(math.log2(features)))
    digit, side = (layer // 2) % digits, layer % 2
    mask = [1 if (axis >> digit) % 2 == side else -1 for axis in range(features)]
    return SplineCoupling(
        torch.tensor(mask),
        lambda inputs, outputs: ResidualNet(inputs, outputs, hidden, None, 2),
        num_bins=bins,
        tails="linear",
        tail_bound=1.0,
    )


def _autoregressive(features: int, hidden: int, bins: int) -> SplineAutoregressive:
    return SplineAutoregressive(
        features=features,
        hidden_features=max(hidden, features),
        num_bins=bins,
        tails="linear",
        tail_bound=1.0,
        num_blocks=2,
        activation=functional.relu,
    )


def _identity(bias: Tensor, bins: int) -> None:
    """Set the parameters of splines to those of the identity: equal bins, and slopes of one."""
    from hepflow.flows.spline import EDGE

    with torch.no_grad():
        rows = bias.view(-1, 3 * bins - 1)
        rows.zero_()
        rows[:, 2 * bins :] = EDGE
