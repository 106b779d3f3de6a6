"""Layout of all figures: what stands above them, and that no text leaves the page or stands on a line."""

import inspect
import re
from dataclasses import replace
from importlib import import_module
from pkgutil import walk_packages

import numpy as np
import pytest
from made_up import generation, integration, showers, unfolding
from made_up.layout import faults

import hepflow
from hepflow import plots
from hepflow.parts import CrossSection
from hepflow.plots.figure import canvas, finished, footnotes, header
from hepflow.plots.label import Label
from hepflow.plots.mjj import logarithmic, spectrum
from hepflow.plots.overlay import spectra
from hepflow.studies.comparison.figures import figures as of_comparison
from hepflow.studies.generation.figures import figures as of_generation
from hepflow.studies.integration.figures import figures as of_integration
from hepflow.studies.limits.figures import figures as of_limits
from hepflow.studies.search.figures import figures as of_search
from hepflow.studies.show import label_of
from hepflow.studies.showers.figures import figures as of_showers
from hepflow.studies.unfolding.figures import figures as of_unfolding
from hepflow.studies.windows.figures import figures as of_windows
from hepflow.verdicts import sideband_factor

CMS = Label("CMS", "Simulation Preliminary", luminosity=138, energy=13)


@pytest.fixture
def doubted(make_results):
    """Return results of which two cuts failed a check."""
    found = [sideband_factor(1.5, 0.02, eps) for eps in (0.01, 0.001)]
    return replace(make_results(), verdicts=tuple(found))


def in_fb(found):
    """Return results with limits on a cross-section, of one without."""
    told = CrossSection("sigma x B x A x eff", "visible", 138.0, 0.5, 0.01, 3500.0, "theory.csv")
    inclusive, *cuts = (
        replace(
            cut,
            cross_section_obs=cut.mu_up_obs and cut.mu_up_obs / 69,
            cross_section_exp=tuple(mu and mu / 69 for mu in cut.mu_up_exp),
        )
        for cut in (found.inclusive, *found.cuts)
    )
    return replace(found, inclusive=inclusive, cuts=tuple(cuts), cross_section=told)


DRAWN = {
    "spectra": lambda found: spectra(found, label=CMS),
    "spectrum": lambda found: spectrum(
        found.cuts[1], regions=found.regions, failed=["closure", "sideband factor"], label=CMS, right="a, b"
    ),
    "significance": lambda found: plots.significance(found, label=CMS),
    "limits": lambda found: plots.limits(found, label=CMS),
    "cross_sections": lambda found: plots.cross_sections(in_fb(found), label=CMS),
    "scores": lambda found: plots.scores(found, label=CMS),
    "closure": lambda found: plots.closure(found.features[:4], label=CMS, right="a, b"),
    "improvement": lambda found: plots.improvement(found, found.truth, label=CMS),
    "losses": lambda found: plots.losses(found, label=CMS),
}


@pytest.mark.parametrize("name", DRAWN)
def test_the_layout_of_a_run(doubted, name, render):
    render(DRAWN[name](doubted))


def test_the_layout_of_other_studies(comparison, scan, limits, render):
    for figures, record in ((of_comparison, comparison), (of_windows, scan), (of_limits, limits)):
        for _, figure in figures(record, label=CMS):
            render(figure)


@pytest.mark.parametrize("quantities", [1, 3, 7])
def test_the_layout_of_a_generation(quantities, render):
    for _, figure in of_generation(generation.record(quantities), label=CMS):
        render(figure)


@pytest.mark.parametrize("observables", [1, 3])
def test_the_layout_of_an_unfolding(observables, render):
    for _, figure in of_unfolding(unfolding.record(observables), label=CMS):
        render(figure)


def test_the_layout_of_showers(render):
    for _, figure in of_showers(showers.record(3), label=CMS):
        render(figure)


@pytest.mark.parametrize("axes", [1, 5])
def test_the_layout_of_an_integral(axes, render):
    for _, figure in of_integration(integration.record(axes), label=CMS):
        render(figure)


def test_what_is_wrong_with_a_layout_is_seen():
    figure = canvas(4.0, 3.0)
    ax = figure.subplots()
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.text(0.5, 0.5, "one")
    ax.text(0.52, 0.5, "two")
    ax.text(0.1, 0.8, "three")
    ax.axhline(0.82)
    ax.text(0.9, 0.2, "a text that is too long")
    assert faults(finished(figure)) == [
        "'a text that is too long' leaves the figure",
        "'one' stands on 'two'",
        "a line strikes 'three'",
    ]


def test_a_label_stands_above_the_figure(texts):
    figure = canvas(4.0, 3.0)
    left, right = figure.subplots(1, 2)
    header(left, CMS, "note", last=right)
    footnotes(figure, "what is left out")
    assert "CMS" in texts(finished(figure))
    assert "Simulation Preliminary" in texts(finished(figure))
    assert re.search(r"138 .*fb.* \(13 TeV\)", texts(finished(figure)))
    assert figure.texts[0].get_text() == "what is left out"
    assert figure.get_size_inches()[1] > 3.0  # the axes kept their size
    assert left.get_position().height * figure.get_size_inches()[1] == pytest.approx(3.0 - 0.28 - 0.5)


