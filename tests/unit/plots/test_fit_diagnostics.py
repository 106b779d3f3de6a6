"""Figures of fit diagnostics: few and many parameters, long names, and fits with holes in them."""

import dataclasses

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer

from hepflow import plots
from hepflow.errors import ConfigError
from hepflow.plots import parameters
from hepflow.quantity import M_JJ
from hepflow.stats.diagnostics import (
    ChannelYields,
    Correlations,
    Impacts,
    Interval,
    LikelihoodScan,
    Pulls,
    Yields,
)


def made_pulls(count, prefix="stat"):
    random = np.random.default_rng(count)
    errors = random.uniform(0.3, 1.0, count)
    names = tuple(f"{prefix}[{i}]" for i in range(count))
    return Pulls(names, 1 + 0.1 * errors, 0.1 * errors, random.normal(0, 0.7, count), errors)


def made_impacts(count, **changes):
    size = np.linspace(0.3, 0.01, count)
    found = Impacts(
        1.234,
        0.21,
        made_pulls(count),
        pre_fit=np.stack([-1.3 * size, 1.2 * size], 1),
        post_fit=np.stack([-size, 0.9 * size], 1),
        failures={},
    )
    return dataclasses.replace(found, **changes)


def made_scan(*intervals, mu=None):
    mu = np.linspace(-1, 3, 41) if mu is None else mu
    return LikelihoodScan(mu, ((mu - 1) / 0.5) ** 2 * (1 + 0.1 * (mu - 1)), 1.0, 0.5, intervals)


def made_channel(samples=("background", "signal"), bins=5, scale=100.0):
    shape = scale * np.exp(-np.arange(bins) / 4)
    events = np.stack([shape / (1 + row) for row in range(len(samples))])
    total, errors = events.sum(axis=0), 0.05 * events
    after = Yields(events, errors, total, 0.05 * total, errors.sum(axis=1), float(0.05 * total.sum()))
    before = dataclasses.replace(after, total=1.1 * total)
    return ChannelYields("signal_region", samples, ("signal",), np.round(total), before, after)


@pytest.mark.parametrize("count", [1, 5, 42])
def test_pulls_of_any_number_of_parameters(count, render):
    result = made_pulls(count)
    figure = plots.pulls(result)
    (ax,) = figure.canvas.axes
    (points,) = (one for one in ax.containers if isinstance(one, ErrorbarContainer))
    np.testing.assert_allclose(points[0].get_xdata(), result.pulls)
    assert [text.get_text() for text in ax.get_yticklabels()] == list(result.names)
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first on top
    render(figure)


def test_largest_pulls_are_chosen_of_too_many(texts):
    result = made_pulls(100)
    result.pulls[[17, 70]] = 4.0, -5.0
    figure = plots.pulls(result, most=2, right="CR")
    (ax,) = figure.canvas.axes
    assert [text.get_text() for text in ax.get_yticklabels()] == ["stat[17]", "stat[70]"]
    assert "CR, 2 of 100 parameters" in texts(figure)
    assert ax.get_xlim()[0] < -5 < 4 < ax.get_xlim()[1]


def test_free_normalisation_shows_its_value(texts, render):
    result = dataclasses.replace(
        made_pulls(2),
        values=np.array([1.084, 1.0]),
        errors=np.array([0.068, np.inf]),
        pulls=np.full(2, np.nan),
        constraints=np.full(2, np.nan),
    )
    figure = plots.pulls(result)
    assert "1.084 ± 0.068" in texts(figure)
    assert "not determined" in texts(figure)
    render(figure)


def test_names_are_shortened_in_the_middle_and_kept_from_tex():
    (short,) = parameters.shown(["template_training_" + "x" * 40 + "_of_the_signal_region"])
    assert short.startswith("template_train")
    assert short.endswith("signal_region")
    assert len(short) <= parameters.LONGEST
    assert parameters.shown(["a$b"]) == [r"a\$b"]
    assert parameters.margin(["a_long_name_of_a_parameter"]) > parameters.margin(["jes"])


def test_nothing_to_draw_is_an_error():
    with pytest.raises(ConfigError, match="no nuisance parameters"):
        plots.pulls(made_pulls(0))
    with pytest.raises(ConfigError, match="no nuisance parameters"):
        plots.impacts(made_impacts(0))


