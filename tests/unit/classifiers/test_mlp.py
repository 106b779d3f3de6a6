"""The neural network: the exact density ratio of Gaussians, its ensemble, and what it must not look at."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from hepflow.classifiers import NeuralNetwork, crossfit
from hepflow.classifiers.mlp import _encoded, _Perceptrons
from hepflow.errors import ConfigError, InputError
from hepflow.sample import Sample
from hepflow.training import Members, TrainingPlan

PLAN = TrainingPlan(epochs=6, batch_size=256, learning_rate=5e-3, validation_fraction=0.2, best_epochs=3)
SMALL = NeuralNetwork(members=2, hidden=(16, 16), bins=0, plan=PLAN)
NAMES = ("a", "b")


def network(**options):
    return replace(SMALL, **options)


def gaussian(events, seed, shift=0.0, **options):
    random = np.random.default_rng(seed)
    return Sample(random.uniform(3300, 3700, events), random.normal(shift, 1, (events, 2)), NAMES, **options)


@pytest.fixture(scope="module")
def trained():
    return network().fit(gaussian(4000, 1, 0.5), gaussian(8000, 2), seed=3)


def test_log_ratio_is_the_log_of_the_density_ratio(trained):
    """Of Gaussians half a unit apart in both features, ``0.5 (a + b) - 0.25``."""
    test = gaussian(2000, 5)
    exact = 0.5 * test.features.sum(axis=1) - 0.25
    found = trained.log_ratio(test)
    assert found.shape == (2000,)
    assert found.dtype == np.float64
    assert np.sqrt(np.mean((found - exact) ** 2)) < 0.12


def test_weights_are_respected():
    """A sample reweighted to the density of the other cannot be told from it; unweighted, ratios differ by 0.98."""
    data, wide = gaussian(4000, 1), gaussian(8000, 2, shift=0.7)
    ratio = np.exp(0.49 - 0.7 * wide.features.sum(axis=1))
    test = gaussian(3000, 7), gaussian(3000, 8, shift=0.7)
    for weight, exact in ((ratio, 0.0), (np.ones(8000), 0.98)):
        fitted = network().fit(data, replace(wide, weight=weight), seed=1)
        separation = fitted.log_ratio(test[0]).mean() - fitted.log_ratio(test[1]).mean()
        assert separation == pytest.approx(exact, abs=0.12)


def test_classes_count_the_same():
    """Neither more events nor lighter ones shift the log ratio of two samples of one density."""
    data = gaussian(2000, 1)
    for other in (gaussian(1500, 2), gaussian(8000, 3), gaussian(8000, 3, weight=np.full(8000, 0.01))):
        assert abs(network().fit(data, other, seed=1).log_ratio(data).mean()) < 0.1


def test_ranks_are_encoded_piece_by_piece():
    """A rank fills all pieces below it, and its own in part."""
    ranks = torch.tensor([[[0.0, 0.375], [1.0, 0.5]]])
    found = _encoded(ranks, 4)
    assert found.shape == (1, 8, 2)
    assert found[0, :, 0].tolist() == [0, 0, 0, 0, 1, 0.5, 0, 0]
    assert found[0, :, 1].tolist() == [1, 1, 1, 1, 1, 1, 0, 0]
    assert torch.equal(_encoded(ranks, 0), ranks.transpose(1, 2))


def test_pieces_find_a_narrow_excess():
    """Of 2 % of the events within a twentieth of the width of two features, and of nothing in two others."""
    random = np.random.default_rng(1)

    def events(count, signal):
        x = random.normal(0, 1, (count, 4))
        x[:signal, :2] = random.normal(0.8, 0.05, (signal, 2))
        return x

    data, template, unseen = events(8000, 160), events(8000, 0), events(20_000, 0)
    passing = {}
    for bins in (0, 32):
        trained = NeuralNetwork(members=2, hidden=(32, 32), bins=bins).fit(data, template, seed=1)
        threshold = np.quantile(trained.log_ratio(unseen), 0.99)
        passing[bins] = np.mean(trained.log_ratio(events(4000, 4000)) > threshold)
    assert passing[32] > passing[0] + 0.1


def test_the_log_ratio_by_pieces():
    """More noise than without, and the same slope."""
    trained = network(bins=8).fit(gaussian(4000, 1, 0.5), gaussian(8000, 2), seed=3)
    test = gaussian(2000, 5)
    slope, _ = np.polyfit(0.5 * test.features.sum(axis=1) - 0.25, trained.log_ratio(test), 1)
    assert slope == pytest.approx(1, abs=0.15)


def test_long_tails():
    """A feature with values of a million, shifted and scaled by units, is learned like any other."""
    random = np.random.default_rng(1)
    numerator, denominator = (np.exp(random.normal(shift, 2, 4000)) for shift in (2, 0))
    samples = [
        Sample(np.full(4000, 3500.0), 1e3 * column[:, None] + 7e4, ("tail",))
        for column in (numerator, denominator)
    ]
    fitted = network().fit(*samples, seed=1)
    auc = roc_auc_score(np.repeat([1, 0], 4000), np.concatenate([fitted.log_ratio(s) for s in samples]))
    assert auc == pytest.approx(0.760, abs=0.02)  # of normal distributions one standard deviation apart


def test_a_feature_that_says_nothing_is_no_hindrance():
    samples = [gaussian(2000, seed, shift) for seed, shift in ((1, 1.0), (2, 0.0))]
    constant = [
        replace(s, features=np.column_stack([s.features, np.full(2000, 5.0)]), names=(*NAMES, "five"))
        for s in samples
    ]
    score = network().fit(*constant, seed=1).log_ratio(constant[0])
    assert np.isfinite(score).all()
    assert score.mean() > 0.3


def test_the_seed_decides_the_scores(trained):
    data, template, test = gaussian(4000, 1, 0.5), gaussian(8000, 2), gaussian(100, 5)
    same, other = (network().fit(data, template, seed=seed).log_ratio(test) for seed in (3, 4))
    assert np.array_equal(trained.log_ratio(test), same)
    assert not np.array_equal(same, other)


def test_torch_keeps_its_random_numbers():
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    network().fit(gaussian(1000, 1), gaussian(1000, 2), seed=3)
    assert torch.equal(torch.rand(1), expected)


def test_the_ensemble_is_the_mean_of_its_members():
    data, template, test = gaussian(2000, 1, 0.5), gaussian(2000, 2), gaussian(100, 5)
    both = network().fit(data, template, seed=3)
    each = [network(members=1).fit(data, template, seed=seed) for seed in (3, 4)]
    mean = np.mean([one.log_ratio(test) for one in each], axis=0)
    assert both.log_ratio(test) == pytest.approx(mean, abs=1e-4)
    assert [one.losses[0].validation for one in each] == [
        pytest.approx(loss.validation, abs=1e-5) for loss in both.losses
    ]


def test_a_score_is_the_mean_over_the_best_epochs():
    data, template, test = gaussian(2000, 1, 0.5), gaussian(2000, 2), gaussian(100, 5)
    scores = {
        kept: network(members=1, plan=replace(PLAN, best_epochs=kept, schedule="constant", epochs=2))
        .fit(data, template, seed=3)
        .log_ratio(test)
        for kept in (1, 2)
    }
    assert not np.allclose(scores[1], scores[2])
    assert np.corrcoef(scores[1], scores[2])[0, 1] > 0.9


def test_side_by_side_is_one_after_another():
    """One batched product for all members gives the losses and gradients of networks evaluated one by one."""
    torch.manual_seed(1)
    networks = [
        torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Linear(8, 4), torch.nn.Linear(4, 1))
        for _ in range(3)
    ]
    members = _Perceptrons(networks)
    x, y = torch.randn(3, 20, 2), torch.rand(3, 20).round()
    losses = members.losses(x, y)
    assert losses.shape == (3, 20)
    for k, (first, second, last) in enumerate(networks):
        logit = last(second(first(x[k]).relu()).relu()).squeeze(1)
        expected = torch.nn.functional.binary_cross_entropy_with_logits(logit, y[k], reduction="none")
        assert torch.allclose(losses[k], expected, atol=1e-6)
    assert isinstance(members, Members)


def test_mass_is_an_input_only_where_asked_for():
    """The two samples differ by nothing but m_jj, which selects no event unless it may."""
    data, template = gaussian(3000, 1), gaussian(3000, 2)
    heavier = replace(data, mass=data.mass + 200)
    blind = network().fit(heavier, template, seed=1)
    assert np.array_equal(blind.log_ratio(heavier), blind.log_ratio(data))
    assert abs(blind.log_ratio(heavier)).mean() < 0.2
    seeing = network(with_mass=True).fit(heavier, template, seed=1)
    assert seeing.log_ratio(heavier).mean() - seeing.log_ratio(template).mean() > 1


def test_truth_is_not_looked_at(trained):
    label = np.arange(4000) % 2
    other = network().fit(gaussian(4000, 1, 0.5, label=label), gaussian(8000, 2), seed=3)
    assert np.array_equal(other.log_ratio(gaussian(100, 5)), trained.log_ratio(gaussian(100, 5)))


def test_it_can_be_cross_fitted():
    data, template = gaussian(1500, 1, 0.5), gaussian(3000, 2)
    fit = crossfit(SMALL, data, template, folds=2, seed=1)
    assert fit.numerator.mean() - fit.denominator.mean() > 0.2
    assert not SMALL.losses  # the one given stays untrained


def test_no_event_is_no_error(trained):
    assert trained.log_ratio(gaussian(0, 1)).shape == (0,)


def test_before_a_training():
    with pytest.raises(ConfigError, match="has not been trained; call fit first"):
        NeuralNetwork().log_ratio(gaussian(5, 1))


@pytest.mark.parametrize("options", [{"members": 0}, {"hidden": ()}, {"hidden": (64, 0)}])
def test_no_network_at_all(options):
    with pytest.raises(ConfigError, match=r"NeuralNetwork: members .* expected at least one of each"):
        NeuralNetwork(**options)


def test_a_negative_number_of_bins():
    with pytest.raises(ConfigError, match="bins is -1; expected at least 1, or 0 for none"):
        NeuralNetwork(bins=-1)


def test_bad_events():
    good, bad = gaussian(1000, 1), gaussian(1000, 2)
    bad.features[3, 1] = np.nan
    with pytest.raises(InputError, match="feature 'b' holds NaN"):
        network().fit(good, bad, seed=1)
    with pytest.raises(InputError, match="add up to 1000 and 0; expected positive sums"):
        network().fit(good, replace(good, weight=np.zeros(1000)), seed=1)
    with pytest.raises(InputError, match="500 events cannot train a network in batches of 256"):
        network().fit(good.select(slice(250)), good.select(slice(250)), seed=1)
