"""Spectrum: what it refuses, and how its errors add up."""

import hist
import mplhep
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot
from uhi.typing.plottable import PlottableHistogram

from hepflow.errors import ConfigError, InputError
from hepflow.regions import Windows
from hepflow.spectrum import Spectrum

WINDOWS = Windows((3300, 3700), [(2500, 3300), (3700, 4500)])
EDGES = WINDOWS.edges(200.0)
BINS = len(EDGES) - 1
ONES = np.ones(BINS)


def make(**options):
    return Spectrum(
        **{"edges": EDGES, "observed": 9 * ONES, "expected": 10 * ONES, "windows": WINDOWS, **options}
    )


def test_bins_and_regions():
    spectrum = make()
    assert spectrum.centres.tolist() == (EDGES[:-1] + 100).tolist()
    assert spectrum.in_signal.tolist() == [False] * 4 + [True] * 2 + [False] * 4
    assert np.array_equal(spectrum.in_sidebands, ~spectrum.in_signal)
    assert spectrum.statistical.tolist() == [0.0] * BINS


def test_bins_between_the_regions_are_in_none():
    windows = Windows((3300, 3700), [(2500, 3100), (3900, 4500)])
    spectrum = Spectrum(EDGES, ONES, ONES, windows)
    assert (~spectrum.in_signal & ~spectrum.in_sidebands).sum() == 2


def test_an_inclusive_spectrum_takes_the_fit_as_it_is():
    modes = {"a": 0.1 * 10 * ONES, "b": np.linspace(-1, 1, BINS)}
    spectrum = make(modes=modes, statistical=0.5 * ONES)
    expected, error = spectrum.expected_in_signal()
    assert expected == 20.0
    inside = spectrum.in_signal
    variance = 2.0**2 + modes["b"][inside].sum() ** 2 + 2 * 0.25
    assert error == pytest.approx(np.sqrt(variance))
    values, errors = spectrum.corrected()
    assert np.array_equal(values, spectrum.expected)
    np.testing.assert_allclose(errors, np.sqrt(1 + modes["b"] ** 2 + 0.25))


def test_behind_a_cut_the_sidebands_scale_the_template():
    spectrum = make(modes={"a": 1.0 * ONES}, sidebands_in_fit=True)
    factor, factor_error = spectrum.sideband_factor()
    assert factor == pytest.approx(72 / 80)
    assert factor_error == pytest.approx(np.sqrt(72) / 80)
    expected, error = spectrum.expected_in_signal()
    assert expected == pytest.approx(0.9 * 20)
    assert error == pytest.approx(np.hypot(0.9 * 2, 20 * factor_error))
    values, errors = spectrum.corrected()
    np.testing.assert_allclose(values, 9.0)
    np.testing.assert_allclose(errors, np.hypot(0.9, 10 * factor_error))
    assert values[spectrum.in_signal].sum() == pytest.approx(expected)


@pytest.mark.parametrize("sidebands", [True, False])
def test_blinded_data_are_what_the_sidebands_expect(sidebands):
    rng = np.random.default_rng(2)
    observed = rng.poisson(9.0, BINS).astype(float)
    inside = make().in_signal
    spectrum = make(observed=observed, sidebands_in_fit=sidebands)
    blinded = spectrum.blinded()
    assert (spectrum.blind, blinded.blind) == (False, True)
    assert np.array_equal(blinded.observed[~inside], observed[~inside])
    assert blinded.observed[inside].sum() == pytest.approx(spectrum.expected_in_signal()[0])
    assert blinded.expected_in_signal() == spectrum.expected_in_signal()
    assert np.array_equal(spectrum.data, observed)
    assert np.array_equal(np.isnan(blinded.data), inside)
    assert np.isnan(blinded.to_hist().values()).sum() == 2
    others = make(observed=np.where(inside, 1000.0, observed), sidebands_in_fit=sidebands)
    for again in (others.blinded(), blinded.blinded()):
        assert np.array_equal(again.observed, blinded.observed)


def test_the_factor_counts_the_errors_of_the_template():
    plain, noisy = make(), make(statistical=2 * ONES)
    assert plain.sideband_factor()[0] == noisy.sideband_factor()[0]
    added = noisy.sideband_factor()[1] ** 2 - plain.sideband_factor()[1] ** 2
    assert np.sqrt(added) == pytest.approx(0.9 * np.sqrt(8 * 4) / 80)


