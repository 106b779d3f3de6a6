"""Validation: what a method misses beside the signal region, never looking into it, and in simulation."""

from dataclasses import replace

import numpy as np
import pytest

from hepflow.errors import InputError
from hepflow.sample import Sample
from hepflow.selection import (
    NonClosure,
    cuts,
    enough_simulation,
    non_closure,
    validate,
    validate_in_simulation,
)
from hepflow.selection.cuts import NON_CLOSURE, TRAINING
from hepflow.selection.non_closure import together
from hepflow.selection.validation import bare

EFFICIENCY = 0.1


def behind(validation):
    return non_closure([validation], EFFICIENCY)


class Fixed:
    """A classifier that has nothing to learn."""

    def fit(self, numerator, denominator, seed):
        return self

    def log_ratio(self, sample):
        return sample.features[:, 0] / 100 - 4 * sample.features[:, 2]


class Exact:
    """A method that knows the density of the background, or one that is off by `shift` in the first feature."""

    def __init__(self, make_background, shift=0.0):
        self.make_background, self.shift, self.seen = make_background, shift, []

    def fit(self, data, windows, *, simulation=None, folds, seed, checkpoint=None):
        self.seen.append((data, windows, seed))
        background = self.make_background(data, windows=windows, seed=seed, folds=folds)
        off = background.template.features + self.shift * np.array([1.0, 0, 0])
        return replace(background, template=replace(background.template, features=off))


@pytest.fixture(scope="module")
def many(toy):
    return toy.background(60_000, seed=4)


@pytest.fixture
def tried(make_background, many, toy):
    def tried(shift=0.0, seed=1):
        return validate(Exact(make_background, shift), Fixed(), many, toy.windows, seed=seed)

    return tried


def test_an_exact_template_closes(tried):
    found = [behind(tried(seed=seed)) for seed in range(4)]
    for one in found:
        assert abs(one.value) < 4 * one.error
        assert 0.01 < one.error < 0.1
    assert len({one.value for one in found}) == 4


def test_a_template_that_is_off_does_not(tried):
    """Masses 30 GeV too low: so many more events of the data pass than expected."""
    validation = tried(shift=-30.0)
    found = behind(validation)
    threshold = validation.template.quantile(EFFICIENCY)
    passing = np.mean(validation.data.score > threshold)
    assert found.value == pytest.approx(passing / EFFICIENCY - 1, abs=0.06)
    assert found.value > 5 * found.error


def test_the_signal_region_is_never_seen(make_background, many, toy):
    method = Exact(make_background)
    validation = validate(method, Fixed(), many, toy.windows, width=150, seed=1)
    ((data, windows, _),) = method.seen
    assert not toy.windows.in_signal(data.mass).any()
    assert windows.signal == (3150, 3850)
    for part in (validation.data, validation.template):
        assert not toy.windows.in_signal(part.sample.mass).any()
        assert windows.in_signal(part.sample.mass).all()
    for part in (validation.sidebands, validation.validation):
        assert windows.in_sidebands(part.sample.mass).all()


def test_what_the_sidebands_show_as_well_is_corrected(tried):
    """The analysis multiplies by data over template in the sidebands; so does its validation."""
    validation = tried()
    plain = behind(validation).value
    part = validation.validation
    shifted = replace(validation, validation=replace(part, score=part.score - 0.5))
    assert behind(shifted).value < plain - 0.1


def scored(mass, score):
    return bare(np.asarray(mass, float), np.ones(len(mass)), np.asarray(score, float))


@pytest.mark.parametrize("truth", [0.0, 0.5, 1.0, 2.0, 5.0])
def test_size_is_the_error_of_the_correction(truth):
    """Whatever the difference in the bands, in units of its error, of which a part is there in the signal region."""
    random = np.random.default_rng(3)
    part, seen = random.random(20_000), truth + random.normal(size=20_000)
    found = [NonClosure(value, 1.0) for value in seen]
    pulls = np.array([(u * truth - one.correction) / one.size for u, one in zip(part, found, strict=True)])
    assert 0.6 < np.sqrt(np.mean(pulls**2)) < 1.3
    assert abs(pulls.mean()) < 0.3


def in_simulation(make_background, many, simulation, toy, shift=0.0, seed=1):
    method = Exact(make_background, shift)
    return method, validate_in_simulation(method, Fixed(), simulation, many, toy.windows, seed=seed)


def test_simulation_in_the_regions_of_the_analysis(make_background, many, toy):
    """Trained on as many events as the sidebands of the data hold, measured with all."""
    simulation = toy.background(150_000, seed=5)
    method, found = in_simulation(make_background, many, simulation, toy)
    ((trained, windows, _),) = method.seen
    assert windows == found.windows == toy.windows
    assert trained.label is None
    wanted = toy.windows.in_sidebands(many.mass).sum()
    assert toy.windows.in_sidebands(trained.mass).sum() == pytest.approx(wanted, abs=5 * np.sqrt(wanted))
    inside, outside = toy.windows.in_signal(simulation.mass), toy.windows.in_sidebands(simulation.mass)
    np.testing.assert_array_equal(np.sort(found.data.sample.mass), np.sort(simulation.mass[inside]))
    np.testing.assert_array_equal(np.sort(found.sidebands.sample.mass), np.sort(simulation.mass[outside]))
    one = behind(found)
    assert abs(one.value) < 4 * one.error < 0.15
    off = behind(in_simulation(make_background, many, simulation, toy, shift=-30.0)[1])
    assert off.value > 5 * off.error