def test_experiments_have_the_style_that_mplhep_gives_them():
    styles = {}
    for name in ("CMS", "ATLAS", "Belle II"):
        figure = canvas(4.0, 3.0)
        ax = figure.subplots()
        header(ax, Label(name, "Preliminary"))
        found = {one.get_text(): one for one in figure.findobj(lambda one: hasattr(one, "get_fontstyle"))}
        styles[name] = found[name].get_fontstyle(), found["Preliminary"].get_fontstyle()
    assert styles == {
        "CMS": ("normal", "italic"),
        "ATLAS": ("italic", "normal"),
        "Belle II": ("normal", "italic"),
    }


def test_the_label_is_that_of_the_configuration(tmp_path):
    assert label_of(tmp_path) == Label()
    (tmp_path / "config.yaml").write_text("figures: {experiment: CMS, luminosity: 138}\n")
    assert label_of(tmp_path) == Label("CMS", luminosity=138)
    (tmp_path / "config.yaml").write_text("figures: {experimnt: CMS}\n")
    with pytest.raises(hepflow.InputError, match=r"config\.yaml: its block `figures`"):
        label_of(tmp_path)


def test_fonts_are_type_42(results):
    content = spectrum(results.cuts[0], regions=results.regions).encode("pdf")
    assert b"/Type3" not in content
    fonts = set(re.findall(rb"/BaseFont /\w+\+([\w-]+)", content))
    assert b"FiraSans-Regular" in fonts
    assert b"/FontFile3" not in content  # TrueType, no OpenType with outlines of another kind
    assert b"/CIDFontType2" in content


def test_failed_cuts_are_marked_as_in_the_table(doubted, texts):
    figures = dict(of_search(doubted))
    assert f"$Z$ = {doubted.cuts[1].z:.1f}!" in texts(figures["spectrum_eps0.01"])
    assert figures["spectrum_eps0.01"].canvas.texts[0].get_text().startswith("! failed: sideband factor")
    assert "!" not in texts(figures["spectrum_eps0.1"])
    assert f"$Z$ = {doubted.cuts[1].z:.1f}!" in texts(spectra(doubted))
    assert f"$Z$ = {doubted.cuts[0].z:.1f}!" not in texts(spectra(doubted))
    names = [one.get_text() for one in plots.limits(doubted).canvas.axes[0].get_xticklabels()]
    assert names == ["No cut", "10%", "1%!", "0.1%!"]


def test_spectra_of_a_run_have_one_scale(results):
    record = results.cuts[-1].spectrum
    flat = replace(results.cuts[-1], spectrum=replace(record, observed=record.expected))
    flat = replace(flat, spectrum=replace(flat.spectrum, observed=(9.0,) * len(record.expected)))
    flat = replace(flat, spectrum=replace(flat.spectrum, expected=(9.0,) * len(record.expected)))
    assert not logarithmic([flat])
    figures = dict(of_search(replace(results, cuts=(*results.cuts[:-1], flat))))
    scales = {
        one.canvas.axes[0].get_yscale() for name, one in figures.items() if name.startswith("spectrum_")
    }
    assert scales == {"log"}


def test_ratios_of_a_closure_figure_have_one_axis(results):
    inside = [one for one in results.features if one.where == "sidebands"]
    worse = replace(
        inside[1], series={**inside[1].series, "data": tuple(1.3 * n for n in inside[1].series["data"])}
    )
    lower = plots.closure([inside[0], worse]).canvas.axes[1::2]
    assert len({ax.get_ylim() for ax in lower}) == 1
    assert lower[0].get_ylim()[1] > 1.3


def test_closure_has_chi2_and_the_band_of_the_template(results, texts):
    inside = [one for one in results.features if one.where == "sidebands"]
    text = texts(plots.closure(inside))
    for one in inside:
        assert rf"$\chi^2$ / ndf = {one.chi2:.1f} / {one.ndf}" in text
    assert r"$\pm 1\,\sigma$ of the template" in text
    without = [replace(one, template_error=(), chi2=None, ndf=None, p_value=None) for one in inside]
    assert "sigma" not in texts(plots.closure(without))  # of a record of before


def test_what_is_left_out_is_said(make_results, blinded):
    losses = plots.losses(make_results())
    assert [one.get_text() for one in losses.canvas.texts] == ["Left out: epochs 1 to 6 of 60."]
    (ax,) = losses.canvas.axes
    low, high = ax.get_ylim()
    for line in ax.get_lines():
        assert low < np.min(line.get_ydata()) <= np.max(line.get_ydata()) < high
    cut = spectrum(blinded.cuts[0], regions=blinded.regions)
    assert "blinded: left out" in " ".join(one.get_text() for one in cut.canvas.texts)


def test_every_figure_is_a_function_of_plots():
    drawn = set()
    for module in walk_packages(hepflow.__path__, "hepflow."):
        if ".plots" in module.name or (".studies" in module.name and "figures" in module.name):
            found = vars(import_module(module.name))
            drawn |= {
                name
                for name, one in found.items()
                if inspect.isfunction(one) and hasattr(one, "__wrapped__") and one.__module__ == module.name
            }
    assert len(drawn) > 25
    assert drawn - {"style", "without_layout"} <= set(plots.__all__)
    for name in plots.__all__:
        assert getattr(plots, name).__name__ == name
    with pytest.raises(AttributeError, match="did you mean 'closure'"):
        plots.closur  # noqa: B018
