"""All figures of a comparison: which are drawn, what stands in them, and records with holes."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from hepflow.errors import ConfigError
from hepflow.plots import save_all
from hepflow.plots.matrix import draw_matrix
from hepflow.studies.comparison.figures import figures
from hepflow.studies.comparison.figures.agreement import agreement
from hepflow.studies.comparison.figures.injection_scan import injection_scan
from hepflow.studies.comparison.figures.methods import looks
from hepflow.studies.comparison.figures.sic_by_method import sic_by_method
from hepflow.studies.comparison.figures.sic_curves import sic_curves
from hepflow.studies.comparison.record import Comparison, Estimate, Matrix, MethodCut, MethodResult

METHODS = {  # name: title, separation of its Gaussian scores
    "idealized": ("idealized", 3.0),
    "supervised": ("supervised", 3.2),
    "cathode": ("CATHODE", 2.9),
    "lacathode": ("LaCATHODE", 2.6),
    "anode": ("ANODE", 1.8),
    "r-anode": ("R-ANODE", 2.4),
    "cwola": ("CWoLa", 2.2),
    "salad": ("SALAD", 2.85),
    "curtains": ("CURTAINs", 2.8),
    "feta": ("FETA", 2.88),
    "flow-matching": ("flow matching", 2.7),
    "combination": ("combination", 2.95),
}
EFFICIENCIES = (0.1, 0.01, 0.001)
BACKGROUND = 12_900


def one_result(method, seed, injected):
    """Return what a method with Gaussian scores finds; it learns less where there is less signal."""
    title, separation = METHODS[method]
    random = np.random.default_rng(1000 * seed + 10 * list(METHODS).index(method) + injected)
    learned = separation * (1 - np.exp(-injected / 150)) * random.normal(1, 0.04)
    signal = 0.78 * injected
    background = np.geomspace(1, 25 / BACKGROUND, 80)
    efficiency = norm.sf(norm.isf(background) - learned)

    def sic(eps):
        return norm.sf(norm.isf(eps) - learned) / np.sqrt(eps)

    cuts = []
    for eps in EFFICIENCIES:
        expected = BACKGROUND * eps
        excess = signal * sic(eps) * np.sqrt(eps) + random.normal(0, np.sqrt(expected))
        z = max(excess / np.sqrt(expected + (0.08 * expected) ** 2), 0.0)
        measured = Estimate(sic(eps), 0.05 * sic(eps)) if eps >= 25 / BACKGROUND else None
        cuts.append(MethodCut(eps, expected + excess, expected, 0.08 * expected, z, z, norm.sf(z), measured))
    largest = float(np.max(efficiency / np.sqrt(background)))
    return MethodResult(
        method=method,
        title=title,
        uses_truth=method in ("idealized", "supervised"),
        seed=seed,
        injected=injected,
        signal=signal,
        background=float(BACKGROUND),
        auc=Estimate(0.9, 0.01),
        max_sic=Estimate(largest, 0.05 * largest),
        cuts=tuple(cuts),
        closure={
            band: Estimate(0.5 + abs(random.normal(0.004, 0.004)) + shift, 0.003)
            for band, shift in (("SB1", 0.0), ("SR", 0.003), ("SB2", 0.001))
        },
        background_efficiency=tuple(background),
        signal_efficiency=tuple(efficiency),
    )


def matrices(seed, injected, methods):
    random = np.random.default_rng(seed)
    size = len(methods)
    for what, cut, mean in (("correlation", None, 0.5), ("overlap", 0.01, 0.35)):
        half = np.triu(random.normal(mean, 0.12, (size, size)), 1)
        value = half + half.T + np.eye(size)
        rows = tuple(map(tuple, value.tolist()))
        yield Matrix(what, seed, injected, tuple(methods), rows, rows, cut)


def made_up(seeds=3, injections=(0, 75, 150, 300, 600), methods=tuple(METHODS)):
    """Return a comparison of methods that never ran."""
    sets = [(seed, injected) for injected in injections for seed in range(1, seeds + 1)]
    return Comparison(
        name="lhco",
        config_hash="0" * 16,
        versions={"hepflow": "0.1.0"},
        regions={"signal": (3300, 3700)},
        results=tuple(one_result(method, *which) for which in sets for method in methods),
        matrices=tuple(
            matrix
            for which in sets
            for matrix in matrices(*which, [one for one in methods if one not in ("idealized", "supervised")])
        ),
    )


@pytest.fixture(scope="module")
def comparison():
    return made_up(seeds=2, injections=(0, 300), methods=("idealized", "cathode", "cwola"))


def lines(figure, index):
    """Return the curves of one panel that belong to methods."""
    return [line for line in figure.canvas.axes[index].get_lines() if line.get_linestyle() != ":"]


def test_which_figures_are_drawn(comparison):
    names = {name for name, _ in figures(comparison)}
    each = {"sic_curves", "sic_by_method", "closure_bands", "correlation"}
    assert names == {f"{name}_{injected}" for name in each for injected in (0, 300)} | {
        "overlap_0_eps0.01",
        "overlap_300_eps0.01",
        "injection_scan",
    }


def test_figures_are_written(tmp_path):
    small = made_up(seeds=1, injections=(300,), methods=("cathode",))
    written = save_all(figures(replace(small, matrices=())), tmp_path, formats=("png",))
    assert {path.name for path in written} == {
        f"{name}_300.png" for name in ("sic_curves", "sic_by_method", "closure_bands")
    }


def test_every_figure_can_be_laid_out(render):
    for _, figure in figures(made_up(seeds=2, injections=(300,))):
        render(figure)


def test_records_with_holes(comparison, render):
    """A method that failed, one without truth, an injection with one seed."""
    failed = MethodResult("salad", "SALAD", False, 1, 300, problems=("no simulation",))
    bare = [
        replace(
            one,
            signal=None,
            background=None,
            max_sic=None,
            closure={},
            background_efficiency=(),
            signal_efficiency=(),
            cuts=tuple(replace(cut, sic=None) for cut in one.cuts),
        )
        if one.method == "cwola"
        else one
        for one in comparison.results
        if (one.seed, one.injected) != (2, 300)
    ]
    for _, figure in figures(replace(comparison, results=(*bare, failed))):
        render(figure)
    without_truth = replace(comparison, results=tuple(one for one in bare if one.method == "cwola"))
    assert not {name for name, _ in figures(without_truth)} & {"sic_curves_0", "injection_scan"}


def test_curves_are_means_of_the_seeds(comparison):
    figure = sic_curves(comparison, 300)
    curve = lines(figure, 0)[1]
    at = int(np.argmin(np.abs(curve.get_xdata() - 0.5)))
    separations = []
    for one in comparison.results:
        if (one.method, one.injected) == ("cathode", 300):
            background = np.interp(0.5, one.signal_efficiency[::-1], one.background_efficiency[::-1])
            separations.append(0.5 / np.sqrt(background))
    assert curve.get_ydata()[at] == pytest.approx(np.mean(separations), rel=0.03)
    strict = lines(figure, 1)[1]
    assert strict.get_xdata()[-1] == pytest.approx(BACKGROUND / 25)
    tightest = [
        one.signal_efficiency[-1] * np.sqrt(BACKGROUND / 25)
        for one in comparison.results
        if (one.method, one.injected) == ("cathode", 300)
    ]
    assert strict.get_ydata()[-1] == pytest.approx(np.mean(tightest))


def test_no_curve_where_background_is_noise(comparison):
    few = tuple(replace(one, background=100.0) for one in comparison.results)
    strict = lines(sic_curves(replace(comparison, results=few), 300), 1)
    assert max(line.get_xdata()[-1] for line in strict) <= 100 / 25


def test_texts(comparison, texts):
    curves = sic_curves(comparison, 300)
    assert "lhco, 300 injected, 2 seeds" in texts(curves)
    (legend,) = curves.canvas.legends
    assert [text.get_text() for text in legend.get_texts()] == ["idealized", "CATHODE", "CWoLa", "random"]
    rows = sic_by_method(comparison, 300)
    names = [text.get_text() for text in rows.canvas.axes[0].get_yticklabels()]
    assert names == ["idealized", "CATHODE", "CWoLa"]
    assert r"SIC at $\epsilon_B$ = 1%" in texts(rows)
    assert "Max. SIC" in texts(rows)


def test_every_method_looks_different():
    many = looks(made_up(seeds=1, injections=(300,)))
    assert len({(look["color"], look["marker"], str(look["linestyle"])) for look in many.values()}) == len(
        many
    )
    methods = [look for name, look in many.items() if name not in ("idealized", "supervised")]
    assert len({look["color"] for look in methods}) == len(methods)
    assert "black" not in {look["color"] for look in methods}
    assert {many[name]["color"] for name in ("idealized", "supervised")} == {"black"}


def test_scan_against_signal_over_background(comparison, texts):
    figure = injection_scan(comparison, 0.01)
    upper = figure.canvas.axes[0].get_lines()[1]
    np.testing.assert_allclose(upper.get_xdata(), [0, 100 * 0.78 * 300 / BACKGROUND])
    measured = [one.mean["sic at 0.01"].value for one in comparison.summary() if one.method == "cathode"]
    np.testing.assert_allclose(upper.get_ydata(), measured)
    assert r"SIC at $\epsilon_B$ = 1%" in texts(figure)
    assert "0.1%" in texts(injection_scan(comparison))


def test_no_scan_to_draw(comparison):
    with pytest.raises(ConfigError, match="one injection; expected at least two"):
        injection_scan(made_up(seeds=1, injections=(300,), methods=("cathode",)))
    with pytest.raises(ConfigError, match=r"no cut at a background efficiency of 0.5; known: \[0.001"):
        injection_scan(comparison, 0.5)


def test_agreement_is_the_mean_over_seeds_of_methods_in_all(comparison):
    one = Matrix(
        "overlap",
        1,
        0,
        ("cathode", "cwola", "anode"),
        ((1, 0.2, 0.9), (0.2, 1, 0.9), (0.9, 0.9, 1)),
        (),
        0.01,
    )
    other = Matrix("overlap", 2, 0, ("cwola", "cathode"), ((1, 0.4), (0.4, 1)), (), 0.01)
    figure = agreement([one, other], comparison)
    ax = figure.canvas.axes[0]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["CATHODE", "CWoLa"]
    assert sorted(text.get_text() for text in ax.texts if text.get_text().isdigit()) == [
        "100",
        "100",
        "30",
        "30",
    ]
    with pytest.raises(ConfigError, match="no matrix to draw"):
        agreement([], comparison)


def test_a_matrix_without_numbers(render):
    empty = draw_matrix(np.array([[1.0, np.nan], [np.nan, 1.0]]), ["a", "b"], "Overlap [%]", signed=False)
    assert [text.get_text() for text in empty.canvas.axes[0].texts].count("100") == 2
    render(empty)
