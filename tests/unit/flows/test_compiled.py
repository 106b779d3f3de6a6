"""Flows in compiled code: the torch code's numbers and derivatives, the same whatever the threads and members."""

import pytest
import torch
from nflows.distributions.normal import StandardNormal
from nflows.flows.base import Flow
from nflows.transforms.base import CompositeTransform
from nflows.transforms.permutations import RandomPermutation, ReversePermutation

from hepflow.flows import SplineAutoregressive, native, spline_autoregressive
from hepflow.flows.compiled import CompiledFlow
from hepflow.flows.stack import FlowMembers

pytestmark = pytest.mark.skipif(native.library() is None, reason="no C compiler on this machine")

# features, contexts, hidden units, bins, blocks: whole groups of four, and not
SHAPES = [(5, 1, 64, 8, 2), (3, 0, 10, 5, 1), (1, 2, 7, 3, 2), (6, 5, 9, 4, 3), (2, 1, 1, 2, 2)]


def flow(features, contexts, hidden, bins, blocks, layers=3):
    transforms = [RandomPermutation(features), ReversePermutation(features)]
    for _ in range(layers):
        layer = SplineAutoregressive(
            features=features,
            hidden_features=hidden,
            context_features=contexts or None,
            num_bins=bins,
            num_blocks=blocks,
            tails="linear",
            tail_bound=3.0,
        )
        transforms += [layer, RandomPermutation(features)]
    return Flow(CompositeTransform(transforms), StandardNormal([features]))


def members(shape, count=2, dtype=torch.float64):
    torch.manual_seed(1)
    first = flow(*shape)
    flows = [flow(*shape) for _ in range(count)]
    for each in flows:  # one architecture: the permutations of the first
        each.load_state_dict(dict(first.named_buffers()), strict=False)
    return FlowMembers([each.to(dtype) for each in flows])


def rows(shape, events, count=2, dtype=torch.float64, seed=2):
    generator = torch.Generator().manual_seed(seed)
    widths = [width for width in shape[:2] if width]
    return [2 * torch.randn(count, events, width, generator=generator, dtype=dtype) for width in widths]


def losses_and_derivatives(flows, given):
    x = given[0].clone().requires_grad_()
    losses = flows.losses(x, *given[1:])
    weight = torch.linspace(-1, 2, losses.numel(), dtype=losses.dtype).view(losses.shape)
    return losses, *torch.autograd.grad((losses * weight).sum(), [flows.table, x])


def in_torch(monkeypatch, *arguments):
    with monkeypatch.context() as patch:
        patch.setattr(native, "library", lambda: None)
        return losses_and_derivatives(*arguments)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("events", [1, 64, 130, 1100])
