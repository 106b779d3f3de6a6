"""Posteriors: replicas of four kinds, known answers of linear models, and what is refused."""

import itertools
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

import hepflow as hf
from hepflow.classifiers import BoostedTrees, NeuralNetwork
from hepflow.errors import ConfigError, FitError
from hepflow.flows import ConditionalDensity, Density, TrainingPlan, flow_matching, spline_autoregressive
from hepflow.flows.apart import fit_apart
from hepflow.flows.discrepancy import Discrepancy
from hepflow.generation import Generator
from hepflow.replicas import DRAWN, POSTERIORS
from hepflow.sample import Sample
from hepflow.training import BayesianMembers, Members, posterior, train_replicas
from hepflow.training.laplace import laplace, row_gradients
from hepflow.weights import load_weights, save_weights

SLOPES, NOISE, ROWS = torch.tensor([0.5, -0.2, 0.1]), 0.3, 800
SMALL = partial(spline_autoregressive, layers=1, hidden=8, bins=4)
PLAN = TrainingPlan(epochs=2, batch_size=64, learning_rate=0.01, best_epochs=1)


def likelihood(network, x, y):
    return 0.5 * ((network(x).squeeze(1) - y) / NOISE).square()


def line(slopes=SLOPES):
    network = torch.nn.Linear(3, 1, bias=False)
    network.weight.data.copy_(slopes)
    return network


