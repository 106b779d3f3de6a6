"""Figures of spectra: what they show, also of results with holes in them."""

import dataclasses

import numpy as np
import pytest
from matplotlib.colors import same_color

from hepflow import ConfigError, plots
from hepflow.answers import OtherAnswer
from hepflow.plots import artists
from hepflow.plots.bin_significance import AXIS, significances
from hepflow.plots.limits import limits
from hepflow.plots.mjj import spectrum
from hepflow.plots.overlay import spectra
from hepflow.plots.significance import significance
from hepflow.plots.style import SEQUENCE
from hepflow.regions import Windows
from hepflow.results import SpectrumRecord
from hepflow.selection import Cut
from hepflow.spectrum import Spectrum
from hepflow.stats import bump_hunt, gaussian_signal, hunt_workspace


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


def test_bump_hunt_is_drawn_as_in_the_readme(hunt, tmp_path, texts):
    figure = plots.spectrum(hunt)
    assert isinstance(figure, plots.Figure)
    assert figure.save(tmp_path / "mjj.pdf").read_bytes().startswith(b"%PDF")
    assert rf"\hat\mu$ = {artists.with_error(hunt.mu_hat, hunt.mu_hat_error)}" in texts(figure)
    assert f"= {hunt.n_obs:,.0f}" in texts(figure)
    assert "Events / 100 GeV" in texts(figure)
    assert "Signal region" in texts(figure)


def test_workspace_has_no_spectrum(hunt):
    with pytest.raises(ConfigError, match="no spectrum of masses"):
        plots.spectrum(hunt_workspace(hunt.workspace))


def test_figure_shows_what_the_cut_says(results, texts):
    cut = results.cuts[1]
    text = texts(spectrum(cut, regions=results.regions))
    assert r"$\epsilon_B$ = 1%" in text
    assert f"= {cut.n_obs:,.0f}" in text
    assert f"= {artists.with_error(cut.n_exp, cut.n_exp_error)}" in text
    assert f"$Z$ = {cut.z:.1f}" in text
    assert "Events / 50 GeV" in text


def test_signal_without_excess_is_drawn_at_strength_one(results, texts):
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


def test_significances_are_those_of_the_record(results):
    cut = results.inclusive
    lower = spectrum(cut).canvas.axes[1]
    observed, expected = np.array(cut.spectrum.observed), np.array(cut.spectrum.expected)
    wanted = significances(observed, expected, np.array(cut.spectrum.expected_error))
    assert lower.get_ylabel() == AXIS
    assert any(
        np.allclose(patch.get_data().values, wanted) for patch in lower.patches if hasattr(patch, "get_data")
    )


def test_unequal_bins(results, render, texts):
    edges = list(results.inclusive.spectrum.edges)
    edges[-1] += 70
    cut = dataclasses.replace(
        results.inclusive, spectrum=dataclasses.replace(results.inclusive.spectrum, edges=tuple(edges))
    )
    figure = spectrum(cut)
    assert "Events / bin" in texts(figure)
    render(figure)


@pytest.mark.parametrize("hole", ["observed", "expected", "both", "signal"])
def test_empty_bins_and_nothing_expected(results, hole, render):
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
    render(spectrum(empty, regions=results.regions))
    changed = dataclasses.replace(results, inclusive=empty, cuts=(empty,))
    for draw in (spectra, significance, limits):
        render(draw(changed))


def test_blinded_data_are_not_drawn(blinded, render, texts):
    cut = blinded.cuts[0]
    for draw in (spectra, significance, limits):
        render(draw(blinded))
    figure = spectrum(cut, regions=blinded.regions)
    render(figure)
    low, high = blinded.regions["signal"]
    for points in figure.canvas.axes[0].lines:
        masses = np.array(points.get_xdata())
        assert not np.any((masses > low) & (masses < high))
    text = texts(figure)
    assert "blinded" in text
    assert "$Z$ =" not in text
    assert "obs" not in text
    assert rf"$Z_{{\mathrm{{exp}}}}$ = {cut.z_expected:.1f}" in text
    assert "blinded" in texts(spectra(blinded))
    assert "blinded" not in texts(spectrum(blinded.inclusive))


def test_blinded_hunt(hunt, render, texts):
    figure = plots.spectrum(bump_hunt(hunt.spectrum.blinded(), hunt.signal))
    render(figure)
    assert "Blinded" in texts(figure)
    assert "obs" not in texts(figure)
    assert len(figure.canvas.axes[0].lines[0].get_xdata()) == 21


def test_all_selections_share_a_frame(results, texts):
    figure = spectra(results)
    upper, *panels = figure.canvas.axes
    assert len(panels) == 4
    assert len({panel.get_ylim() for panel in panels}) == 1
    lines = upper.get_legend().get_lines()
    assert all(same_color(line.get_color(), colour) for line, colour in zip(lines, SEQUENCE, strict=False))
    assert "No cut" in texts(figure)


def test_many_selections_go_without_panels(make_results, render):
    efficiencies = {1.0: 1.0, **{round(0.5**k, 6): 0.8**k for k in range(1, 10)}}
    figure = spectra(make_results(efficiencies=efficiencies))
    assert len(figure.canvas.axes) == 1
    render(figure)


def test_a_signal_that_cannot_be_seen_is_left_out(results, texts):
    cut = dataclasses.replace(results.cuts[0], mu_hat=-20.0)
    one = tuple(n / sum(cut.spectrum.signal) for n in cut.spectrum.signal)
    cut = dataclasses.replace(cut, spectrum=dataclasses.replace(cut.spectrum, signal=one))
    assert "Signal, " not in texts(spectrum(cut))


@pytest.mark.parametrize(
    ("other", "name"),
    [
        (OtherAnswer("dijet", True), "Dijet function"),
        (OtherAnswer("dijet", False), "Dijet function (not usable)"),
        (OtherAnswer("template"), "Template"),
    ],
)
def test_the_background_that_was_not_chosen_is_a_dashed_line(results, texts, other, name):
    (cut, *_) = results.cuts
    wanted = 1.1 * np.array(cut.spectrum.expected)
    told = dataclasses.replace(cut, other=dataclasses.replace(other, expected=tuple(wanted)))
    figure = spectrum(told, regions=results.regions)
    dashed = [one for one in figure.canvas.axes[0].patches if one.get_linestyle() == "--"]
    assert any(np.allclose(one.get_data().values, wanted) for one in dashed if hasattr(one, "get_data"))
    assert name in texts(figure)
    without = dataclasses.replace(cut, other=other)  # it could not be fitted
    assert name not in texts(spectrum(without, regions=results.regions))


def test_a_cut_and_its_spectrum_before_any_fit(hunt, texts):
    for given in (hunt.spectrum, Cut(0.1, 0.5, hunt.spectrum, None)):
        shown = texts(spectrum(given))
        assert f"= {hunt.n_obs:,.0f}" in shown
        assert f"= {artists.with_error(hunt.n_exp, hunt.n_exp_error)}" in shown
        assert "$Z$ =" not in shown
    assert "obs" not in texts(spectrum(hunt.spectrum.blinded()))
    with pytest.raises(ConfigError, match="a figure of int: expected a BumpHunt"):
        spectrum(3)
