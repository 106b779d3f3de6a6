"""Proposals: densities of one, points where they say, and the same after a file."""

import numpy as np
import pytest
import torch

from hepflow.errors import ConfigError
from hepflow.integration import Flow, Grid
from hepflow.integration.cube import CubeFlow
from hepflow.weights import load_weights, save_weights


def bent(kind, features, seed=0):
    """Return a flow that is far from the identity."""
    torch.manual_seed(seed)
    flow = CubeFlow(kind, features, 2, 8, 6)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter += 0.3 * torch.randn(parameter.shape)
    return Flow(flow, Grid(np.array([[0.0, 0.3, 1.0]] * features)))


PROPOSALS = {
    "grid": Grid(np.array([[0.0, 0.1, 0.5, 1.0], [0.0, 0.6, 0.8, 1.0]])),
    "coupling": bent("coupling", 2),
    "autoregressive": bent("autoregressive", 2),
}


@pytest.mark.parametrize("name", PROPOSALS)
def test_densities_are_normalised_and_those_of_the_points(name):
    proposal = PROPOSALS[name]
    u, log_density = proposal.sample(20_000, np.random.default_rng(1))
    assert u.min() >= 0
    assert u.max() <= 1
    np.testing.assert_allclose(proposal.log_prob(u), log_density, atol=5e-4)
    # the mean of 1/q is the volume, and what a flat sample makes of q its integral
    inverse = np.exp(-log_density)
    assert inverse.mean() == pytest.approx(1, abs=5 * inverse.std() / np.sqrt(len(u)))
    density = np.exp(proposal.log_prob(np.random.default_rng(2).random((20_000, 2))))
    assert density.mean() == pytest.approx(1, abs=5 * density.std() / np.sqrt(len(u)))


@pytest.mark.parametrize("name", PROPOSALS)
def test_files_give_the_same_bits(name, tmp_path):
    save_weights(tmp_path / "proposal.safetensors", PROPOSALS[name])
    again = load_weights(tmp_path / "proposal.safetensors", type(PROPOSALS[name]))
    for first, second in zip(
        PROPOSALS[name].sample(100, np.random.default_rng(1)),
        again.sample(100, np.random.default_rng(1)),
        strict=True,
    ):
        np.testing.assert_array_equal(first, second)


def test_a_new_flow_is_the_identity():
    for kind in ("coupling", "autoregressive"):
        flow = Flow(CubeFlow(kind, 3), Grid.flat(3))
        np.testing.assert_allclose(flow.log_prob(np.random.default_rng(0).random((50, 3))), 0, atol=1e-5)


def test_each_axis_of_a_coupling_sees_every_other():
    flow = CubeFlow("coupling", 4, 4, 8, 6)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter += 0.5 * torch.randn(parameter.shape)
    u = torch.rand(1, 4, requires_grad=True)

    def image(u):
        x = (2 * u - 1).T[None]
        for layer in flow.layers:
            weights = {name: each[None] for name, each in layer.transform_net.named_parameters()}
            x = layer.forward_stacked(weights, x, None)[0]
        return x[0, :, 0]

    assert (torch.autograd.functional.jacobian(image, u)[:, 0] != 0).all()


def test_one_axis_takes_no_coupling():
    with pytest.raises(ConfigError, match="at least 2 axes"):
        CubeFlow("coupling", 1)


def test_a_grid_adapts_to_where_the_integrand_is():
    pytest.importorskip("vegas")
    random = np.random.default_rng(0)
    grid = Grid.flat(1, 16)
    for _ in range(5):
        u, log_density = grid.sample(4000, random)
        weight = np.exp(-(((u[:, 0] - 0.3) / 0.02) ** 2) - log_density)
        grid = grid.adapted(u, weight**2)
    near = np.exp(grid.log_prob(np.array([[0.3], [0.9]])))
    assert near[0] > 5
    assert near[1] < 0.3
