"""Signal templates: what they hold, and what they refuse."""

import numpy as np
import pytest

from hepflow import Sample
from hepflow.errors import InputError
from hepflow.stats import SignalTemplate


def sample(masses, weights=()):
    return Sample(np.array(masses), np.zeros((len(masses), 0)), (), np.array(weights))


def test_template_of_a_sample(edges):
    signal = SignalTemplate.of(sample([3460.0, 3470.0, 3520.0], [0.5, 0.25, 2.0]), edges, "Z'")
    filled = np.flatnonzero(signal.counts)
    np.testing.assert_allclose(signal.counts[filled], [0.75, 2.0])
    np.testing.assert_allclose(signal.statistical[filled], [np.hypot(0.5, 0.25), 2.0])
    assert signal.name == "Z'"
    assert (signal.efficiency, signal.efficiency_error) == (None, None)
    assert signal.variations == {}


def test_efficiency_is_that_of_the_bins(edges):
    signal = SignalTemplate.of(sample([100.0, *[3500.0] * 40]), edges, generated=160)
    assert signal.efficiency == pytest.approx(0.25)
    assert signal.efficiency_error == pytest.approx(np.sqrt(0.25 * 0.75 / 160))


def test_weights_scale_out_of_the_efficiency(edges):
    signal = SignalTemplate.of(sample([3500.0] * 40, [0.01] * 40), edges, generated=1.6)
    assert signal.efficiency == pytest.approx(0.25)
    assert signal.efficiency_error == pytest.approx(np.sqrt(0.25 * 0.75 / 160))


def test_efficiency_of_everything_is_one_without_error(edges):
    signal = SignalTemplate.of(sample([3500.0] * 3, [0.1] * 3), edges, generated=0.3)
    assert signal.efficiency == pytest.approx(1.0)
    assert signal.efficiency_error == pytest.approx(0.0)


@pytest.mark.parametrize("generated", [2.0, np.nan, np.inf])
def test_efficiency_above_one_is_refused(edges, generated):
    with pytest.raises(InputError, match=r"3 events in its bins of \w+ generated"):
        SignalTemplate.of(sample([3500.0] * 3), edges, generated=generated)


@pytest.mark.parametrize(
    ("counts", "errors", "message"),
    [
        ([0.0, 0.0], [0.0, 0.0], "is zero in every bin"),
        ([1.0, -0.5], [0.0, 0.0], r"count -0.5 in bin 1"),
        ([1.0, np.nan], [0.0, 0.0], "count nan in bin 1"),
        ([1.0, 1.0], [0.0, np.inf], "statistical error inf"),
        ([1.0, 1.0], [0.0], "one shape"),
    ],
)
def test_bad_template(counts, errors, message):
    with pytest.raises(InputError, match=message):
        SignalTemplate(np.array(counts), np.array(errors))


@pytest.mark.parametrize(
    ("up", "down", "message"),
    [
        ([1.0, 2.0, 3.0], [1.0, 2.0], r"variation 'scale' as counts up and down of shape \(2,\); got \(3,\)"),
        ([1.0, -2.0], [1.0, 2.0], r"variation 'scale', up, has count -2.0 in bin 1"),
        ([1.0, 2.0], [np.nan, 2.0], r"variation 'scale', down, has count nan in bin 0"),
    ],
)
def test_bad_variation(up, down, message):
    with pytest.raises(InputError, match=message):
        SignalTemplate(np.ones(2), variations={"scale": (np.array(up), np.array(down))})