def test_no_event_in_the_sidebands():
    factor, error = make(observed=0 * ONES).sideband_factor()
    assert (factor, error) == (0.0, pytest.approx(1 / 80))
    with pytest.raises(InputError, match="no background is expected in the sidebands; loosen the cut"):
        make(expected=np.where(make().in_signal, 1.0, 0.0)).sideband_factor()


@settings(max_examples=20, deadline=None, derandomize=True)
@given(scale=st.floats(0.01, 100), seed=st.integers(0, 1000))
def test_a_template_of_any_normalisation_expects_the_same(scale, seed):
    random = np.random.default_rng(seed)
    observed, shape = random.poisson(50, BINS).astype(float), random.uniform(1, 100, BINS)
    one, other = (
        make(observed=observed, expected=s * shape, modes={"a": s * 0.1 * shape}, sidebands_in_fit=True)
        for s in (1.0, scale)
    )
    assert one.expected_in_signal() == pytest.approx(other.expected_in_signal())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"observed": np.ones(3)}, ConfigError, r"expected observed of shape \(10,\); got \(3,\)"),
        ({"expected": np.ones((10, 1))}, ConfigError, r"expected expected of shape \(10,\); got \(10, 1\)"),
        ({"statistical": np.ones(9)}, ConfigError, r"expected statistical of shape \(10,\); got \(9,\)"),
        ({"modes": {"tilt": np.ones(11)}}, ConfigError, r"expected tilt of shape \(10,\); got \(11,\)"),
        ({"observed": np.r_[ONES[:-1], -1]}, InputError, r"observed is -1.0 in bin 4300-4500 GeV"),
        ({"expected": np.r_[np.nan, ONES[1:]]}, InputError, r"expected is nan in bin 2500-2700 GeV"),
        (
            {"statistical": np.r_[np.inf, ONES[1:]]},
            InputError,
            r"statistical is inf .*finite numbers, zero or more",
        ),
    ],
)
def test_numbers_that_cannot_be(options, error, message):
    with pytest.raises(error, match=message):
        make(**options)


def test_to_hist():
    histogram = make(observed=np.arange(10.0)).to_hist()
    assert histogram.axes[0].name == "m_jj"
    assert np.array_equal(histogram.axes[0].edges, EDGES)
    assert histogram.values().tolist() == list(range(10))


def test_to_hist_of_the_expectation():
    spectrum = make(modes={"a": 0.5 * ONES}, statistical=2 * ONES, sidebands_in_fit=True)
    histogram = spectrum.to_hist("expected")
    expected, error = spectrum.corrected()
    np.testing.assert_allclose(histogram.values(), expected)
    np.testing.assert_allclose(histogram.variances(), error**2)
    with pytest.raises(ConfigError, match=r"to_hist\('signal'\): expected \"data\" or \"expected\""):
        spectrum.to_hist("signal")


@pytest.mark.parametrize("spectrum", [make(), make().blinded()], ids=["open", "blinded"])
def test_what_draws_histograms_draws_a_spectrum(spectrum):
    figure, ax = pyplot.subplots()
    try:
        mplhep.histplot(spectrum, ax=ax, histtype="errorbar")
        mplhep.histplot(spectrum.to_hist("expected"), ax=ax)
        assert ax.get_xlim()[0] <= EDGES[0] < EDGES[-1] <= ax.get_xlim()[1]
    finally:
        pyplot.close(figure)
    assert isinstance(spectrum, PlottableHistogram)
    assert np.array_equal(hist.Hist(spectrum).values(), spectrum.data, equal_nan=True)
    assert spectrum.counts().shape == spectrum.variances().shape == (BINS,)


def test_repr_fits_a_line():
    where = "Spectrum(10 bins, 2500-4500 GeV; signal region 3300-3700 GeV: observed"
    assert repr(make()) == f"{where} 18, expected 20 before the fit)"
    assert repr(make().blinded()) == f"{where} blinded, expected 20 before the fit)"
    assert "<svg" in make()._repr_html_()
