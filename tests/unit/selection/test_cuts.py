"""Cuts: thresholds, expected yields, and what tells that a template is wrong."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from hepflow.errors import ConfigError, InputError
from hepflow.selection import Cut, cuts, inclusive
from hepflow.selection.cuts import NON_CLOSURE
from hepflow.spectrum import Spectrum

EFFICIENCIES = (0.5, 0.1, 0.01)


@pytest.fixture(scope="module")
def selected(scores):
    return cuts(scores, EFFICIENCIES, bin_width=100.0)


def test_thresholds_are_quantiles_of_the_template(selected, scores):
    assert [cut.background_efficiency for cut in selected] == list(EFFICIENCIES)
    assert [cut.threshold for cut in selected] == sorted(cut.threshold for cut in selected)
    for cut in selected:
        passing = np.mean(scores.template.score > cut.threshold)
        assert passing == pytest.approx(cut.background_efficiency, abs=1 / len(scores.template.score))


def test_expected_yield_is_the_efficiency_times_the_yield(selected, scores):
    expected, _ = scores.background.expected
    for cut in selected:
        spectrum = cut.spectrum
        behind = spectrum.expected[spectrum.in_signal].sum()
        assert behind == pytest.approx(cut.background_efficiency * expected, abs=1.0)
        assert spectrum.sidebands_in_fit


def test_observed_events_are_the_data_behind_the_cut(selected, scores):
    for cut in selected:
        for part, bins in (
            (scores.data, cut.spectrum.in_signal),
            (scores.sidebands, cut.spectrum.in_sidebands),
        ):
            assert cut.spectrum.observed[bins].sum() == np.sum(part.score > cut.threshold)


def test_the_exact_template_predicts_the_data(selected):
    for cut in selected:
        n_exp, error = cut.spectrum.expected_in_signal()
        n_obs = cut.spectrum.observed[cut.spectrum.in_signal].sum()
        assert abs(n_obs - n_exp) < 3.5 * np.hypot(error, np.sqrt(n_exp))
        factor, factor_error = cut.spectrum.sideband_factor()
        assert abs(factor - 1) < 3.5 * factor_error
        assert cut.sculpting_p > 1e-3


def test_errors_of_the_sideband_fit_shrink_with_the_efficiency(selected, scores):
    everything = scores.background.smooth.expected(selected[0].spectrum.edges)
    modes = scores.background.smooth.modes(selected[0].spectrum.edges)
    for cut in selected:
        share = cut.spectrum.expected / everything
        for k, mode in enumerate(modes):
            np.testing.assert_allclose(cut.spectrum.modes[f"sideband_fit_{k}"], share * mode)
        squares = np.histogram(
            np.concatenate(
                [
                    part.sample.mass[part.score > cut.threshold]
                    for part in (scores.template, scores.validation)
                ]
            ),
            cut.spectrum.edges,
        )[0]
        np.testing.assert_allclose(cut.spectrum.statistical, np.sqrt(squares) / 5)


def test_signal_behind_the_cut(selected, scores):
    for cut in selected:
        passing = scores.signal.score > cut.threshold
        assert cut.signal.weight.sum() == pytest.approx(0.2 * passing.sum())
        assert np.array_equal(cut.signal.mass, scores.signal.sample.mass[passing])
    assert selected[1].signal.weight.sum() > 100  # of 200: the score knows the signal


def test_without_signal(make_scores, data):
    cut, *_ = cuts(make_scores(data), [0.1])
    assert cut.signal is None
    assert inclusive(data, make_scores(data).background).signal is None


def test_inclusive(scores, data, toy):
    cut = inclusive(data, scores.background, scores.signal.sample, bin_width=100.0)
    spectrum = cut.spectrum
    assert (cut.background_efficiency, cut.threshold) == (1.0, None)
    assert not spectrum.sidebands_in_fit
    assert np.array_equal(spectrum.observed, np.histogram(data.mass, toy.windows.edges(100.0))[0])
    n_exp, error = spectrum.expected_in_signal()
    assert (n_exp, error) == pytest.approx(scores.background.expected, rel=1e-4)
    assert len(cut.signal) == 1000
    bands = spectrum.in_sidebands
    observed, expected = spectrum.observed[bands], spectrum.expected[bands]
    chi2 = stats.chisquare(observed, expected * observed.sum() / expected.sum())
    assert expected.min() > 5
    assert cut.sculpting_p == pytest.approx(chi2.pvalue)


def tilted(data, slope):
    """Data of which features move with the mass as the template does not know."""
    features = data.features.copy()
    features[:, 0] *= 1 + slope * (data.mass - 3500) / 1000
    return replace(data, features=features)


def test_non_closure_is_zero_outside_and_grows_with_what_is_wrong(make_scores, make_background, data):
    background = make_background(data)
    sizes = []
    for slope in (0.0, 0.3, -0.3):
        cut, *_ = cuts(make_scores(tilted(data, slope), background), [0.1])
        mode, spectrum = cut.spectrum.modes[NON_CLOSURE], cut.spectrum
        assert (mode >= 0).all()
        assert not mode[~spectrum.in_signal].any()
        sizes.append(mode.sum() / spectrum.expected[spectrum.in_signal].sum())
        below, above = (
            spectrum.in_sidebands & (spectrum.centres < 3500),
            spectrum.in_sidebands & (spectrum.centres > 3500),
        )
        ratios = [spectrum.observed[bins].sum() / spectrum.expected[bins].sum() for bins in (below, above)]
        assert sizes[-1] == pytest.approx(abs(ratios[1] - ratios[0]) / 2 / spectrum.sideband_factor()[0])
    assert sizes[0] < 0.1
    assert min(sizes[1:]) > 2 * sizes[0]


def as_cut(windows, observed, expected, statistical=0.0):
    edges = windows.edges(100.0)
    errors = np.full(len(expected), statistical)
    return Cut(0.1, 0.0, Spectrum(edges, observed, expected, windows, {}, errors, True), None)


def falling(windows, events=4000.0):
    edges = windows.edges(100.0)
    expected = np.exp(-(edges[:-1] - 2500) / 600)
    return events * expected / expected.sum()


def test_sculpting_p_is_uniform_where_nothing_is_sculpted(toy):
    random, expected = np.random.default_rng(1), falling(toy.windows)
    values = [as_cut(toy.windows, random.poisson(1.3 * expected), expected).sculpting_p for _ in range(200)]
    assert stats.kstest(values, "uniform").pvalue > 0.01


def test_sculpting_p_counts_the_errors_of_the_template(toy):
    random, expected, error = np.random.default_rng(2), falling(toy.windows, 20_000), 10.0
    values = [
        as_cut(toy.windows, random.poisson(expected), random.normal(expected, error), error).sculpting_p
        for _ in range(400)
    ]
    assert expected.min() > 5 * error
    assert stats.kstest(values, "uniform").pvalue > 0.01


def test_sculpting_is_detected(toy, make_scores, make_background, data):
    expected = falling(toy.windows)
    wave = 1 + 0.3 * np.sin((toy.windows.edges(100.0)[:-1] - 2500) / 200)
    assert as_cut(toy.windows, np.round(expected * wave), expected).sculpting_p < 1e-4
    # a score that is the mass itself, in the data alone
    background = make_background(data)
    sculpted = replace(data, features=data.features + 0.05 * (data.mass - 2500)[:, None] * [1, 0, 0])
    cut, *_ = cuts(make_scores(sculpted, background), [0.1])
    assert cut.sculpting_p < 1e-4


def test_sculpting_p_of_few_events(toy):
    expected = np.full(len(falling(toy.windows)), 0.1)
    assert as_cut(toy.windows, np.zeros(len(expected)), expected).sculpting_p == 1.0


@pytest.mark.parametrize("efficiency", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_efficiencies_that_cannot_be(scores, efficiency):
    with pytest.raises(ConfigError, match="expected a number between 0 and 1"):
        cuts(scores, [efficiency])


def test_too_few_template_events(scores):
    with pytest.raises(
        InputError, match=r"background efficiency 0\.0001: only \d+ template events of the signal"
    ):
        cuts(scores, [0.1, 1e-4])


def test_a_score_that_is_the_same_everywhere(make_scores, data):
    constant = make_scores(data, score=lambda sample: np.zeros(len(sample)))
    with pytest.raises(InputError, match="only 0 template events"):
        cuts(constant, [0.1])


def test_one_efficiency_is_a_list_of_one(scores):
    (one,), (listed,) = cuts(scores, 0.1, bin_width=100.0), cuts(scores, [0.1], bin_width=100.0)
    assert (one.background_efficiency, one.threshold) == (0.1, listed.threshold)