def table(rows=ROWS, seed=1):
    """Return correlated columns (N, 3), and a line of them whose residuals are all as large as the noise."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, 3, generator=generator)
    x[:, 1] += 0.8 * x[:, 0]
    sign = torch.randint(2, (rows,), generator=generator) * 2 - 1
    return x, x @ SLOPES + NOISE * sign


def exact(x, prior):
    """Return the covariance of the slopes."""
    return torch.linalg.inv(x.double().T @ x.double() / NOISE**2 + torch.eye(3) / prior**2)


def covariance(members, rows, learned, **options):
    factors, gradients = laplace(members, 0, rows, learned, torch.Generator().manual_seed(1), **options)
    shifts = factors @ gradients
    return (shifts.T @ shifts).double()


@pytest.mark.parametrize("prior", [0.02, 10.0])
def test_laplace_of_a_linear_model_is_the_exact_posterior(prior):
    x, y = table()
    found = covariance(Members([line()], likelihood), (x, y), ROWS, prior=prior)
    torch.testing.assert_close(found, exact(x, prior), rtol=1e-3, atol=1e-7)


def test_laplace_with_weights():
    """Rows without weight are none, and the unit of weights does not matter."""
    x, y = table()
    weight = torch.where(torch.arange(ROWS) < 500, 3.0, 0.0)
    found = covariance(Members([line()], likelihood), (x, y), 500, prior=0.1, weight=weight)
    torch.testing.assert_close(found, exact(x[:500], 0.1), rtol=1e-3, atol=1e-7)


def test_gradients_of_rows_are_those_of_each_alone():
    x, y = table(20)
    found = row_gradients(Members([line(), line(SLOPES + 1)], likelihood), 1, (x, y))
    for row in range(20):
        network = line(SLOPES + 1)
        likelihood(network, x[row : row + 1], y[row : row + 1]).sum().backward()
        torch.testing.assert_close(found[row], network.weight.grad[0])


def test_draws_of_laplace_are_as_wide_as_the_exact_posterior():
    x, y = table(1000, seed=3)
    plan = TrainingPlan(epochs=30, batch_size=90, learning_rate=0.02, best_epochs=1, weight_decay=0.0)
    found = train_replicas(
        Members([line(SLOPES + 0.1) for _ in range(4)], likelihood),
        (x, y),
        plan,
        [1, 2, 3, 4],
        "lines",
        posterior="laplace",
        replicas=600,
    )
    draws = np.array([one.states[0]["weight"][0].numpy() for one in found])
    own = np.concatenate(
        [draws[k::4] - draws[k::4].mean(axis=0) for k in range(4)]
    )  # around one optimum each
    prior = float(SLOPES.square().mean().sqrt())
    np.testing.assert_allclose(own.std(axis=0), np.sqrt(np.diag(exact(x[:900], prior))), rtol=0.1)
    np.testing.assert_allclose(
        np.corrcoef(own.T)[0, 1], -0.8 / np.sqrt(1 + 0.8**2), atol=0.1
    )  # which a posterior of independent weights has not


def columns(rows=300, seed=1):
    random = np.random.default_rng(seed)
    first = random.normal(size=rows)
    return np.stack([first, random.normal(0.8 * first, 0.5)], axis=1)


def density(kind, members=6):
    return ConditionalDensity(SMALL, PLAN, members=members, posterior=kind)


@pytest.fixture(scope="module", params=POSTERIORS)
def trained(request):
    return density(request.param).fit(columns(), seed=3)


def each(density):
    """Return the parameters of each replica, (R, P)."""
    return torch.stack([torch.cat([p.flatten() for p in flow.parameters()]) for flow in density.best_flows])


def test_replicas_differ_and_a_seed_repeats_them(trained):
    own = each(trained)
    assert len(own) == trained.members == 6
    assert all(not torch.equal(one, other) for one, other in itertools.combinations(own, 2))
    again = each(density(trained.posterior).fit(columns(), seed=3))
    assert torch.equal(own, again)
    assert not torch.equal(own, each(density(trained.posterior).fit(columns(), seed=4)))


def test_draws_are_of_a_few_trainings(trained):
    losses = {training.losses.training for training in trained.trainings}
    assert len(trained.trainings) == 6
    assert len(losses) == (posterior.NETWORKS if trained.posterior in DRAWN else 6)


def test_weights_read_back_to_the_bit(trained, tmp_path):
    save_weights(tmp_path / "w", trained)
    again = load_weights(tmp_path / "w", ConditionalDensity)
    assert (again.posterior, again.members) == (trained.posterior, 6)
    np.testing.assert_array_equal(again.log_prob(columns()), trained.log_prob(columns()))
    np.testing.assert_array_equal(again.sample(50, seed=1), trained.sample(50, seed=1))


def test_histograms_of_a_generator_have_their_spread(trained):
    events = hf.Events(columns(), ("x", "y"))
    generated = Generator(density(trained.posterior)).fit(events, seed=3).generate(30_000, seed=1)
    found = generated.expected(generated.events["x"], np.linspace(-2, 2, 5))
    assert np.all(found.error > found.statistical)
    assert len(found.modes) >= 1


def test_weighted_rows_and_several_tables_side_by_side():
    random = np.random.default_rng(1)
    mass = random.uniform(1000, 2000, 400)
    sample = Sample(mass, columns(400), ("x", "y"), random.uniform(0.5, 1.5, 400))
    halves = [sample.select(np.arange(400) % 2 == k) for k in range(2)]
    for kind in DRAWN:
        densities = fit_apart(Density(SMALL, PLAN, members=3, posterior=kind), halves, seed=1)
        assert [one.members for one in densities] == [3, 3]
        for one, own in zip(densities, halves, strict=True):
            assert np.isfinite(one.log_prob(own.features, own.mass)).all()
        assert not torch.equal(*(each(one.conditional) for one in densities))


@pytest.mark.parametrize("kind", POSTERIORS)
def test_a_training_goes_on_from_its_checkpoint(kind, tmp_path):
    whole = each(density(kind).fit(columns(), seed=3))
    path = tmp_path / "checkpoint.safetensors"
    density(kind).fit(columns(), seed=3, checkpoint=path)
    assert torch.equal(each(density(kind).fit(columns(), seed=3, checkpoint=path)), whole)


@pytest.mark.parametrize("kind", POSTERIORS)
def test_networks_say_what_each_replica_does(kind, tmp_path):
    one, other = columns(300, 1) + 0.5, columns(300, 2)
    network = NeuralNetwork(5, (8,), plan=replace(PLAN, best_epochs=2), posterior=kind)
    network.fit(one, other, seed=1)
    found = network.log_ratios(one)
    assert found.shape == (5, 300)
    np.testing.assert_allclose(found.mean(axis=0), network.log_ratio(one), atol=1e-5)
    assert np.all(found.std(axis=0) > 0)
    save_weights(tmp_path / "w", network)
    again = load_weights(tmp_path / "w", NeuralNetwork)
    assert again.posterior == kind
    np.testing.assert_array_equal(again.log_ratios(one), found)


def test_a_plan_may_ask_for_a_bootstrap_itself():
    """As SALAD's does, of a single network."""
    own = [
        NeuralNetwork(1, (8,), plan=replace(PLAN, bootstrap=bootstrap))
        .fit(columns(300, 1) + 0.5, columns(300, 2), seed=1)
        .log_ratio(columns(50))
        for bootstrap in (False, True)
    ]
    assert not np.array_equal(*own)


