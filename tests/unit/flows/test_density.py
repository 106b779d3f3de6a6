"""Density: known densities are learned, sampled inside their bounds, and drawn again from the same seed."""

import copy
import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from hepflow.errors import ConfigError, InputError
from hepflow.flows import Density, FoldDensities, flow_matching, spline_autoregressive
from hepflow.flows.apart import fit_apart
from hepflow.flows.preprocess import logit_preprocessing
from hepflow.sample import Sample
from hepflow.training import TrainingPlan
from hepflow.weights import load_weights, save_weights

TINY = partial(spline_autoregressive, layers=2, hidden=16, bins=6)
PLAN = TrainingPlan(epochs=8, batch_size=256, learning_rate=1e-2, best_epochs=2)
ONE_EPOCH = TrainingPlan(epochs=1, batch_size=64, best_epochs=1)
END = 600.0  # GeV, where the exponential is cut off


def exponential(mass):
    """Truncated exponential whose mean moves with the mass."""
    return stats.truncexpon(END / (0.03 * mass), scale=0.03 * mass)


def one_column(events, seed, label=None):
    random = np.random.default_rng(seed)
    mass = random.uniform(2500, 5000, events)
    column = exponential(mass).rvs(random_state=random)
    return Sample(mass, column[:, None], ("m_J1",), label=label)


def two_columns(events, seed):
    """Two Gaussians whose means follow the mass and each other."""
    random = np.random.default_rng(seed)
    mass = random.uniform(2500, 5000, events)
    first = random.normal(0.1 * mass, 50)
    second = random.normal(0.8 * first - 0.05 * mass, 30)
    exact = stats.norm.logpdf(first, 0.1 * mass, 50)
    exact += stats.norm.logpdf(second, 0.8 * first - 0.05 * mass, 30)
    return Sample(mass, np.stack([first, second], axis=1), ("a", "b")), exact


@pytest.fixture(scope="module")
def learned():
    """A density of one column, trained on both sides of a gap in the mass."""
    sample = one_column(7000, 1)
    gap = (sample.mass > 3300) & (sample.mass < 3700)
    return Density(TINY, PLAN, members=1).fit(sample.select(~gap), seed=3)


@pytest.fixture(scope="module")
def quick():
    """A density of two columns, hardly trained: four flows of two members."""
    plan = TrainingPlan(epochs=2, batch_size=64, best_epochs=2)
    return Density(TINY, plan, members=2).fit(two_columns(600, 2)[0], seed=5)


@pytest.mark.parametrize(("low", "high"), [(2500, 3300), (3300, 3700), (3700, 5000)])
def test_learns_a_density_that_moves_with_the_mass(learned, low, high):
    fresh = one_column(20_000, 2).window(low, high)
    exact = exponential(fresh.mass).logpdf(fresh.features[:, 0])
    found = learned.log_prob(fresh.features, fresh.mass)
    inside = np.isfinite(found)
    assert inside.mean() > 0.998
    assert np.mean((exact - found)[inside]) == pytest.approx(0.0, abs=0.04)  # nats


def test_learns_a_correlation():
    sample, _ = two_columns(7000, 3)
    density = Density(TINY, PLAN, members=1).fit(sample, seed=1)
    fresh, exact = two_columns(10_000, 4)
    found = density.log_prob(fresh.features, fresh.mass)
    inside = np.isfinite(found)
    assert inside.mean() > 0.998
    assert np.mean((exact - found)[inside]) == pytest.approx(0.0, abs=0.06)
    mass = np.full(5000, 3500.0)
    drawn = density.sample(mass, seed=1)
    assert np.corrcoef(drawn.T)[0, 1] == pytest.approx(0.8 * 50 / np.hypot(30, 0.8 * 50), abs=0.05)


@pytest.mark.parametrize("mass", [2500.0, 3500.0, 5000.0])
def test_density_is_normalised(learned, mass):
    logit = learned.bijection.parts[0]
    x = np.linspace(logit.low[0], logit.high[0], 20_001)
    density = np.exp(learned.log_prob(x[:, None], np.full(len(x), mass)))
    assert integrate.trapezoid(density, x) == pytest.approx(1.0, abs=0.01)


def test_samples_follow_the_density_inside_its_bounds(learned):
    for mass in (2600.0, 3500.0, 4500.0):
        drawn = learned.sample(np.full(4000, mass), seed=2)
        assert drawn.shape == (4000, 1)
        assert drawn.min() >= 0
        assert drawn.max() < 1.01 * END
        assert drawn.mean() == pytest.approx(exponential(mass).mean(), rel=0.1)
        assert stats.kstest(drawn[:, 0], exponential(mass).cdf).statistic < 0.05


