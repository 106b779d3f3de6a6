"""Figures of merit of a tuning, against known answers."""

from dataclasses import replace

import numpy as np
import pytest

from hepflow.errors import ConfigError
from hepflow.methods import Background, EventFolds, deal_data
from hepflow.sample import Sample
from hepflow.studies.tuning.merit import Bands, SignalInBands, expected, log_likelihood


class Exact:
    """The true density of the toy, which has nothing to learn."""

    def __init__(self, toy, shift=0.0):
        self.toy, self.shift = toy, shift

    def fit(self, sample, seed):
        self.seen = sample

    def log_prob(self, x, m):
        found = self.toy.log_prob(x, m) - self.shift
        found[0] = -np.inf  # outside the bounds of the training
        return found


class FirstFeature:
    """A classifier that knows where to look."""

    def fit(self, numerator, denominator, seed):
        return self

    def log_ratio(self, sample):
        return sample.features[:, 0]


@pytest.fixture(scope="module")
def bands(toy):
    return Bands.of(toy.background(8000, seed=1), toy.windows, 200)


@pytest.fixture(scope="module")
def filled(toy, bands):
    """The template is more of the toy's background, in both regions; signal is put in at two sigma."""
    template = toy.background(80_000, seed=2).without_truth()
    inside, beside = bands.windows.in_signal(template.mass), bands.windows.in_sidebands(template.mass)
    background = Background(
        template=replace(template.select(inside), weight=np.full(inside.sum(), 0.1)),
        validation=replace(template.select(beside), weight=np.full(beside.sum(), 0.1)),
        smooth=None,
        windows=bands.windows,
        replica=np.zeros(inside.sum(), dtype=np.intp),
        validation_replica=np.zeros(beside.sum(), dtype=np.intp),
        folds=EventFolds.at_random(
            2, deal_data(bands.data, bands.windows, 2, 1), inside.sum(), beside.sum(), seed=1
        ),
    ).without(bands.hole)
    return SignalInBands.of(bands, background, toy.signal(1000, seed=3), 2.0, seed=4)


def test_bands_hold_nothing_of_the_signal_region(toy, bands):
    assert bands.windows.signal == (3100, 3900)
    assert not toy.windows.in_signal(bands.data.mass).any()
    assert bands.data.label is None
    assert set(bands.judged.mass) == {m for m in bands.data.mass if 3100 <= m < 3900}


def test_log_likelihood_is_the_mean_over_the_bands(toy, bands):
    density = Exact(toy)
    value = log_likelihood(density, bands, 50, seed=1)
    exact = toy.log_prob(bands.judged.features, bands.judged.mass)[1:]
    assert value == pytest.approx(exact.mean(), abs=0.02)  # masses are those of the centres of bins
    assert log_likelihood(Exact(toy, shift=0.25), bands, 50, seed=1) == pytest.approx(value - 0.25)
    assert bands.windows.in_sidebands(density.seen.mass).all()
    assert len(density.seen) + len(bands.judged) == len(bands.data)


def test_signal_in_the_bands(bands, filled):
    events = round(2.0 * np.sqrt(len(bands.judged)))
    assert filled.injected == events
    assert len(filled.data) == len(bands.data) + events
    for signal in (filled.data.select(slice(len(bands.data), None)), filled.signal):
        assert np.isin(signal.mass, bands.judged.mass).all()
    added = {tuple(row) for row in filled.data.features[len(bands.data) :]}
    assert not added & {tuple(row) for row in filled.signal.features}
    folds = filled.background.folds
    assert len(folds.data) == len(filled.data)
    assert np.array_equal(folds.data[: len(bands.data)], deal_data(bands.data, bands.windows, 2, 1))
    assert np.ptp(np.bincount(folds.data[len(bands.data) :])) <= 1


def test_expected_significance(bands, filled):
    """All signal has m_J1 near 400 GeV, and the template is right: Z is nearly that of the counts."""
    found = expected(FirstFeature(), filled, 0.05, seed=1)
    threshold = np.quantile(filled.background.template.features[:, 0], 0.95)
    assert found.signal_efficiency == pytest.approx(
        np.mean(filled.signal.features[:, 0] > threshold), abs=1e-12
    )
    background = 0.05 * len(bands.judged)
    excess = max(0.0, found.non_closure**2 - found.non_closure_error**2)
    wanted = found.signal_efficiency * filled.injected / np.sqrt(background + excess * background**2)
    assert found.significance == pytest.approx(wanted)
    assert abs(found.non_closure) < 4 * found.non_closure_error


def test_a_template_that_is_wrong_has_its_price(filled):
    """Half as many template events at high m_J1: the non-closure is no chance, and lowers Z."""
    good = expected(FirstFeature(), filled, 0.05, seed=1)
    template = filled.background.template
    high = template.features[:, 0] > np.quantile(template.features[:, 0], 0.9)
    keep = ~high | (np.arange(len(high)) % 2 == 0)
    wrong = replace(
        filled.background,
        template=template.select(keep),
        replica=filled.background.replica[keep],
        folds=filled.background.folds.keeping(keep),
    )
    bad = expected(FirstFeature(), replace(filled, background=wrong), 0.05, seed=1)
    assert bad.non_closure > 2 * bad.non_closure_error
    assert bad.significance < 0.6 * good.significance


def test_signal_must_suffice(toy, bands, filled):
    few = toy.signal(30, seed=1)
    with pytest.raises(ConfigError, match=r"tune\.significance: 2 asks for \d+ signal events"):
        SignalInBands.of(bands, filled.background, few, 2.0, seed=1)
    nowhere = Sample(np.full(500, 2600.0), np.zeros((500, 3)), toy.names)
    with pytest.raises(ConfigError, match="but 0 stand in the signal region"):
        SignalInBands.of(bands, filled.background, nowhere, 2.0, seed=1)