@pytest.mark.parametrize("kind", ["bootstrap", "ensemble"])
def test_trees_have_replicas_of_trainings(kind, tmp_path):
    one, other = columns(600, 1) + 0.5, columns(600, 2)
    trees = BoostedTrees(members=3, posterior=kind).fit(one, other, seed=1)
    found = trees.log_ratios(one)
    np.testing.assert_allclose(found.mean(axis=0), trees.log_ratio(one))
    assert np.any(found.std(axis=0) > 0)
    save_weights(tmp_path / "w", trees)
    np.testing.assert_array_equal(load_weights(tmp_path / "w", BoostedTrees).log_ratios(one), found)


@pytest.mark.parametrize("kind", DRAWN)
def test_trees_have_no_weights(kind):
    with pytest.raises(ConfigError, match=f"{kind}.*trees have no weights.*one of bootstrap, ensemble"):
        BoostedTrees(posterior=kind)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NeuralNetwork(posterior="laplas"), "no posterior 'laplas'; did you mean 'laplace'"),
        (lambda: BoostedTrees(posterior="bayes"), "no posterior 'bayes'; known: 'bootstrap', 'ensemble'"),
        (lambda: BoostedTrees(members=0), "0 replicas; expected at least one"),
        (lambda: NeuralNetwork(-1, posterior="laplace"), "members -1"),
        (lambda: density("bootstrp").fit(columns(), seed=1), "did you mean 'bootstrap'"),
        (lambda: density("laplace", 0).fit(columns(), seed=1), "0 members"),
        (
            lambda: Generator(density("laplace", 2)).fit(hf.Events(columns(), ("x", "y")), seed=1),
            "2 replicas; expected three",
        ),
        (
            lambda: replace(density("laplace"), architecture=partial(flow_matching, hidden=8)).fit(
                columns(), seed=1
            ),
            "no likelihood.*one of bootstrap, ensemble",
        ),
        (
            lambda: replace(density("bayesian"), discrepancy=Discrepancy({"relative": ["x1", "x0"]})).fit(
                columns(), seed=1
            ),
            "no likelihood",
        ),
    ],
)
def test_posteriors_that_cannot_be(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_a_posterior_that_collapsed_to_its_prior():
    members = BayesianMembers(Members([line(), line()], likelihood), prior=0.3, deviation=0.1)
    members.check_alive("lines")
    members.table.data[1, 3:] = np.log(0.31) / 10
    with pytest.raises(FitError, match=r"lines: the posterior collapsed to its prior: 100.0% .* 0.9 of its"):
        members.check_alive("lines")


def test_rows_that_say_nothing_collapse_a_posterior(monkeypatch):
    """Where the prior counts a thousand times as much as the rows, no weight is learned."""
    monkeypatch.setattr(posterior, "TEMPERATURE", 1000.0)
    plan = TrainingPlan(epochs=20, batch_size=64, learning_rate=0.03, validation_fraction=0.2)
    network = NeuralNetwork(4, (16,), plan=plan, posterior="bayesian")
    with pytest.raises(FitError, match="collapsed"):
        network.fit(columns(300, 1), columns(300, 2), seed=1)


def test_a_dead_network_has_no_curvature():
    x, _ = table(50)
    dead = Members([line()], lambda network, x: (network(x) * 0).squeeze(1))
    with pytest.raises(FitError, match="gradients of the loss are not finite"):
        covariance(dead, (x,), 50)
