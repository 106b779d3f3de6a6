"""Flows side by side: each member's numbers are those of its own flow."""

from functools import partial

import pytest
import torch
from nflows.distributions.normal import StandardNormal
from nflows.flows.base import Flow
from nflows.transforms.autoregressive import MaskedAffineAutoregressiveTransform
from nflows.transforms.base import CompositeTransform
from nflows.transforms.permutations import RandomPermutation, ReversePermutation

from hepflow.flows import SplineAutoregressive, spline_autoregressive
from hepflow.flows.stack import FlowMembers

OPTIONS = {"features": 4, "hidden_features": 8, "context_features": 1, "num_bins": 4, "tails": "linear"}


def composed(*transforms):
    return Flow(CompositeTransform(list(transforms)), StandardNormal([4]))


def affine():
    return composed(MaskedAffineAutoregressiveTransform(4, 8, context_features=1), ReversePermutation(4))


KINDS = {
    "splines": partial(spline_autoregressive, 4, 1, layers=2, hidden=8, bins=4),
    "feedforward": lambda: composed(SplineAutoregressive(**OPTIONS, use_residual_blocks=False)),
    "random permutations": lambda: composed(SplineAutoregressive(**OPTIONS), _shuffle()),
    "random masks": lambda: composed(
        SplineAutoregressive(**OPTIONS, use_residual_blocks=False, random_mask=True)
    ),
    "affine": affine,
}


def _shuffle():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return RandomPermutation(4)


def flows(kind, members=3):
    made = []
    for seed in range(members):
        torch.manual_seed(0 if kind == "random masks" else seed)  # members share their masks
        made.append(KINDS[kind]().double())
    return made


def rows(members=3, events=50):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(members, events, n, generator=generator, dtype=torch.float64) for n in (4, 1)]


@pytest.mark.parametrize("kind", KINDS)
def test_losses_and_gradients_are_those_of_each_flow(kind):
    each, (x, m) = flows(kind), rows()
    members = FlowMembers(each)
    losses = members.losses(x, m)
    alone = torch.stack([-flow.log_prob(x[k], m[k]) for k, flow in enumerate(each)])
    torch.testing.assert_close(losses, alone, rtol=1e-9, atol=1e-9)
    (together,) = torch.autograd.grad(losses.sum(), members.table)
    alone.sum().backward()
    own = [torch.cat([parameter.grad.flatten() for parameter in flow.parameters()]) for flow in each]
    torch.testing.assert_close(together, torch.stack(own), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_states_go_back_into_the_flows(kind):
    each, (x, m) = flows(kind), rows()
    members = FlowMembers(each)
    with torch.no_grad():
        members.table.mul_(1.1)
    for k, flow in enumerate(each):
        missing = flow.load_state_dict(members.state(k), strict=False)
        assert not missing.unexpected_keys
        torch.testing.assert_close(members.losses(x, m)[k], -flow.log_prob(x[k], m[k]))
