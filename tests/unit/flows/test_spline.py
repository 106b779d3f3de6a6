"""The spline kernel: nflows' numbers, an inverse, and gradients that stay finite where nflows' assert fails."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nflows.transforms.splines.rational_quadratic import unconstrained_rational_quadratic_spline

from hepflow.flows.spline import _knots, rational_quadratic_spline

BOUND = 4.0
EXAMPLES = settings(max_examples=40, deadline=None, derandomize=True)


def parameters(rows, bins, spread=1.0, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [spread * torch.randn(rows, n, generator=generator, dtype=dtype) for n in (bins, bins, bins - 1)]


def values(rows, dtype=torch.float64):
    """Values over the domain and well into both tails, the bounds among them."""
    x = torch.linspace(-1.5 * BOUND, 1.5 * BOUND, rows, dtype=dtype)
    x[:2] = torch.tensor([-BOUND, BOUND])
    return x


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("bins", [2, 8, 13])
@pytest.mark.parametrize(
    ("dtype", "spread", "tolerance"), [(torch.float64, 2, 1e-9), (torch.float32, 0.5, 1e-5)]
)
def test_numbers_are_those_of_nflows(inverse, bins, dtype, spread, tolerance):
    x, given_ = values(2001, dtype), parameters(2001, bins, spread, dtype)
    ours = rational_quadratic_spline(x, *given_, bound=BOUND, inverse=inverse)
    theirs = unconstrained_rational_quadratic_spline(x, *given_, inverse=inverse, tail_bound=BOUND)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("inverse", [False, True])
def test_gradients_are_those_of_nflows(inverse):
    gradients = []
    for kernel, bound in (
        (rational_quadratic_spline, "bound"),
        (unconstrained_rational_quadratic_spline, "tail_bound"),
    ):
        leaves = [leaf.requires_grad_() for leaf in (values(301), *parameters(301, 6))]
        y, log_determinant = kernel(*leaves, inverse=inverse, **{bound: BOUND})
        gradients.append(torch.autograd.grad((y + log_determinant).sum(), leaves))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("spread", [0.0, 1.0, 3.0])
def test_round_trip(inverse, spread):
    x, given_ = values(5001), parameters(5001, 8, spread)
    y, there = rational_quadratic_spline(x, *given_, bound=BOUND, inverse=inverse)
    back, again = rational_quadratic_spline(y, *given_, bound=BOUND, inverse=not inverse)
    torch.testing.assert_close(back, x, rtol=0, atol=1e-8)
    torch.testing.assert_close(again, -there, rtol=0, atol=1e-7)


@pytest.mark.parametrize("inverse", [False, True])
def test_log_determinant_is_that_of_autograd(inverse):
    x = values(1001).requires_grad_()
    y, log_determinant = rational_quadratic_spline(x, *parameters(1001, 8, 2.0), bound=BOUND, inverse=inverse)
    (slope,) = torch.autograd.grad(y.sum(), x)
    assert (slope > 0).all()
    torch.testing.assert_close(log_determinant, torch.log(slope), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("inverse", [False, True])
def test_rises_and_is_the_identity_outside(inverse):
    one = [each.expand(4001, -1) for each in parameters(1, 5, 2.0)]
    x = torch.linspace(-1.5 * BOUND, 1.5 * BOUND, 4001, dtype=torch.float64)
    y, log_determinant = rational_quadratic_spline(x, *one, bound=BOUND, inverse=inverse)
    assert (y.diff() > 0).all()
    outside = x.abs() > BOUND
    assert torch.equal(y[outside], x[outside])
    assert not log_determinant[outside].any()


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_knots_map_on_knots_and_the_slope_joins_the_tails(inverse, dtype):
    widths, heights, derivatives = parameters(50, 6, 1.0, dtype)
    knots = [_knots(each, BOUND)[0] for each in (widths, heights)]
    start, end = knots[::-1] if inverse else knots
    given_ = [each[:, None].expand(-1, 7, -1) for each in (widths, heights, derivatives)]
    y, log_determinant = rational_quadratic_spline(start, *given_, bound=BOUND, inverse=inverse)
    tolerance = 1e-12 if dtype == torch.float64 else 2e-5
    torch.testing.assert_close(y, end, rtol=0, atol=tolerance)
    torch.testing.assert_close(
        log_determinant[:, [0, -1]], torch.zeros(50, 2, dtype=dtype), rtol=0, atol=1e-4
    )


@pytest.mark.parametrize("inverse", [False, True])
def test_values_far_outside_and_none_at_all(inverse):
    x = torch.tensor([-np.inf, -1e30, 1e30, np.inf])
    leaves = [leaf.requires_grad_() for leaf in (x, *parameters(4, 4, dtype=torch.float32))]
    y, log_determinant = rational_quadratic_spline(*leaves, bound=BOUND, inverse=inverse)
    assert torch.equal(y, x)
    assert not log_determinant.any()
    for gradient in torch.autograd.grad((torch.atan(y) + log_determinant).sum(), leaves):
        assert torch.isfinite(gradient).all()
    nothing = rational_quadratic_spline(torch.zeros(0), *parameters(0, 4), bound=BOUND, inverse=inverse)
    assert [part.shape for part in nothing] == [(0,), (0,)]


@EXAMPLES
@given(
    dtype=st.sampled_from([torch.float32, torch.float64]),
    inverse=st.booleans(),
    spread=st.floats(0, 300),
    bins=st.integers(2, 9),
    seed=st.integers(0, 2**31 - 1),
)
def test_nothing_is_ever_nan(dtype, inverse, spread, bins, seed):
    given_ = parameters(300, bins, spread, dtype, seed)
    x = torch.randn(300, dtype=dtype, generator=torch.Generator().manual_seed(seed)) * BOUND
    x[:100] = _knots(given_[int(inverse)], BOUND)[0][
        :100, 1
    ]  # at an inner knot, and next to it on either side
    x[100:150] = torch.nextafter(x[:50], torch.full_like(x[:50], -9))
    x[150:200] = torch.nextafter(x[50:100], torch.full_like(x[:50], 9))
    x[200:204] = torch.tensor([-BOUND, BOUND, 0.0, 1e20])
    leaves = [leaf.requires_grad_() for leaf in (x, *given_)]
    y, log_determinant = rational_quadratic_spline(*leaves, bound=BOUND, inverse=inverse)
    assert (y[x.abs() <= BOUND].abs() <= BOUND * (1 + 1e-5)).all()
    assert torch.isfinite(log_determinant).all()
    for gradient in torch.autograd.grad((torch.atan(y) + log_determinant).sum(), leaves):
        assert torch.isfinite(gradient).all()


def test_steep_splines_next_to_a_knot():
    """Where rounding makes the discriminant negative: nflows' assert fails, and a root of zero has no gradient."""
    rows, bins = 20_000, 4
    widths, heights, derivatives = parameters(rows, bins, 10.0, torch.float32)
    derivatives *= 0.3
    y = _knots(heights, BOUND)[0][:, 2]
    y = torch.nextafter(y, torch.full_like(y, -9))
    with pytest.raises(AssertionError):
        unconstrained_rational_quadratic_spline(
            y, widths, heights, derivatives, inverse=True, tail_bound=BOUND
        )
    leaves = [leaf.requires_grad_() for leaf in (y, widths, heights, derivatives)]
    x, log_determinant = rational_quadratic_spline(*leaves, bound=BOUND, inverse=True)
    assert torch.isfinite(x).all()
    for gradient in torch.autograd.grad((x + log_determinant).sum(), leaves):
        assert torch.isfinite(gradient).all()


@EXAMPLES
@given(
    spread=st.floats(0, 30), bins=st.integers(2, 16), bound=st.floats(0.5, 20), seed=st.integers(0, 2**31 - 1)
)
def test_the_inverse_finds_a_point_that_maps_back(spread, bins, bound, seed):
    given_ = parameters(200, bins, spread, seed=seed)
    y = torch.linspace(-bound, bound, 200, dtype=torch.float64)
    x, _ = rational_quadratic_spline(y, *given_, bound=bound, inverse=True)
    back, _ = rational_quadratic_spline(x, *given_, bound=bound)
    torch.testing.assert_close(back, y, rtol=0, atol=1e-6 * bound)