def test_the_signal_region_of_the_data_does_not_matter_to_simulation(make_background, many, toy):
    blinded = many.select(~toy.windows.in_signal(many.mass))
    simulation = toy.background(80_000, seed=5)
    one, other = (
        behind(in_simulation(make_background, data, simulation, toy)[1]) for data in (many, blinded)
    )
    assert one == other


def test_less_simulation_than_data(make_background, many, toy):
    method, found = in_simulation(make_background, many, toy.background(20_000, seed=5), toy)
    assert len(method.seen[0][0]) == 20_000
    one = behind(found)
    assert abs(one.value) < 4 * one.error


def test_weighted_simulation_is_drawn_by_weight(make_background, many, toy):
    """Half of the masses are generated too often, and weighted down."""
    simulation = toy.background(150_000, seed=5)
    low = simulation.mass < 3500
    twice = Sample.concat([simulation, toy.background(150_000, seed=6).window(2500, 3500)])
    weighted = replace(twice, weight=np.where(twice.mass < 3500, 1.5, 3.0))
    method, found = in_simulation(make_background, many, weighted, toy)
    events = np.concatenate([found.data.sample.mass, found.sidebands.sample.mass])
    assert np.mean(events < 3500) == pytest.approx(np.mean(low), abs=0.01)
    assert (method.seen[0][0].weight == 1).all()


@pytest.mark.parametrize("weight", [-1.0, 0.0, np.nan])
def test_weights_that_cannot_be_drawn_by(make_background, many, toy, weight):
    simulation = replace(toy.background(1000, seed=5), weight=np.full(1000, weight))
    message = r"validation in simulation: event weights from .*; or do without inputs\.simulation"
    with pytest.raises(InputError, match=message):
        in_simulation(make_background, many, simulation, toy)


def test_how_much_simulation_is_enough(many, toy):
    """As many as the data in the sidebands; a few events of large weight make all others rare."""
    assert enough_simulation(many, many, toy.windows)
    assert not enough_simulation(many.select(slice(0, 30_000)), many, toy.windows)
    assert not enough_simulation(replace(many, weight=1.0 + (np.arange(len(many)) == 0)), many, toy.windows)
    assert not enough_simulation(many.select(slice(0, 0)), many, toy.windows)


def test_simulation_elsewhere(make_background, many, toy):
    with pytest.raises(InputError, match=r"validation in simulation: no event in the signal region"):
        in_simulation(make_background, many, toy.background(1000, seed=5).window(2500, 3300), toy)


def test_what_trials_miss_corrects_the_cut(tried, make_background, many, scores, toy):
    beside = tried(shift=-30.0)
    _, simulated = in_simulation(make_background, many, toy.background(80_000, seed=5), toy)
    (plain,) = cuts(scores, [EFFICIENCY])
    inside = plain.spectrum.in_signal
    for options in (
        {"validation": [beside]},
        {"simulation": simulated},
        {"validation": [beside, tried(shift=-30.0, seed=2)], "simulation": simulated},
    ):
        (cut,) = cuts(scores, [EFFICIENCY], **options)
        bands = options.get("validation")
        expected = None if bands is None else non_closure(bands, EFFICIENCY)
        in_regions = None if "simulation" not in options else non_closure([simulated], EFFICIENCY, 1.0)
        assert (cut.non_closure, cut.non_closure_simulation) == (expected, in_regions)
        known = [one for one in (expected, in_regions) if one is not None]
        assert (cut.correction, cut.correction_error) == together(known)
        raised = np.where(inside, 1 + cut.correction, 1.0)
        np.testing.assert_allclose(cut.spectrum.expected, raised * plain.spectrum.expected)
        np.testing.assert_allclose(cut.uncorrected.expected, plain.spectrum.expected)
        np.testing.assert_allclose(
            cut.spectrum.modes[NON_CLOSURE],
            np.where(inside, cut.correction_error * plain.spectrum.expected, 0),
        )


def test_trials_take_the_place_of_the_trainings_rate(tried, scores):
    (plain,), (cut,) = cuts(scores, [EFFICIENCY]), cuts(scores, [EFFICIENCY], validation=[tried()])
    rates = [f"{TRAINING}_0" in one.spectrum.modes for one in (plain, cut)]
    assert not rates[1]
    assert rates[0] == (len(np.unique(scores.background.replica)) > 1)


def test_too_few_events_say_what_to_do(toy):
    class Fails:
        def fit(self, data, windows, *, simulation=None, folds, seed, checkpoint=None):
            raise InputError("flow: 12 events cannot train")

    with pytest.raises(InputError, match=r"validation bands: flow: 12 events .*regions.validation: 0"):
        validate(Fails(), Fixed(), toy.background(500, 1), toy.windows, seed=1)


def test_samples_without_features():
    part = scored([1.0, 2.0], [0.1, 0.2])
    assert isinstance(part.sample, Sample)
    assert part.sample.features.shape == (2, 0)
