"""What single figures show, also of results with holes in them."""

import dataclasses
import math

import numpy as np
import pytest
from matplotlib.colors import same_color

from hepflow import ConfigError, plots
from hepflow.plots import artists
from hepflow.plots.closure import closure
from hepflow.plots.limits import limits
from hepflow.plots.mjj import spectrum
from hepflow.plots.overlay import spectra
from hepflow.plots.run import figures
from hepflow.plots.scores import scores
from hepflow.plots.significance import significance
from hepflow.plots.style import SEQUENCE
from hepflow.plots.training import losses
from hepflow.plots.truth import improvement, rejection
from hepflow.regions import Windows
from hepflow.results import Histogram, SpectrumRecord
from hepflow.spectrum import Spectrum
from hepflow.stats import bump_hunt, gaussian_signal, hunt_workspace


def texts(figure):
    """Return every text in a figure: titles, legends and notes."""
    found = []
    for ax in figure.canvas.axes:
        legend = ax.get_legend()
        found += [text.get_text() for text in ax.texts]
        found += [] if legend is None else [text.get_text() for text in legend.get_texts()]
        found += [ax.get_xlabel(), ax.get_ylabel()]
    return "\n".join(found)


def render(figure, folder):
    return figure.save(folder / "figure.png")


@pytest.fixture
def hunt():
    windows = Windows((3300, 3700), [(2500, 3300), (3700, 5000)])
    edges = windows.edges(100)
    centres = 0.5 * (edges[1:] + edges[:-1])
    expected = 1000 * np.exp(-(centres - 2500) / 600)
    signal = gaussian_signal(edges, 3500, 90, events=60)
    found = Spectrum(
        edges, np.round(expected + signal.counts), expected, windows, statistical=0.02 * expected
    )
    return bump_hunt(found, signal)


# ---- spectra


def test_bump_hunt_is_drawn_as_in_the_readme(hunt, tmp_path):
    figure = plots.spectrum(hunt)
    assert isinstance(figure, plots.Figure)
    assert figure.save(tmp_path / "mjj.pdf").read_bytes().startswith(b"%PDF")
    assert rf"\hat\mu$ = {artists.with_error(hunt.mu_hat, hunt.mu_hat_error)}" in texts(figure)
    assert f"= {hunt.n_obs:,.0f}" in texts(figure)
    assert "Events / 100 GeV" in texts(figure)
    assert "Signal region" in texts(figure)


def test_workspace_has_no_spectrum(hunt):
    with pytest.raises(ConfigError, match="no m_jj spectrum"):
        plots.spectrum(hunt_workspace(hunt.workspace))


def test_figure_shows_what_the_cut_says(results):
    cut = results.cuts[1]
    text = texts(spectrum(cut, regions=results.regions))
    assert r"$\epsilon_B$ = 1%" in text
    assert f"= {cut.n_obs:,.0f}" in text
    assert f"= {artists.with_error(cut.n_exp, cut.n_exp_error)}" in text
    assert f"$Z$ = {cut.z:.1f}" in text
    assert "Events / 50 GeV" in text


def test_signal_without_excess_is_drawn_at_strength_one(results):
    cut = dataclasses.replace(results.cuts[0], mu_hat=-0.3, z=0.0)
    assert r"Signal, $\mu$ = 1" in texts(spectrum(cut))
    assert "Signal region" not in texts(spectrum(cut))  # nobody said where it is


def test_axis_is_logarithmic_where_needed(results):
    assert spectrum(results.inclusive).canvas.axes[0].get_yscale() == "log"
    record = results.inclusive.spectrum
    narrow = SpectrumRecord(*(column[10:20] for column in dataclasses.astuple(record)[:4]))
    narrow = dataclasses.replace(narrow, edges=record.edges[10:21])
    assert (
        spectrum(dataclasses.replace(results.inclusive, spectrum=narrow)).canvas.axes[0].get_yscale()
        == "linear"
    )


def test_pulls_are_those_of_the_record(results):
    cut = results.inclusive
    lower = spectrum(cut).canvas.axes[1]
    observed, expected = np.array(cut.spectrum.observed), np.array(cut.spectrum.expected)
    wanted = (observed - expected) / np.sqrt(expected + np.array(cut.spectrum.expected_error) ** 2)
    assert any(
        np.allclose(patch.get_data().values, wanted) for patch in lower.patches if hasattr(patch, "get_data")
    )


def test_unequal_bins(results, tmp_path):
    edges = list(results.inclusive.spectrum.edges)
    edges[-1] += 70
    cut = dataclasses.replace(
        results.inclusive, spectrum=dataclasses.replace(results.inclusive.spectrum, edges=tuple(edges))
    )
    figure = spectrum(cut)
    assert "Events / bin" in texts(figure)
    render(figure, tmp_path)


@pytest.mark.parametrize("hole", ["observed", "expected", "both", "signal"])
def test_empty_bins_and_nothing_expected(results, hole, tmp_path):
    cut = results.cuts[2]
    nothing = (0.0,) * len(cut.spectrum.observed)
    changes = {"observed": nothing} if hole in ("observed", "both") else {}
    if hole in ("expected", "both"):
        changes.update(expected=nothing, expected_error=nothing)
    if hole == "signal":
        changes["signal"] = nothing
    empty = dataclasses.replace(
        cut, spectrum=dataclasses.replace(cut.spectrum, **changes), n_exp=0.0, n_exp_error=0.0
    )
    render(spectrum(empty, regions=results.regions), tmp_path)
    changed = dataclasses.replace(results, inclusive=empty, cuts=(empty,))
    for draw in (spectra, significance, limits):
        render(draw(changed), tmp_path)


