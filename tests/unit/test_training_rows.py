"""What a training learns from and with: fresh draws, losses of whole batches, and weights with a posterior."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hepflow.errors import ConfigError, InputError
from hepflow.flows import spline_autoregressive
from hepflow.flows.stack import FlowMembers
from hepflow.training import BayesianMembers, Draws, Members, TrainingPlan, drawn, train

PLAN = TrainingPlan(epochs=15, batch_size=64, learning_rate=0.03, best_epochs=1)
SLOPES, NOISE, ROWS = torch.tensor([1.5, -0.5, 0.25]), 0.5, 800


def draw(rows, generator):
    """Draw x and y = slopes . x + noise."""
    x = torch.randn(rows, 3, generator=generator)
    return x, x @ SLOPES + NOISE * torch.randn(rows, generator=generator)


def linear(count=2):
    networks = []
    for seed in range(count):
        torch.manual_seed(seed)
        networks.append(torch.nn.Linear(3, 1, bias=False))
    return networks


def squared(network, x, y):
    return (network(x)[:, 0] - y).square()


def negative_log_likelihood(network, x, y):
    return 0.5 * squared(network, x, y) / NOISE**2


def weights(trainings, name="weight"):
    return np.array([training.states[0][name][0].numpy() for training in trainings])


def test_fresh_draws_are_learned_from():
    plan = replace(PLAN, learning_rate=0.1)
    found = weights(train(Members(linear(), squared), Draws(draw, 640), plan, [1, 2], "lines"))
    assert np.abs(found - SLOPES.numpy()).max() < 0.12  # they begin up to 1.4 away
    assert np.abs(found[0] - found[1]).max() > 1e-5  # each member has draws of its own


def test_every_draw_is_new_but_those_that_judge():
    seen, judged = [], []

    def loss(network, x, y):
        (seen if torch.is_grad_enabled() else judged).append(x.numpy(force=True).copy())
        return squared(network, x, y)

    plan = replace(PLAN, epochs=3)
    train(Members(linear(1), loss), Draws(draw, 640), plan, [1], "line")
    assert len(seen) == 3 * 10
    assert len(np.unique(np.concatenate(seen), axis=0)) == 3 * 640
    assert all(np.array_equal(judged[0], again) for again in judged)
    assert len(judged[0]) == 64


def test_the_seed_decides_the_draws_and_a_checkpoint_goes_on(tmp_path):
    def run(seeds=(1, 2), checkpoint=None, plan=PLAN):
        return train(
            Members(linear(), squared), Draws(draw, 640), plan, seeds, "lines", checkpoint=checkpoint
        )

    known = weights(run())
    assert np.array_equal(known, weights(run()))
    assert not np.array_equal(known, weights(run((3, 4))))

    class StopError(Exception):
        pass

    steps, step = [], torch.optim.AdamW.step

    def stopped(self, *arguments, **options):
        steps.append(1)
        if len(steps) == 45:
            raise StopError
        return step(self, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", stopped)
        with pytest.raises(StopError):
            run(checkpoint=tmp_path / "lines")
    assert np.array_equal(known, weights(run(checkpoint=tmp_path / "lines")))
    with pytest.raises(ConfigError, match="another training"):
        run((3, 4), checkpoint=tmp_path / "lines")


def test_importance_sampling_learns_a_density_without_samples_of_it():
    """Draws are uniform; the loss weighs them with the target, a normal distribution of width 1/2 around 1."""

    def uniform(rows, generator):
        return (6 * torch.rand(rows, 2, generator=generator) - 3,)

    def weighted(flow, x):
        log_target = -0.5 * ((x - 1) / 0.5).square().sum(1) - 2 * np.log(0.5 * np.sqrt(2 * np.pi))
        return -(log_target.exp() * 6**2) * flow.log_prob(x)

    torch.manual_seed(1)
    flow = spline_autoregressive(2, layers=2, hidden=16)
    plan = TrainingPlan(epochs=6, batch_size=512, learning_rate=1e-2, best_epochs=1)
    (training,) = train(Members([flow], weighted), Draws(uniform, 10_240), plan, [1], "flow")
    flow.load_state_dict(training.states[0], strict=False)
    with torch.no_grad():
        x, _ = flow._transform.inverse(torch.randn(20_000, 2, generator=torch.Generator().manual_seed(2)))
    np.testing.assert_allclose(x.mean(0), 1.0, atol=0.08)
    np.testing.assert_allclose(x.std(0), 0.5, atol=0.08)


def test_a_loss_of_all_rows_together():
    """The squared difference of two means is no mean over rows."""

    def means(network, x, y):
        return (network(x).mean() - y.mean() - 1).square()[None]

    members = Members([torch.nn.Linear(3, 1)], means)
    (training,) = train(members, draw(640, torch.Generator().manual_seed(1)), PLAN, [1], "means")
    assert training.losses.validation[-1] < 0.3
    assert training.losses.training[-1] < 0.1 < training.losses.training[0]


def test_the_posterior_of_a_linear_regression():
    """Known noise, normal prior: the best product of normal distributions has the exact mean, and 1 / A_ii."""
    x, y = draw(ROWS, torch.Generator().manual_seed(5))
    x[:, 1] += 0.5 * x[:, 0]  # correlated slopes: the product's widths are those given the other slopes
    y = y + 0.5 * x[:, 0] * SLOPES[1]
    plan = TrainingPlan(epochs=150, batch_size=360, learning_rate=0.05, weight_decay=10.0)
    prior, seed = 0.2, 1
    learned = torch.randperm(ROWS, generator=torch.Generator().manual_seed(seed))[ROWS // 10 :]
    known = x[learned].double(), y[learned].double()
    a = known[0].T @ known[0] / NOISE**2 + torch.eye(3) / prior**2
    mean = torch.linalg.solve(a, known[0].T @ known[1] / NOISE**2).numpy()
    width = 1 / np.sqrt(np.diag(a))
    (network,) = linear(1)
    network.weight.data.copy_(torch.from_numpy(mean + 4 * width))
    members = BayesianMembers(Members([network], negative_log_likelihood), prior=prior, deviation=0.04)
    (training,) = train(members, (x, y), plan, [seed], "regression")
    state = training.states[0]
    np.testing.assert_allclose(state["deviation of weight"][0], width, rtol=0.15)
    assert np.abs((state["weight"][0].numpy() - mean) / width).max() < 0.5
    draws = np.array([drawn(state, one)["weight"][0].numpy() for one in range(400)])
    np.testing.assert_allclose(draws.std(0), state["deviation of weight"][0], rtol=0.15)


def test_the_divergence_is_that_of_normal_distributions_over_the_rows():
    members = BayesianMembers(Members(linear(), squared), prior=2.0, deviation=0.3)
    members.learns_from(50)
    one = torch.distributions.Normal(members.within.table, 0.3)
    exact = torch.distributions.kl_divergence(one, torch.distributions.Normal(0.0, 2.0)).sum(1) / 50
    torch.testing.assert_close(members.common_loss(), exact)
    fixed = BayesianMembers(Members(linear(), squared), rows=200)
    fixed.learns_from(50)
    assert fixed.learned == 200


def test_flows_with_a_posterior_stand_side_by_side():
    """The wrapper takes members of any kind, and the stacked evaluation of flows with it."""
    torch.manual_seed(1)
    members = FlowMembers([spline_autoregressive(2, 1, layers=2, hidden=8) for _ in range(2)])
    x = torch.randn(2, 100, 2), torch.randn(2, 100, 1)
    plain = members.losses(*x)
    bayesian = BayesianMembers(members, deviation=1e-7)
    torch.testing.assert_close(bayesian.losses(*x), plain, rtol=0, atol=1e-3)
    bayesian.losses(*x).sum().backward()
    mean, deviation = bayesian.table.grad.chunk(2, dim=1)
    assert ((mean != 0).sum(1) > 100).all()
    assert torch.equal(mean * members.mask, mean)  # what is masked has no gradient
    assert torch.isfinite(deviation).all()
    rows = torch.randn(600, 2), torch.randn(600, 1)
    plan = TrainingPlan(epochs=2, batch_size=64, best_epochs=1)
    (one, _) = train(BayesianMembers(members), rows, plan, [1, 2], "flows")
    flow = spline_autoregressive(2, 1, layers=2, hidden=8)
    flow.load_state_dict(drawn(one.states[0], 1), strict=False)
    assert torch.isfinite(flow.log_prob(*rows)).all()


@pytest.mark.parametrize(
    "options", [{"prior": 0.0}, {"deviation": -1.0}, {"rows": 0}, {"prior": float("nan")}]
)
def test_numbers_of_a_posterior_that_cannot_be(options):
    with pytest.raises(ConfigError, match="expected a number above zero"):
        BayesianMembers(Members(linear(), squared), **options)


def test_no_posterior_to_draw_from():
    with pytest.raises(ConfigError, match="no posterior"):
        drawn({"weight": torch.zeros(3)}, 1)


def test_draws_that_cannot_be():
    def run(rows, plan=PLAN, **options):
        return train(Members(linear(), squared), rows, plan, [1, 2], "lines", **options)

    with pytest.raises(ConfigError, match="expected draws of 64 rows; got tensors of"):
        run(Draws(lambda rows, generator: draw(rows + 1, generator), 640))
    with pytest.raises(ConfigError, match="without bootstrap"):
        run(Draws(draw, 640), replace(PLAN, bootstrap=True))
    with pytest.raises(ConfigError, match="no weights"):
        run(Draws(draw, 640), weight=torch.ones(640))
    with pytest.raises(InputError, match="cannot train a network in batches of 64"):
        run(Draws(draw, 100))
