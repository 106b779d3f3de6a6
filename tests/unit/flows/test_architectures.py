"""The spline autoregressive flow: nflows' layer with another kernel, and its inverse."""

import pytest
import torch
from nflows.distributions.normal import StandardNormal
from nflows.flows.base import Flow
from nflows.transforms.autoregressive import MaskedPiecewiseRationalQuadraticAutoregressiveTransform
from nflows.transforms.base import CompositeTransform
from nflows.transforms.permutations import ReversePermutation
from torch.nn import functional

from hepflow.errors import ConfigError
from hepflow.flows import SplineAutoregressive, spline_autoregressive

OPTIONS = {
    "features": 4,
    "hidden_features": 12,
    "context_features": 2,
    "num_bins": 5,
    "tails": "linear",
    "tail_bound": 3.0,
}


def layers(seed=0, **changes):
    """Return nflows' layer and ours with the same weights, large enough to bend the splines."""
    torch.manual_seed(seed)
    theirs = MaskedPiecewiseRationalQuadraticAutoregressiveTransform(**{**OPTIONS, **changes}).double()
    ours = SplineAutoregressive(**{**OPTIONS, **changes}).double()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.mul_(2.0)
    ours.load_state_dict(theirs.state_dict())
    return theirs.eval(), ours.eval()


def rows(events=500, context=2, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(events, n, generator=generator, dtype=torch.float64) for n in (4, context)]


CHANGES = [
    {},
    {"num_blocks": 1},
    {"activation": functional.silu},
    {"use_residual_blocks": False},
    {"tail_bound": 0.5},
]


def test_the_state_is_that_of_nflows():
    theirs, ours = layers()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [v.shape for v in ours.state_dict().values()] == [v.shape for v in theirs.state_dict().values()]
    assert isinstance(ours, MaskedPiecewiseRationalQuadraticAutoregressiveTransform)


@pytest.mark.parametrize("changes", CHANGES, ids=lambda changes: " ".join(changes) or "default")
def test_numbers_are_those_of_nflows(changes):
    (theirs, ours), (x, m) = layers(**changes), rows()
    for one, other in zip(ours(x, m), theirs(x, m), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
    for one, other in zip(ours.inverse(x, m), theirs.inverse(x, m), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("changes", CHANGES, ids=lambda changes: " ".join(changes) or "default")
def test_the_inverse_undoes_the_layer(changes):
    (_, ours), (x, m) = layers(**changes), rows()
    z, there = ours(x, m)
    with torch.no_grad():
        back, again = ours.inverse(z, m)
        torch.testing.assert_close(ours(back, m)[0], z, rtol=0, atol=1e-12)
    torch.testing.assert_close(back, x, rtol=0, atol=1e-5)  # splines this bent are flat in places
    torch.testing.assert_close(again, -there, rtol=0, atol=1e-4)
    for one, other in zip(ours.inverse(z, m), (back, again), strict=True):  # the differentiable way
        torch.testing.assert_close(one, other, rtol=0, atol=1e-4)


def test_without_context():
    (theirs, ours), (x, _) = layers(context_features=None), rows()
    torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.inverse(ours(x)[0])[0], x, rtol=0, atol=1e-6)


def test_log_determinant_is_that_of_the_jacobian():
    (_, ours), (x, m) = layers(), rows(5)
    for point, given in zip(x, m, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda p, g=given: ours(p[None], g[None])[0][0], point)
        assert torch.equal(jacobian, jacobian.tril())
        expected = torch.linalg.slogdet(jacobian).logabsdet
        torch.testing.assert_close(ours(point[None], given[None])[1][0], expected)


def stock(features, context, layers, hidden, bins, bound):
    """Build the same flow from nflows alone."""
    transforms = []
    for _ in range(layers):
        transforms.append(
            MaskedPiecewiseRationalQuadraticAutoregressiveTransform(
                features=features,
                hidden_features=hidden,
                context_features=context,
                num_bins=bins,
                tails="linear",
                tail_bound=bound,
                num_blocks=2,
            )
        )
        transforms.append(ReversePermutation(features))
    return Flow(CompositeTransform(transforms), StandardNormal([features]))


def test_weights_of_the_stock_flow_fit_in():
    """The state of a flow trained with nflows loads, whatever activation is ours."""
    shape = {"layers": 2, "hidden": 10, "bins": 4, "bound": 3.0}
    torch.manual_seed(3)
    theirs, ours = stock(4, 1, **shape), spline_autoregressive(4, 1, **shape)
    ours.load_state_dict(theirs.state_dict())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for one, other in zip(ours._transform._transforms[::2], theirs._transform._transforms[::2], strict=True):
        assert isinstance(one, SplineAutoregressive)
        for block, stock_block in zip(
            one.autoregressive_net.blocks, other.autoregressive_net.blocks, strict=True
        ):
            stock_block.activation = block.activation
        other.autoregressive_net.activation = one.autoregressive_net.activation
    x, m = (each.float() for each in rows(400, 1))
    torch.testing.assert_close(ours.log_prob(x, m), theirs.log_prob(x, m), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("features", [1, 2, 5])
def test_flow_of_any_width(features):
    torch.manual_seed(4)
    flow = spline_autoregressive(features, 1, layers=2, hidden=8, bins=4).double()
    x, m = torch.randn(200, features, dtype=torch.float64), torch.randn(200, 1, dtype=torch.float64)
    log_prob = flow.log_prob(x, m)
    assert log_prob.shape == (200,)
    back = flow._transform.inverse(flow.transform_to_noise(x, m), m)[0]
    torch.testing.assert_close(back, x, rtol=0, atol=1e-6)
    log_prob.sum().backward()
    gradients = [parameter.grad for parameter in flow.parameters() if parameter.grad is not None]
    assert gradients
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_only_linear_tails():
    with pytest.raises(ConfigError, match="expected tails='linear', got None"):
        SplineAutoregressive(features=2, hidden_features=4)


def test_train_and_eval_agree():
    torch.manual_seed(5)
    flow = spline_autoregressive(3, 1, layers=2, hidden=8, bins=4)
    x, m = torch.randn(50, 3), torch.randn(50, 1)
    assert torch.equal(flow.train().log_prob(x, m), flow.eval().log_prob(x, m))