def test_blinded_bins_are_left_out(results, tmp_path):
    cut = results.cuts[0]
    edges = np.array(cut.spectrum.edges)
    blind = [
        None if 3300 <= low < 3700 else n for low, n in zip(edges[:-1], cut.spectrum.observed, strict=True)
    ]
    hidden = dict.fromkeys(("n_obs", "pull", "z", "p0", "mu_hat", "mu_hat_error", "mu_up_obs"))
    cut = dataclasses.replace(
        cut, spectrum=dataclasses.replace(cut.spectrum, observed=tuple(blind)), **hidden
    )
    results = dataclasses.replace(results, cuts=(cut,))
    for _, figure in figures(results):
        render(figure, tmp_path)
    text = texts(spectrum(cut))
    assert "$Z$" not in text
    assert "obs" not in text


def test_all_selections_share_a_frame(results):
    figure = spectra(results)
    upper, *panels = figure.canvas.axes
    assert len(panels) == 4
    assert len({panel.get_ylim() for panel in panels}) == 1
    lines = upper.get_legend().get_lines()
    assert all(same_color(line.get_color(), colour) for line, colour in zip(lines, SEQUENCE, strict=False))
    assert "No cut" in texts(figure)


def test_many_selections_go_without_pulls(make_results, tmp_path):
    efficiencies = {1.0: 1.0, **{round(0.5**k, 6): 0.8**k for k in range(1, 10)}}
    figure = spectra(make_results(efficiencies=efficiencies))
    assert len(figure.canvas.axes) == 1
    render(figure, tmp_path)


# ---- closure, scores, limits, truth, losses


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7])
def test_closure_of_any_number_of_features(results, count, tmp_path):
    figure = closure((results.features * 2)[:count])
    assert len(figure.canvas.axes) == 2 * count
    assert "Template" in texts(figure)
    render(figure, tmp_path)


def test_closure_says_when_it_knows_the_truth(results):
    outside = [one for one in results.features if one.where == "sidebands"]
    inside = [one for one in results.features if one.where == "signal region"]
    assert "True background" not in texts(closure(outside))
    assert "True background" in texts(closure(inside))


def test_closure_of_empty_histograms(tmp_path):
    empty = Histogram((0.0, 1.0, 2.0), {"data": (0.0, 0.0), "template": (0.0, 0.0)}, "x", "sidebands")
    render(closure([empty, dataclasses.replace(empty, series={"data": (3.0, 0.0)})]), tmp_path)


def test_scores_mark_the_cuts(results, tmp_path):
    figure = scores(results)
    for name in ("10%", "1%", "0.1%", "Data", "Template", r"Signal, $\mu$ = 1"):
        assert name in texts(figure)
    nothing = dict.fromkeys(("data", "template"), (0.0,) * (len(results.scores.edges) - 1))
    figure = scores(
        dataclasses.replace(results, scores=dataclasses.replace(results.scores, series=nothing), cuts=())
    )
    assert "Cuts" not in texts(figure)
    render(figure, tmp_path)


def test_significance_shows_each_selection(results):
    upper, lower = significance(results).canvas.axes
    drawn = upper.get_lines()[0].get_xydata()
    assert [tuple(point) for point in drawn] == [
        (cut.background_efficiency, cut.z) for cut in (results.inclusive, *results.cuts)
    ]
    assert lower.get_xlim()[0] > lower.get_xlim()[1]  # tight cuts on the right


def test_limits_say_what_the_unit_is(results):
    assert results.signal_unit in texts(limits(results))
    assert limits(results).canvas.axes[0].get_xticklabels()[0].get_text() == "No cut"


def test_noise_of_the_roc_curve_is_not_drawn(results):
    floor = results.truth.minimum_background_efficiency
    left, right = improvement(results, results.truth).canvas.axes
    _, curve, _ = left.get_lines()
    background, sic = curve.get_xydata().T
    assert background.min() >= floor
    signal = right.get_lines()[1].get_xdata()
    np.testing.assert_allclose(sic, signal / np.sqrt(background))
    (ax,) = rejection(results, results.truth).canvas.axes
    assert ax.get_lines()[1].get_ydata().max() <= 1 / floor


def test_roc_curve_of_too_few_events(results, tmp_path):
    noise = dataclasses.replace(results.truth, minimum_background_efficiency=2.0)
    render(improvement(results, noise), tmp_path)
    render(rejection(results, noise), tmp_path)


def test_losses_of_each_flow(results, tmp_path):
    (ax,) = losses(results).canvas.axes
    assert len(ax.get_lines()) == 6
    one = dataclasses.replace(results, losses=({"training": (1.0,), "validation": (1.0,)},))
    render(losses(one), tmp_path)


# ---- numbers


@pytest.mark.parametrize(("count", "low", "high"), [(0, 0.0, 1.841), (1, 0.827, 2.300), (10, 3.109, 4.267)])
def test_garwood_interval(count, low, high):
    """The values of the PDG's Table 40.3 and of HistFactory: one sigma, central."""
    np.testing.assert_allclose(artists.garwood(np.array([float(count)]))[:, 0], (low, high), atol=1e-3)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (12345.6, 123.4, "12,346 ± 123"),
        (31.07, 9.83, "31.1 ± 9.8"),
        (1.234, 0.046, "1.234 ± 0.046"),
        (3, 0, "3 ± 0"),
    ],
)
def test_values_are_rounded_by_their_errors(value, error, text):
    assert artists.with_error(value, error) == text


def test_event_counts_are_readable():
    assert [artists.count_text(n) for n in (0, 12_000, 1_500_000)] == ["0", "12,000", "1.5M"]
    assert math.isnan(artists.numbers([None])[0])