def test_no_density_outside_the_bounds(learned):
    log_prob = learned.log_prob(np.array([[-1.0], [2 * END], [100.0]]), np.full(3, 3000.0))
    assert log_prob[:2].tolist() == [-np.inf, -np.inf]
    assert np.isfinite(log_prob[2])


def test_the_seed_decides_the_samples(quick):
    mass = np.linspace(2500, 5000, 999)
    one = quick.sample(mass, seed=7)
    assert np.array_equal(one, quick.sample(mass, seed=7))
    assert not np.isclose(one, quick.sample(mass, seed=8)).any(axis=1).any()


def test_the_seed_decides_the_training(quick):
    sample, _ = two_columns(600, 2)
    state = torch.get_rng_state()
    again = Density(TINY, quick.plan, members=2).fit(sample, seed=5)
    other = Density(TINY, quick.plan, members=2).fit(sample, seed=6)
    assert torch.equal(torch.get_rng_state(), state)  # nobody else's random numbers change
    assert np.array_equal(*(d.log_prob(sample.features, sample.mass) for d in (quick, again)))
    assert not np.array_equal(*(d.log_prob(sample.features, sample.mass) for d in (quick, other)))
    assert np.array_equal(quick.sample(sample.mass, 1), again.sample(sample.mass, 1))


def test_an_ensemble_is_the_mean_of_its_flows(quick):
    assert len(quick.trainings) == 2
    assert [len(training.states) for training in quick.trainings] == [2, 2]
    sample, _ = two_columns(300, 9)
    each = []
    for flow in quick.conditional._flows:
        alone = Density(TINY)
        alone._learned = copy.copy(quick.conditional)
        alone._learned._flows = [flow]
        each.append(np.exp(alone.log_prob(sample.features, sample.mass)))
    assert len(each) == 4
    np.testing.assert_allclose(np.exp(quick.log_prob(sample.features, sample.mass)), np.mean(each, axis=0))


def test_events_are_shared_out_among_members(quick):
    members = quick.member_of(4001)
    assert np.bincount(members).tolist() in ([2001, 2000], [2000, 2001])


def test_latents_are_normal_and_map_back(learned):
    sample = one_column(2000, 6)
    z = learned.to_latent(sample.features, sample.mass)
    assert stats.kstest(z[:, 0], "norm").statistic < 0.06
    back = learned.from_latent(z, sample.mass)
    np.testing.assert_allclose(back, sample.features, rtol=0, atol=0.05)  # of single precision, in GeV


def test_a_second_fit_starts_anew(quick):
    sample, _ = two_columns(600, 2)
    density = Density(TINY, quick.plan, members=2).fit(one_column(300, 1), seed=1)
    density.fit(sample, seed=5)
    assert len(density.conditional._flows) == len(quick.conditional._flows)
    assert len(density.trainings) == 2
    assert np.array_equal(*(d.log_prob(sample.features, sample.mass) for d in (quick, density)))


@pytest.mark.parametrize("events", [0, 1, 3])
def test_fewer_events_than_flows(quick, events):
    mass = np.full(events, 3000.0)
    drawn = quick.sample(mass, seed=1)
    assert drawn.shape == (events, 2)
    assert np.isfinite(drawn).all()
    assert quick.log_prob(drawn, mass).shape == (events,)


def test_truth_is_not_looked_at():
    found = []
    for seed in (1, 2, None):
        label = None if seed is None else np.random.default_rng(seed).integers(0, 2, 300)
        sample = one_column(300, 4, label)
        found.append(
            Density(TINY, ONE_EPOCH, members=1).fit(sample, seed=1).log_prob(sample.features, sample.mass)
        )
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_weights_weigh_the_likelihood():
    """A flat distribution with exponential weights, some negative: the density is the exponential."""
    random = np.random.default_rng(1)
    x, mass = random.uniform(0, END, 12_000), random.uniform(2500, 5000, 12_000)
    weight = np.exp(-x / 150)
    signs = random.choice([-1, 1], len(x), p=[0.1, 0.9])
    sample = Sample(mass, x[:, None], ("x",), weight * signs)
    density = Density(TINY, PLAN, members=1).fit(sample, seed=1)
    drawn = density.sample(np.full(5000, 3500.0), seed=2)[:, 0]
    assert stats.kstest(drawn, stats.truncexpon(END / 150, scale=150).cdf).statistic < 0.06


def test_weights_that_are_equal_change_nothing(quick):
    sample, _ = two_columns(600, 2)
    halves = Sample(sample.mass, sample.features, sample.names, np.full(600, 0.5))
    again = Density(TINY, quick.plan, members=2).fit(halves, seed=5)
    assert np.array_equal(*(d.log_prob(sample.features, sample.mass) for d in (quick, again)))


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_weights_without_a_sum(value):
    sample = one_column(300, 4)
    weight = np.full(300, value)
    weight[:10] = [1, -1] * 5
    with pytest.raises(InputError, match="event weights add up to"):
        Density(TINY, ONE_EPOCH, members=1).fit(
            Sample(sample.mass, sample.features, sample.names, weight), seed=1
        )


