"""Validation bands: what a method misses beside the signal region, and that it never looks into it."""

from dataclasses import replace

import numpy as np
import pytest

from hepflow.errors import InputError
from hepflow.sample import Sample
from hepflow.selection import NonClosure, Validation, cuts, validate
from hepflow.selection.cuts import NON_CLOSURE
from hepflow.selection.validation import bare

EFFICIENCY = 0.1


class Fixed:
    """A classifier that has nothing to learn."""

    def fit(self, numerator, denominator, weights, seed):
        return self

    def log_ratio(self, x):
        return x[:, 0] / 100 - 4 * x[:, 2]


class Exact:
    """A method that knows the density of the background, or one that is off by `shift` in the first feature."""

    def __init__(self, make_background, shift=0.0):
        self.make_background, self.shift, self.seen = make_background, shift, []

    def fit(self, data, windows, *, simulation=None, seed):
        self.seen.append((data, windows, seed))
        background = self.make_background(data, windows=windows, seed=seed)
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
    found = [tried(seed=seed).non_closure(EFFICIENCY) for seed in range(4)]
    for one in found:
        assert abs(one.value) < 4 * one.error
        assert 0.01 < one.error < 0.1
    assert len({one.value for one in found}) == 4


def test_a_template_that_is_off_does_not(tried):
    """Masses 30 GeV too low: so many more events of the data pass than expected."""
    validation = tried(shift=-30.0)
    found = validation.non_closure(EFFICIENCY)
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
    plain = validation.non_closure(EFFICIENCY).value
    part = validation.validation
    shifted = replace(validation, validation=replace(part, score=part.score - 0.5))
    assert shifted.non_closure(EFFICIENCY).value < plain - 0.1


def scored(mass, score):
    return bare(np.asarray(mass, float), np.ones(len(mass)), np.asarray(score, float))


def test_known_numbers(toy):
    """Bands of 100 data events each; a fifth and a tenth of the template pass there, so 30 are expected."""
    windows = toy.windows.validation(200)
    low, high = np.full(100, 3200.0), np.full(100, 3800.0)
    mass = np.concatenate([low, high])
    validation = Validation(
        data=scored(mass, np.arange(200) < 45),
        template=scored(mass, np.concatenate([np.arange(100) < 20, np.arange(100) < 10])),
        sidebands=scored(np.full(1000, 2600.0), np.arange(1000) < 150),
        validation=scored(np.full(1000, 2600.0), np.arange(1000) < 150),
        windows=windows,
    )
    found = validation.non_closure(0.15)
    assert found.value == pytest.approx(45 / 30 - 1)
    here = np.hypot(np.sqrt(45) / 30, np.sqrt(20 + 10) / 30)
    assert found.error == pytest.approx(1.5 * np.hypot(here, np.sqrt(2 * 150) / 150))


def test_nothing_is_claimed_where_nothing_passes(toy):
    empty = scored([3200.0, 3800.0], [0.0, 0.0])
    validation = Validation(empty, empty, empty, empty, toy.windows.validation(200))
    assert validation.non_closure(0.5) == NonClosure(0.0, 1.0)


@pytest.mark.parametrize(
    ("value", "error", "size"), [(0.1, 0.02, 0.1), (-0.1, 0.02, 0.1), (0.01, 0.05, 0.05)]
)
def test_size(value, error, size):
    assert NonClosure(value, error).size == size


def test_it_becomes_the_error_of_the_cut(tried, scores):
    validation = tried(shift=-30.0)
    (cut,) = cuts(scores, [EFFICIENCY], validation=validation)
    assert cut.non_closure == validation.non_closure(EFFICIENCY)
    inside = cut.spectrum.in_signal
    np.testing.assert_allclose(
        cut.spectrum.modes[NON_CLOSURE], np.where(inside, cut.non_closure.size * cut.spectrum.expected, 0)
    )
    assert cuts(scores, [EFFICIENCY])[0].non_closure is None


def test_too_few_events_say_what_to_do(toy):
    class Fails:
        def fit(self, data, windows, *, simulation=None, seed):
            raise InputError("flow: 12 events cannot train")

    with pytest.raises(InputError, match=r"validation bands: flow: 12 events .*regions.validation: 0"):
        validate(Fails(), Fixed(), toy.background(500, 1), toy.windows, seed=1)


def test_samples_without_features():
    part = scored([1.0, 2.0], [0.1, 0.2])
    assert isinstance(part.sample, Sample)
    assert part.sample.features.shape == (2, 0)