@pytest.mark.parametrize("count", [1, 5, 42])
def test_impacts_show_the_largest(count, texts, render):
    figure = plots.impacts(made_impacts(count))
    pull, impact = figure.canvas.axes
    drawn = min(count, 20)
    assert len(pull.get_yticklabels()) == drawn
    widths = [patch.get_width() for patch in impact.patches]
    assert len(widths) == 4 * drawn
    np.testing.assert_allclose(widths[:drawn], made_impacts(count).post_fit[:drawn, 0])
    assert r"$\hat\mu$ = 1.23 ± 0.21" in texts(figure)
    assert ("20 of 42" in texts(figure)) == (count == 42)
    render(figure)


def test_impacts_of_failed_fits(render):
    nothing = np.full((3, 2), np.nan)
    render(plots.impacts(made_impacts(3, pre_fit=nothing, post_fit=nothing, failures={"stat[0]": "lost"})))


@pytest.mark.parametrize("count", [1, 3, 42])
def test_correlations_have_numbers(count, render):
    random = np.random.default_rng(count)
    matrix = np.corrcoef(random.normal(size=(count, 20))).reshape(count, count)
    figure = plots.correlations(Correlations(tuple(f"a_rather_long_name_{i}" for i in range(count)), matrix))
    ax = figure.canvas.axes[0]
    numbers = [text for text in ax.texts if text.get_text().lstrip("−").isdigit()]
    assert len(numbers) == np.count_nonzero(np.abs(matrix) >= 0.005)
    assert numbers[0].get_text() == "100"
    render(figure)


def test_scan_shows_its_intervals(texts, render):
    figure = plots.likelihood_scan(
        made_scan(
            Interval(0.6827, 1.0, 0.5, 1.52, "crossing", "crossing"),
            Interval(0.95, 3.84, 0.0, 2.1, "bound", "crossing"),
        )
    )
    text = texts(figure)
    assert "68%: [0.50, 1.52]" in text
    assert "95%: [0.0 (bound), 2.1]" in text
    assert r"$\hat\mu$ = 1.00 ± 0.50" in text
    render(figure)


def test_scan_with_holes(texts, render):
    scan = made_scan(Interval(0.95, 3.84, np.nan, np.inf, "failed", "open"))
    scan.rise[:5] = np.nan
    figure = plots.likelihood_scan(scan)
    assert "95%: [failed, open]" in texts(figure)
    render(figure)
    nothing = made_scan(mu=np.array([1.0]))
    nothing.rise[:] = np.nan
    render(plots.likelihood_scan(nothing))


def test_post_fit_stacks_its_samples(texts, render):
    channel = made_channel()
    figure = plots.post_fit(channel)
    upper, lower = figure.canvas.axes
    drawn = [patch.get_data() for patch in upper.patches if hasattr(patch, "get_data")]
    assert any(np.allclose(one.values, channel.post_fit.total) for one in drawn)
    for text in ("Data", "signal", "background", "Error of the fit", "Before the fit", "signal_region"):
        assert text in texts(figure)
    assert list(lower.get_xticks()) == [1, 2, 3, 4, 5]
    render(figure)


def test_post_fit_in_bins_of_mass(texts, render):
    figure = plots.post_fit(made_channel(bins=40), edges=np.linspace(2500, 4500, 41), axis=M_JJ.axis)
    assert figure.canvas.axes[1].get_xlim() == (2500, 4500)
    assert "GeV" in texts(figure)
    render(figure)
    with pytest.raises(ConfigError, match="'signal_region' has 40 bins: expected 41 edges, got 40"):
        plots.post_fit(made_channel(bins=40), edges=np.linspace(2500, 4500, 40))


def test_post_fit_of_many_samples_of_one_bin(render):
    names = tuple(f"sample_with_a_long_name_{i}" for i in range(9))
    render(plots.post_fit(made_channel((*names, "signal"), bins=1)))


def test_post_fit_where_nothing_is_expected_or_determined(render):
    channel = made_channel(scale=0.0)
    lost = dataclasses.replace(channel.post_fit, total_errors=np.full(5, np.inf))
    render(plots.post_fit(channel))
    render(plots.post_fit(dataclasses.replace(channel, post_fit=lost)))