def test_masses_outside_the_training_are_warned_of(quick):
    with pytest.warns(
        UserWarning,
        match=r"2 of 3 values of mass in GeV lie outside 25\d\d.*-\d+.*, where the flow was trained",
    ):
        quick.sample(np.array([1000.0, 3000.0, 9000.0]), seed=1)


def test_a_discrete_feature():
    """A multiplicity that follows a Poisson distribution comes back as whole numbers with its frequencies."""
    random = np.random.default_rng(2)
    mass = random.uniform(2500, 5000, 6000)
    counts = random.poisson(4, 6000)
    sample = Sample(mass, np.stack([counts, random.normal(size=6000)], 1), ("n", "x"))
    density = Density(TINY, PLAN, members=1, preprocessing=partial(logit_preprocessing, discrete=("n",)))
    drawn = density.fit(sample, seed=1).sample(np.full(6000, 3500.0), seed=1)[:, 0]
    assert np.array_equal(drawn, np.round(drawn))
    assert drawn.min() >= 0
    found, expected = (np.bincount(each.astype(int), minlength=20)[:10] / 6000 for each in (drawn, counts))
    np.testing.assert_allclose(found, expected, atol=0.03)


def test_a_feature_with_two_values_is_refused():
    sample = one_column(300, 4)
    flags = Sample(sample.mass, (sample.features > 100).astype(float), ("tag",))
    with pytest.raises(InputError, match="'tag' has only the two values 0 and 1; leave it out, or name it"):
        Density(TINY, ONE_EPOCH, members=1).fit(flags, seed=1)


def test_too_few_events_says_how_many_are_needed():
    sample = one_column(1000, 4)
    with pytest.raises(InputError, match="40 events cannot train a network in batches of 64") as error:
        Density(TINY, ONE_EPOCH, members=1).fit(sample.select(slice(40)), seed=1)
    assert "Widen the sidebands" in str(error.value)
    needed = int(re.search(r"at least (\d+)", str(error.value))[1])
    with pytest.raises(InputError, match="cannot train"):
        Density(TINY, ONE_EPOCH, members=1).fit(sample.select(slice(needed - 2)), seed=1)
    Density(TINY, ONE_EPOCH, members=1).fit(sample.select(slice(needed)), seed=1)


def test_features_that_cannot_be_learned_are_named():
    sample = one_column(300, 4)
    for value, message in ((np.nan, "'m_J1' holds NaN"), (5.0, "'m_J1' is 5 in every training event")):
        bad = Sample(sample.mass, np.full((300, 1), value), sample.names)
        with pytest.raises(InputError, match=message):
            Density(TINY, ONE_EPOCH, members=1).fit(bad, seed=1)


def test_untrained_or_failed():
    density = Density(TINY, ONE_EPOCH, members=1)
    sample = one_column(300, 4)
    calls = [
        lambda: density.log_prob(sample.features, sample.mass),
        lambda: density.sample(sample.mass, 1),
        lambda: density.to_latent(sample.features, sample.mass),
        lambda: density.from_latent(sample.features, sample.mass),
    ]
    for call in calls:
        with pytest.raises(ConfigError, match="has not been trained; call fit first"):
            call()
    density.fit(sample, seed=1)
    with pytest.raises(InputError, match="10 events cannot train a network"):
        density.fit(sample.select(slice(10)), seed=1)
    for call in calls:  # the flows of the first fit are not those of the second's preprocessing
        with pytest.raises(ConfigError, match="has not been trained; call fit first"):
            call()


APART = TrainingPlan(epochs=2, batch_size=64, best_epochs=2)
SIZES = [301, 300, 300]  # as folds of 450 or 451 events are dealt


def apart(samples, members=2, seed=5, architecture=TINY, **options):
    return fit_apart(Density(architecture, APART, members), samples, seed, **options)


def alike(one, other, sample):
    return np.array_equal(*(each.log_prob(sample.features, sample.mass) for each in (one, other)))


@pytest.fixture(scope="module")
def three():
    return [two_columns(events, 20 + number)[0] for number, events in enumerate(SIZES)]


@pytest.mark.parametrize("members", [1, 2])
def test_trained_apart_on_one_sample_it_is_that_of_fit(three, members):
    (found,) = apart(three[:1], members)
    known = Density(TINY, APART, members).fit(three[0], seed=5)
    assert alike(found, known, three[0])
    assert len(found.trainings) == members
    assert [one.losses for one in found.trainings] == [one.losses for one in known.trainings]


