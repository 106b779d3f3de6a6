"""What must hold for every architecture: shapes, gradients, inverses, log-determinants, normalisation, context."""

from functools import partial

import numpy as np
import pytest
import torch
from nflows.distributions.mixture import MADEMoG
from nflows.nn.nets import ResidualNet
from nflows.transforms.autoregressive import MaskedAffineAutoregressiveTransform
from nflows.transforms.coupling import PiecewiseRationalQuadraticCouplingTransform

from hepflow.errors import ConfigError
from hepflow.flows import (
    AffineAutoregressive,
    Density,
    SplineCoupling,
    TrainingPlan,
    affine_autoregressive,
    flow_matching,
    mixture_autoregressive,
    spline_autoregressive,
    spline_coupling,
)
from hepflow.flows.evaluate import draw, from_normal
from hepflow.flows.stack import FlowMembers
from hepflow.sample import Sample

KINDS = {
    "affine": partial(affine_autoregressive, layers=3, hidden=12),
    "spline": partial(spline_autoregressive, layers=2, hidden=12, bins=5),
    "coupling": partial(spline_coupling, layers=4, hidden=12, bins=5),
    "mixture": partial(mixture_autoregressive, components=3, hidden=12),
    "matching": partial(flow_matching, hidden=12, layers=2, steps=40),
}
INVERTIBLE = [kind for kind in KINDS if kind != "mixture"]
EXACT = [kind for kind in INVERTIBLE if kind != "matching"]  # no integration error


def build(kind, features=3, context=1, dtype=torch.float64, seed=0, scale=1.5):
    """Return a flow with weights large enough to bend it."""
    torch.manual_seed(seed)
    flow = KINDS[kind](features, context).to(dtype)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.mul_(scale)
    return flow.eval()


def rows(events=100, features=3, context=1, dtype=torch.float64, seed=1):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(events, features, generator=generator, dtype=dtype)
    m = torch.randn(events, context, generator=generator, dtype=dtype) if context else None
    return x, m


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("features", "context"), [(2, 0), (3, 1), (6, 2)])
def test_shapes_and_gradients(kind, features, context):
    flow, (x, m) = build(kind, features, context), rows(50, features, context)
    members = FlowMembers([flow])
    loss = members.losses(x[None], m[None]) if context else members.losses(x[None])
    assert loss.shape == (1, 50)
    (gradient,) = torch.autograd.grad(loss.sum(), members.table)
    assert torch.isfinite(gradient).all()
    assert gradient.any()
    log_prob = flow.log_prob(x, m)
    assert log_prob.shape == (50,)
    assert torch.isfinite(log_prob).all()


@pytest.mark.parametrize("kind", KINDS)
def test_train_equals_eval(kind):
    flow, (x, m) = build(kind), rows()
    assert torch.equal(flow.train().log_prob(x, m), flow.eval().log_prob(x, m))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-9)])
@pytest.mark.parametrize("kind", EXACT)
def test_invertible(kind, dtype, tolerance):
    flow, (z, m) = build(kind, dtype=dtype, scale=1.0), rows(dtype=dtype)
    with torch.no_grad():
        x = from_normal(flow, z, m)
        torch.testing.assert_close(flow.transform_to_noise(x, m), z, rtol=0, atol=tolerance)


def test_matching_is_invertible_up_to_its_steps():
    z, m = rows()
    misses = []
    for steps in (10, 40):
        torch.manual_seed(0)
        flow = flow_matching(3, 1, hidden=12, layers=2, steps=steps).double()
        with torch.no_grad():
            misses.append((flow.transform_to_noise(flow.sample_from(z, m), m) - z).abs().max().item())
    assert misses[1] < 1e-6
    assert misses[1] < misses[0] / 50  # fourth order: 4^4 = 256 times better