def test_losses_and_derivatives_are_those_of_the_torch_code(monkeypatch, shape, events):
    flows, given = members(shape), rows(shape, events)
    found = losses_and_derivatives(flows, given)
    for one, other in zip(found, in_torch(monkeypatch, flows, given), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_single_precision_is_that_of_the_torch_code(monkeypatch):
    shape, errors = SHAPES[0], []
    for seed in range(5):
        flows = members(shape, dtype=torch.float32)
        given = rows(shape, 300, dtype=torch.float32, seed=seed)
        exact = in_torch(monkeypatch, members(shape), [each.double() for each in given])
        both = losses_and_derivatives(flows, given), in_torch(monkeypatch, flows, given)
        errors.append(
            [[((a - b).norm() / b.norm()).item() for a, b in zip(one, exact, strict=True)] for one in both]
        )
    compiled, plain = torch.tensor(errors).median(0).values
    assert (compiled <= 2 * plain).all()
    assert (compiled < 1e-3).all()


def test_contexts_that_are_not_given(monkeypatch):
    shape = (4, 2, 12, 4, 2)
    flows, given = members(shape), rows(shape, 100)[:1]
    found = losses_and_derivatives(flows, given)
    for one, other in zip(found, in_torch(monkeypatch, flows, given), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_threads_and_members_change_no_bit():
    shape, before = SHAPES[0], torch.get_num_threads()
    flows, given = members(shape, 3, torch.float32), rows(shape, 1000, 3, torch.float32)
    found = []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            found.append(losses_and_derivatives(flows, given))
    finally:
        torch.set_num_threads(before)
    weight = torch.linspace(-1, 2, 3000).view(3, 1000)
    for other in found[1:]:
        assert all(torch.equal(one, two) for one, two in zip(found[0], other, strict=True))
    alone = members(shape, 1, torch.float32)
    alone.table.data.copy_(flows.table[1:2])
    losses = alone.losses(*(each[1:2] for each in given))
    (by_table,) = torch.autograd.grad((losses * weight[1:2]).sum(), alone.table)
    assert torch.equal(losses[0], found[0][0][1])
    assert torch.equal(by_table[0], found[0][1][1])


@pytest.mark.parametrize("width", [16, 32, 64])  # bytes: of SSE and NEON, AVX2, AVX512
def test_the_width_of_vectors_changes_no_bit(fresh, monkeypatch, width):
    precisions = torch.float32, torch.float64
    given = [(members(shape, 2, each), rows(shape, 300, 2, each)) for shape in SHAPES for each in precisions]
    expected = [losses_and_derivatives(*each) for each in given]
    native.library.cache_clear()
    monkeypatch.setattr(native, "FLAGS", [*native.FLAGS, f"-DBYTES={width}"])
    assert native.library() is not None
    for each, before in zip(given, expected, strict=True):
        found = losses_and_derivatives(*each)
        assert all(torch.equal(one, other) for one, other in zip(found, before, strict=True))


@pytest.mark.parametrize("shape", SHAPES)
def test_one_flow_forward_and_back(monkeypatch, shape):
    torch.manual_seed(1)
    one, given = flow(*shape).double(), [each[0] for each in rows(shape, 200)]
    x, context = given[0], given[1] if len(given) > 1 else None
    with torch.no_grad():
        z, determinant = one._transform(x, context)
        back, inverse = one._transform.inverse(z, context)
        monkeypatch.setattr(native, "library", lambda: None)
        expected, expected_determinant = one._transform(x, context)
    torch.testing.assert_close(z, expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(determinant, expected_determinant, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(back, x, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(inverse, -determinant, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("place", ["feature", "context", "weight"])
def test_nan_is_found_and_stays_with_its_event(place):
    shape = SHAPES[0]
    flows, given = members(shape), rows(shape, 100)
    if place == "weight":
        flows.table.data[0] = torch.nan
        assert torch.isnan(flows.losses(*given)[0]).all()
        return
    given[place == "context"][0, 7, 0] = torch.nan
    losses = flows.losses(*given)
    assert torch.isnan(losses[0, 7])
    assert torch.isfinite(losses[0, [*range(7), *range(8, 100)]]).all()


def test_two_evaluations_before_their_derivatives():
    shape = SHAPES[0]
    flows, given = members(shape), rows(shape, 100)
    (expected,) = torch.autograd.grad(flows.losses(*given).sum(), flows.table)
    first, second = flows.losses(*given), flows.losses(*(-each for each in given))
    (found,) = torch.autograd.grad(first.sum(), flows.table)
    assert torch.equal(found, expected)
    (other,) = torch.autograd.grad(second.sum(), flows.table)
    assert not torch.equal(other, expected)


def test_what_is_not_differentiated_keeps_no_activations(monkeypatch):
    flows, given = members(SHAPES[0]), rows(SHAPES[0], 100)
    expected = flows.losses(*given)
    monkeypatch.setattr(CompiledFlow, "take_room", lambda *_: pytest.fail("memory for activations"))
    with torch.no_grad():
        assert torch.equal(flows.losses(*given), expected)


def test_derivatives_are_given_once():
    flows, given = members(SHAPES[0]), rows(SHAPES[0], 10)
    loss = flows.losses(*given).sum()
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="evaluate it again"):
        loss.backward()


def test_contexts_that_are_differentiated():
    flows, given = members(SHAPES[0]), rows(SHAPES[0], 20)
    context = given[1].requires_grad_()
    (by_context,) = torch.autograd.grad(flows.losses(given[0], context).sum(), context)
    assert by_context.abs().max() > 0


def test_wrong_widths_are_refused():
    flows, given = members(SHAPES[0]), rows(SHAPES[0], 20)
    for wrong in ([given[0][..., :4], given[1]], [given[0], given[1].repeat(1, 1, 2)]):
        with pytest.raises((RuntimeError, IndexError)):
            flows.losses(*wrong)
    one = spline_autoregressive(3, 1, layers=1, hidden=8).eval()
    with torch.no_grad(), pytest.raises((RuntimeError, IndexError)):
        one._transform(torch.zeros(5, 2), torch.zeros(5, 1))
