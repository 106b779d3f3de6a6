"""Flow architectures, each a short configuration: a function of the numbers of features and contexts.

Every one returns a module with ``log_prob(x, context)`` that `hepflow.flows.Density` can train, sample and keep. A
context of 0 makes an unconditional density. `base` replaces the standard normal by another density, such as a trained
flow that stays as it is: the result is then a transport between two densities.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from nflows.distributions.base import Distribution
from nflows.distributions.normal import StandardNormal
from nflows.flows.base import Flow
from nflows.nn.nets import ResidualNet
from nflows.transforms.base import CompositeTransform, Transform
from nflows.transforms.permutations import ReversePermutation
from nflows.transforms.standard import IdentityTransform
from nflows.utils import create_alternating_binary_mask
from torch.nn import functional

from hepflow.errors import ConfigError
from hepflow.flows.autoregressive import AffineAutoregressive, SplineAutoregressive
from hepflow.flows.coupling import SplineCoupling
from hepflow.flows.matching import FlowMatching
from hepflow.flows.mixture import MixtureAutoregressive, show_context_to_the_first_feature


def affine_autoregressive(
    features: int, context: int = 0, *, layers: int = 15, hidden: int = 128, base: Distribution | None = None
) -> Flow:
    """Build an affine masked autoregressive flow (MAF, arXiv:1705.07057), the density of CATHODE (2109.00546).

    Each of the `layers` maps ``z_i = s_i x_i + t_i`` with ``s_i > 0`` and ``t_i`` from a masked network of two
    residual blocks of width `hidden`, and reverses the order of the features.
    """
    return _autoregressive(
        lambda: AffineAutoregressive(features, hidden, context_features=context or None, num_blocks=2),
        features,
        layers,
        base,
    )


def spline_autoregressive(
    features: int,
    context: int = 0,
    *,
    layers: int = 4,
    hidden: int = 32,
    bins: int = 8,
    bound: float = 4.0,
    base: Distribution | None = None,
) -> Flow:
    """Build a rational-quadratic spline autoregressive flow: neural spline flows (arXiv:1906.04032), FETA's base.

    `layers` splines of `bins` bins on ``[-bound, bound]``, the identity outside, each with the parameters that a
    masked network of two residual blocks of width `hidden` makes, and followed by a reversal of the features.
    """
    return _autoregressive(
        lambda: SplineAutoregressive(
            features=features,
            hidden_features=hidden,
            context_features=context or None,
            num_bins=bins,
            tails="linear",
            tail_bound=bound,
            num_blocks=2,
            activation=functional.relu,
        ),
        features,
        layers,
        base,
    )


def spline_coupling(
    features: int,
    context: int = 0,
    *,
    layers: int = 8,
    hidden: int = 16,
    blocks: int = 2,
    bins: int = 8,
    bound: float = 4.0,
    base: Distribution | None = None,
) -> Flow:
    """Build a rational-quadratic spline coupling flow (arXiv:1906.04032), the transport of FETA and CURTAINs.

    In turns one half of the features and the other is moved by splines, with parameters from a residual network of
    the half that stays. Forward and inverse take the same time.

    Raises
    ------
    ConfigError
        If there is only one feature: nothing could be a function of nothing.
    """
    if features < 2:
        raise ConfigError(
            f"spline_coupling: expected at least 2 features, got {features}; use spline_autoregressive"
        )
    transforms: list[Transform] = [
        SplineCoupling(
            create_alternating_binary_mask(features, even=layer % 2 == 0),
            lambda inputs, outputs: ResidualNet(inputs, outputs, hidden, context or None, blocks),
            num_bins=bins,
            tails="linear",
            tail_bound=bound,
        )
        for layer in range(layers)
    ]
    return Flow(CompositeTransform(transforms), _frozen(base, features))


def mixture_autoregressive(
    features: int, context: int = 0, *, components: int = 10, hidden: int = 64, blocks: int = 2
) -> Flow:
    """Build an autoregressive mixture of Gaussians (MADE MoG, arXiv:1502.03509): no layers, one network.

    ``p(x_i | x_1 ... x_i-1)`` is a mixture of `components` Gaussians. It has no spline's bounds, and its samples need
    one random number more than a flow's.
    """
    mixture = MixtureAutoregressive(
        features, hidden, context or None, blocks, components, custom_initialization=True
    )
    return Flow(IdentityTransform(), show_context_to_the_first_feature(mixture) if context else mixture)


def flow_matching(
    features: int, context: int = 0, *, hidden: int = 128, layers: int = 3, steps: int = 16
) -> FlowMatching:
    """Build a continuous flow trained by conditional flow matching (arXiv:2210.02747).

    Its log-probability costs an ODE with an exact trace, and its training loss is a squared error, not a
    likelihood.
    """
    return FlowMatching(features, context, hidden=hidden, layers=layers, steps=steps)


ARCHITECTURES = {  # those that a file can name
    one.__name__: one
    for one in (
        affine_autoregressive,
        spline_autoregressive,
        spline_coupling,
        mixture_autoregressive,
        flow_matching,
    )
}


def _autoregressive(
    layer: Callable[[], Transform], features: int, layers: int, base: Distribution | None
) -> Flow:
    transforms: list[Transform] = []
    for _ in range(layers):
        transforms += [layer(), ReversePermutation(features)]
    return Flow(CompositeTransform(transforms), _frozen(base, features))


def _frozen(base: Distribution | None, features: int) -> torch.nn.Module:
    """Return the base density, which no training changes."""
    normal: torch.nn.Module = StandardNormal([features])
    return normal if base is None else base.requires_grad_(False)