@pytest.mark.parametrize("kind", INVERTIBLE)
def test_log_determinant_is_that_of_the_jacobian(kind):
    flow, (x, m) = build(kind), rows(5)
    for point, given in zip(x, m, strict=True):
        jacobian = torch.autograd.functional.jacobian(
            lambda p, g=given: flow.transform_to_noise(p[None], g[None])[0], point
        )
        z = flow.transform_to_noise(point[None], given[None])
        expected = torch.linalg.slogdet(jacobian).logabsdet - 0.5 * (z.square() + np.log(2 * np.pi)).sum()
        tolerance = 1e-4 if kind == "matching" else 1e-8
        torch.testing.assert_close(
            flow.log_prob(point[None], given[None])[0], expected, rtol=0, atol=tolerance
        )


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "coupling"])
def test_normalised_in_one_dimension(kind):
    flow = build(kind, 1, 1)
    grid = torch.linspace(-40, 40, 40_001, dtype=torch.float64)[:, None]
    with torch.no_grad():
        density = flow.log_prob(grid, torch.full_like(grid, 0.3)).exp()
    assert torch.trapezoid(density, grid[:, 0]).item() == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_normalised_in_two_dimensions(kind):
    flow = build(kind, 2, 0)
    size = 101 if kind == "matching" else 401
    axis = torch.linspace(-12, 12, size, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        density = flow.log_prob(grid, None).exp().view(size, size)
    assert torch.trapezoid(torch.trapezoid(density, axis), axis).item() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_context_is_used(kind):
    flow, (x, m) = build(kind), rows()
    assert (flow.log_prob(x, m) != flow.log_prob(x, m + 1)).float().mean() > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded(kind, tmp_path):
    flow, other, (x, m) = build(kind), build(kind, seed=5), rows()
    assert not torch.equal(flow.log_prob(x, m), other.log_prob(x, m))
    torch.save(flow.state_dict(), tmp_path / "flow.pt")
    other.load_state_dict(torch.load(tmp_path / "flow.pt", weights_only=True))
    assert torch.equal(flow.log_prob(x, m), other.log_prob(x, m))
    assert type(flow).__name__ in repr(flow)


@pytest.mark.parametrize("kind", KINDS)
def test_members_side_by_side_are_the_flows_themselves(kind):
    flows, (x, m) = [build(kind, seed=seed) for seed in range(3)], rows()
    members = FlowMembers(flows)
    with torch.no_grad():  # so that the loss of flow matching draws the same numbers each time
        losses = members.losses(x.expand(3, -1, -1), m.expand(3, -1, -1))
        alone = [flow.loss(x, m) if kind == "matching" else -flow.log_prob(x, m) for flow in flows]
    torch.testing.assert_close(losses, torch.stack(alone), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_learns_a_correlated_gaussian_that_moves_with_the_context(kind):
    """Within 0.1 nat of the entropy after a short training, and samples with the right moments."""
    random = np.random.default_rng(1)
    mass = random.uniform(2500, 5000, 12_000)

    def draw(at):
        first = random.normal(0.1 * at, 50)
        return np.stack([first, random.normal(0.8 * first - 0.05 * at, 30)], axis=1)

    wide = {
        "affine": {"hidden": 32},
        "coupling": {"hidden": 32, "layers": 6},
        "mixture": {"hidden": 32},
        "matching": {"hidden": 64, "steps": 16},
    }
    architecture = partial(KINDS[kind], **wide.get(kind, {}))
    epochs, rate = {"matching": (25, 2e-3), "mixture": (40, 1e-2)}.get(kind, (12, 5e-3))
    plan = TrainingPlan(epochs=epochs, batch_size=256, learning_rate=rate, best_epochs=1)
    density = Density(architecture, plan, members=1).fit(Sample(mass, draw(mass), ("a", "b")), seed=1)
    at = np.full(4000, 3500.0)
    fresh = draw(at)
    entropy = np.log(2 * np.pi * np.e * 50 * 30)
    found = density.log_prob(fresh, at)
    inside = np.isfinite(found)
    assert inside.mean() > 0.998
    assert -found[inside].mean() == pytest.approx(entropy, abs=0.1)
    drawn = density.sample(at, seed=1)
    np.testing.assert_allclose(drawn.mean(axis=0), [350, 105], atol=8)
    assert np.corrcoef(drawn.T)[0, 1] == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize("kind", ["affine", "coupling"])
def test_numbers_are_those_of_nflows(kind):
    x, m = rows(200, 4)
    if kind == "affine":
        make = {"ours": AffineAutoregressive, "theirs": MaskedAffineAutoregressiveTransform}
        arguments, options = (4, 12), {"context_features": 1}
    else:
        make = {"ours": SplineCoupling, "theirs": PiecewiseRationalQuadraticCouplingTransform}
        arguments = ([1, 0, 1, 0], lambda inputs, outputs: ResidualNet(inputs, outputs, 12, 1))
        options = {"num_bins": 5, "tails": "linear", "tail_bound": 3.0}
    torch.manual_seed(2)
    theirs = make["theirs"](*arguments, **options).double()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.mul_(2)
    ours = make["ours"](*arguments, **options).double()
    ours.load_state_dict(theirs.state_dict())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for one, other in zip(ours(x, m), theirs(x, m), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
    for gradients in (False, True):
        with torch.set_grad_enabled(gradients):
            for one, other in zip(ours.inverse(x, m), theirs.inverse(x, m), strict=True):
                torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-7)


def test_mixture_has_the_state_and_numbers_of_nflows():
    torch.manual_seed(1)
    theirs = MADEMoG(3, 12, 1, num_mixture_components=4).double()
    ours = mixture_autoregressive(3, 1, components=4, hidden=12).double()
    ours._distribution.load_state_dict(theirs.state_dict())
    x, m = rows()
    torch.testing.assert_close(ours.log_prob(x, m), theirs.log_prob(x, m), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ["affine", "spline", "coupling", "mixture", "matching"])
def test_every_feature_sees_the_context(kind):
    flow, (x, _) = build(kind), rows(4000)
    means = []
    for value in (-1.0, 1.0):
        m = torch.full((4000, 1), value, dtype=torch.float64)
        with torch.no_grad():
            means.append(draw(flow, x, m, torch.Generator().manual_seed(1)).mean(0))
    assert (means[0] - means[1]).abs().min() > 1e-4


def test_mixture_samples_follow_its_density():
    flow = build("mixture", 1, 0)
    drawn = flow._distribution.sample_given(20_000, None, torch.Generator().manual_seed(1))[:, 0]
    grid = torch.linspace(-40, 40, 20_001, dtype=torch.float64)
    with torch.no_grad():
        cumulative = torch.cumulative_trapezoid(flow.log_prob(grid[:, None], None).exp(), grid)
    expected = np.interp(np.sort(drawn.numpy()), grid[1:].numpy(), cumulative.numpy())
    assert np.abs(expected - np.arange(1, 20_001) / 20_000).max() < 0.015


@pytest.mark.parametrize("kind", ["affine", "spline", "coupling"])
def test_a_flow_as_the_base_of_another(kind):
    """A transport between two densities: the base stays as it is, and is drawn from."""
    base = build("spline", seed=3)
    torch.manual_seed(4)
    transport = KINDS[kind](3, 1, base=base).double()
    before = {name: each.clone() for name, each in base.state_dict().items()}
    members = FlowMembers([transport])
    assert sum(shape.numel() for shape in members.shapes.values()) < sum(
        p.numel() for p in transport.parameters()
    )
    x, m = rows()
    noise, log_determinant = transport._transform(x, m)
    torch.testing.assert_close(
        transport.log_prob(x, m), base.log_prob(noise, m) + log_determinant, rtol=1e-9, atol=1e-9
    )
    members.losses(x[None], m[None]).sum().backward()
    assert all(torch.equal(base.state_dict()[name], each) for name, each in before.items())
    z = torch.randn_like(x)
    with torch.no_grad():
        drawn = draw(transport, z, m, torch.Generator())
        torch.testing.assert_close(drawn, transport._transform.inverse(from_normal(base, z, m), m)[0])


def test_coupling_needs_two_features():
    with pytest.raises(ConfigError, match="expected at least 2 features, got 1; use spline_autoregressive"):
        spline_coupling(1, 1)
    with pytest.raises(ConfigError, match="expected tails='linear', got None"):
        SplineCoupling([1, 0], lambda inputs, outputs: ResidualNet(inputs, outputs, 4))


def test_a_mixture_has_no_latent():
    sample = Sample(np.linspace(2500, 5000, 400), np.random.default_rng(1).normal(size=(400, 1)), ("x",))
    plan = TrainingPlan(epochs=1, batch_size=64, best_epochs=1)
    density = Density(KINDS["mixture"], plan, members=1).fit(sample, seed=1)
    with pytest.raises(ConfigError, match="no normal latent"):
        density.to_latent(sample.features, sample.mass)