@pytest.mark.parametrize("architecture", [TINY, partial(flow_matching, hidden=8, layers=1, steps=2)])
def test_what_is_trained_apart_learns_from_its_own_sample_alone(three, architecture):
    """Bit for bit, preprocessing too; weights and outliers of another change nothing."""
    known = apart(three, architecture=architecture)
    assert [len(density.trainings) for density in known] == [2, 2, 2]
    asked = two_columns(400, 30)[0].window(2600, 4900)
    for changed in range(3):
        sample = three[changed]
        weight = np.linspace(0.5, 5.0, len(sample))
        mass = np.clip(1.1 * sample.mass - 300, 2490, 5010)
        other = Sample(mass, 2 * sample.features - 30, sample.names, weight)
        again = apart([*three[:changed], other, *three[changed + 1 :]], architecture=architecture)
        assert [alike(*pair, asked) for pair in zip(known, again, strict=True)] == [
            number != changed for number in range(3)
        ]
        mass = np.linspace(2600, 4900, 50)
        for number in {0, 1, 2} - {changed}:
            assert np.array_equal(known[number].sample(mass, seed=1), again[number].sample(mass, seed=1))


def test_what_is_trained_apart_differs_from_one_to_the_other(three):
    first, second, third = apart([three[1]] * 3)
    assert not alike(first, second, three[1])  # of other seeds
    assert not alike(second, third, three[1])
    states = [one.states[0] for density in (first, second) for one in density.trainings]
    assert len({float(next(iter(state.values())).flatten()[0]) for state in states}) == 4


def test_trained_apart_it_learns_what_it_learns_alone():
    """The likelihood of fresh events is that of a density which was trained by itself."""
    samples = [one_column(3001, 1), one_column(3000, 2)]
    fresh = one_column(3000, 3)
    exact = exponential(fresh.mass).logpdf(fresh.features[:, 0])
    for density in fit_apart(Density(TINY, PLAN, 1), samples, seed=1):
        found = density.log_prob(fresh.features, fresh.mass)
        inside = np.isfinite(found)
        assert inside.mean() > 0.995
        assert np.mean((exact - found)[inside]) == pytest.approx(0.0, abs=0.06)


def test_a_share_without_the_outermost_masses_does_not_warn(three):
    """By chance a fold lacks them; there are more in the others."""
    inner = [three[0], two_columns(400, 23)[0].window(3000, 4500)]
    outer, lacking = apart(inner)
    mass = np.array([2510.0, 4990.0])
    assert np.isfinite(lacking.sample(mass, seed=1)).all()
    for density in (outer, lacking):
        with pytest.warns(UserWarning, match="1 of 1 values of mass in GeV lie outside 25"):
            density.sample(np.array([9000.0]), seed=1)


def test_the_recipe_of_what_is_trained_apart_stays_untrained(three):
    recipe = Density(TINY, APART, 2)
    trained = fit_apart(recipe, three, seed=5)
    assert len({id(density) for density in (recipe, *trained)}) == 4
    with pytest.raises(ConfigError, match="has not been trained"):
        recipe.sample(np.full(3, 3000.0), 1)
    assert alike(trained[1], apart(three)[1], three[1])


class StopError(Exception):
    pass


def test_a_training_apart_goes_on_where_it_was_stopped(three, tmp_path):
    path, known, steps = tmp_path / "flows.safetensors", apart(three), []
    step = torch.optim.AdamW.step

    def stopped(self, *arguments, **options):
        steps.append(1)
        if len(steps) == 6:  # the second epoch
            raise StopError
        return step(self, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", stopped)
        with pytest.raises(StopError):
            apart(three, checkpoint=path)
    assert path.exists()
    for _ in range(2):  # once it goes on, once it is read
        again = apart(three, checkpoint=path)
        assert all(alike(*pair, three[0]) for pair in zip(known, again, strict=True))
    moved = replace(three[2], features=three[2].features[::-1])
    with pytest.raises(ConfigError, match="a checkpoint of another training: its rows is"):
        apart([*three[:2], moved], checkpoint=path)


def test_the_smallest_of_several_samples_must_be_large_enough(three):
    few = three[1].select(slice(100))
    with pytest.raises(InputError, match="6 flows: 100 events cannot train a network in batches of 64"):
        apart([three[0], few, three[2]])


def test_densities_of_folds_in_a_file(three, tmp_path):
    trained = apart(three)
    save_weights(tmp_path / "w.safetensors", FoldDensities(trained))
    back = load_weights(tmp_path / "w.safetensors", FoldDensities).each
    assert [density.members for density in back] == [2, 2, 2]
    mass = np.linspace(2600, 4900, 50)
    for density, again in zip(trained, back, strict=True):
        assert alike(density, again, three[0])
        assert np.array_equal(density.sample(mass, seed=1), again.sample(mass, seed=1))
    assert FoldDensities.from_state(FoldDensities(()).state()).each == ()
