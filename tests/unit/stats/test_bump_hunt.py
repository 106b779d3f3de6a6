"""The bump hunt from a spectrum, a bare histogram, and a workspace."""

import json
from dataclasses import replace
from functools import partial

import hist
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hepflow import Sample, Spectrum, Windows
from hepflow.errors import ConfigError, FitError, InputError
from hepflow.selection import Cut
from hepflow.stats import (
    Profile,
    SignalTemplate,
    bump_hunt,
    gaussian_signal,
    hunt_spectrum,
    hunt_workspace,
    open_workspace,
    with_samples,
    workspace,
)


@pytest.fixture
def dijet_counts(edges):
    """Poisson counts of a falling spectrum of about 40,000 events."""
    x = 0.5 * (edges[1:] + edges[:-1]) / 13_000
    density = (1 - x) ** 17 * x**-2
    return np.random.default_rng(11).poisson(40_000 * density / density.sum()).astype(float)


def test_finds_a_signal(make_spectrum, edges):
    hunt = bump_hunt(make_spectrum(1000, excess=300), gaussian_signal(edges, 3500, 80, 100))
    assert hunt.mu_hat == pytest.approx(3.0, abs=3 * hunt.mu_hat_error)
    assert hunt.z > 3
    assert hunt.mu_hat < hunt.mu_up_obs < hunt.mu_hat + 3 * hunt.mu_hat_error
    assert list(hunt.mu_up_exp) == sorted(hunt.mu_up_exp)


def test_without_a_signal_nothing_is_found(make_spectrum):
    zs = [bump_hunt(make_spectrum(100, seed=seed)).z for seed in range(5)]
    assert max(zs) < 3
    assert min(zs) == 0.0


@pytest.mark.parametrize("excess", [40, 400])
def test_counting_over_sidebands_is_that_of_li_and_ma(make_spectrum, excess):
    """Eq. 17 of Astrophys. J. 272 (1983) 317: n on the signal region, m beside it, whose yields are as alpha to 1."""
    spectrum = make_spectrum(3000, modes=0, excess=excess)
    spectrum = replace(
        spectrum,
        observed=np.round(spectrum.expected + excess * spectrum.in_signal / 8),
        statistical=np.zeros(50),
    )
    hunt, inside, beside = bump_hunt(spectrum), spectrum.in_signal, spectrum.in_sidebands
    n, m = spectrum.observed[inside].sum(), spectrum.observed[beside].sum()
    alpha = spectrum.expected[inside].sum() / spectrum.expected[beside].sum()
    parts = n * np.log((1 + alpha) / alpha * n / (n + m)), m * np.log((1 + alpha) * m / (n + m))
    assert hunt.z == pytest.approx(np.sqrt(2 * sum(parts)), rel=1e-6)
    assert hunt.mu_hat == pytest.approx(n - alpha * m, rel=1e-5)


@pytest.mark.parametrize("sidebands", [True, False])
def test_counting_agrees_with_the_pull(make_spectrum, sidebands):
    hunt = bump_hunt(make_spectrum(3000, sidebands=sidebands, modes=0, excess=400))
    assert hunt.z == pytest.approx(hunt.pull, rel=0.1)
    assert hunt.mu_hat == pytest.approx(hunt.n_obs - hunt.n_exp, rel=0.1)


def test_errors_weaken_the_result(make_spectrum):
    exact = bump_hunt(make_spectrum(1000, modes=0, excess=200))
    vague = bump_hunt(make_spectrum(1000, modes=4, excess=200))
    assert vague.z < exact.z
    assert vague.mu_up_exp[2] > exact.mu_up_exp[2]
    assert vague.n_exp_error > exact.n_exp_error


@settings(max_examples=5, deadline=None)
@given(factor=st.floats(0.3, 3.0))
def test_sidebands_measure_the_normalisation(factor):
    windows = Windows((3300, 3700), [(2500, 3300), (3700, 5000)])
    edges = windows.edges(100.0)
    observed = np.round(2000 * np.exp(-(edges[:-1] - 2500) / 600))
    hunts = [
        bump_hunt(Spectrum(edges, observed, scale * observed, windows, sidebands_in_fit=True))
        for scale in (1.0, factor)
    ]
    assert hunts[1].mu_hat == pytest.approx(hunts[0].mu_hat, abs=0.05 * hunts[0].mu_hat_error)
    assert hunts[1].n_exp == pytest.approx(hunts[0].n_exp, rel=1e-9)
    assert hunts[1].mu_up_obs == pytest.approx(hunts[0].mu_up_obs, rel=1e-3)


DATA = ("n_obs", "pull", "z", "p0", "mu_hat", "mu_hat_error", "mu_up_obs")


@pytest.mark.parametrize("sidebands", [True, False])
def test_blinded_hunts_see_nothing_of_the_signal_region(make_spectrum, edges, sidebands):
    signal = gaussian_signal(edges, 3500, 80, 100)
    spectrum = make_spectrum(300, excess=200, sidebands=sidebands)
    other = replace(spectrum, observed=np.where(spectrum.in_signal, 7.0, spectrum.observed))
    hunts = [bump_hunt(one.blinded(), signal) for one in (spectrum, other)]
    assert hunts[0].to_dict() == hunts[1].to_dict()
    assert hunts[0].workspace == hunts[1].workspace
    assert hunts[0].blind
    assert [getattr(hunts[0], name) for name in DATA] == [None] * len(DATA)
    seen = bump_hunt(spectrum, signal)
    assert not seen.blind
    assert seen.z_expected == pytest.approx(hunts[0].z_expected, rel=1e-6)
    assert (seen.n_exp, seen.n_exp_error) == (hunts[0].n_exp, hunts[0].n_exp_error)


def test_blinded_expectations_are_those_of_data_without_excess(make_spectrum, edges):
    """Data that lie on the expectation give the same limits, and with the signal added its significance."""
    signal = gaussian_signal(edges, 3500, 80, 60)
    spectrum = make_spectrum(300, modes=2)
    spectrum = replace(spectrum, observed=spectrum.expected)
    blinded, seen = bump_hunt(spectrum.blinded(), signal), bump_hunt(spectrum, signal)
    assert blinded.mu_up_exp == pytest.approx(seen.mu_up_exp, rel=1e-6)
    assert seen.mu_up_obs == pytest.approx(blinded.mu_up_exp[2], rel=1e-3)
    found = bump_hunt(replace(spectrum, observed=spectrum.expected + signal.counts), signal)
    assert found.z == pytest.approx(blinded.z_expected, rel=1e-3)


def test_expected_significance_of_a_known_background(edges, windows):
    """Bins without errors: ``sqrt(2 sum((s + b) ln(1 + s/b) - s))``, arXiv:1007.1727 eq. 97."""
    signal, b = gaussian_signal(edges, 3500, 80, 30), np.full(len(edges) - 1, 20.0)
    hunt = bump_hunt(Spectrum(edges, b + 3, b, windows), signal)
    inside = hunt.spectrum.in_signal
    s, b = signal.counts[inside], b[inside]
    assert hunt.z_expected == pytest.approx(np.sqrt(2 * np.sum((s + b) * np.log1p(s / b) - s)), rel=1e-6)
    assert bump_hunt(hunt.spectrum).z_expected is None  # nothing but events to count


def test_nothing_expected_behind_a_cut(make_spectrum, edges):
    spectrum = make_spectrum(3)
    empty = replace(spectrum, observed=np.where(spectrum.in_signal, 2.0, 0.0))
    for signal in (gaussian_signal(edges, 3500, 80, 10), None):
        hunt = bump_hunt(empty.blinded(), signal, calculator="asymptotic")
        assert (hunt.n_exp, hunt.z_expected) == (0.0, None)
        assert np.all(np.isfinite(hunt.mu_up_exp))
        assert bump_hunt(empty, signal, calculator="asymptotic").z_expected is None


def test_blinded_workspace_says_so(make_spectrum, edges):
    hunt = bump_hunt(make_spectrum(300).blinded(), gaussian_signal(edges, 3500, 80, 60))
    again = hunt_workspace(json.loads(json.dumps(hunt.workspace)))
    assert again.blind
    assert [getattr(again, name) for name in DATA] == [None] * len(DATA)
    assert again.mu_up_exp == pytest.approx(hunt.mu_up_exp, rel=1e-9)
    for text in (str(hunt), str(again)):
        assert text.startswith("blinded: expected ")
        assert "95 % CLs upper limit" in text
    assert f"Z = {hunt.z_expected:.2f} at mu = 1" in str(hunt)


def test_result_serialises(make_spectrum):
    hunt = bump_hunt(make_spectrum())
    content = json.loads(json.dumps(hunt.to_dict()))
    assert {"n_obs", "n_exp", "n_exp_error", "z", "p0", "mu_hat", "mu_up_obs", "mu_up_exp"} <= content.keys()
    assert len(content["mu_up_exp"]) == 5
    json.dumps(hunt.workspace)


def test_prints_in_one_line(make_spectrum):
    text = str(bump_hunt(make_spectrum(1000, excess=300), level=0.9))
    assert "\n" not in text
    for part in ("Z = ", "p0 = ", "n_obs = ", "expected ", " +- ", "mu = ", "90 % CLs upper limit"):
        assert part in text


def test_dijet_background(edges, windows, dijet_counts):
    hunt = hunt_spectrum(edges, dijet_counts, windows)
    assert hunt.smooth is not None
    assert hunt.smooth.n_shape == 2
    assert hunt.n_exp == pytest.approx(hunt.smooth.yield_in(3300, 3700)[0])
    assert hunt.n_exp_error == pytest.approx(hunt.smooth.yield_in(3300, 3700)[1], rel=1e-3)
    assert hunt.z < 3
    assert not hunt.spectrum.sidebands_in_fit
    bump = 5 * np.sqrt(hunt.n_exp) * gaussian_signal(edges, 3500, 60).counts
    found = hunt_spectrum(
        edges, dijet_counts + np.round(bump), windows, signal_mass=3500.0, signal_width=60.0
    )
    assert found.z > hunt.z + 2
    assert found.signal.name == "Gaussian, 3500 GeV"


def test_template_background(edges, windows, dijet_counts):
    hunt = hunt_spectrum(edges, dijet_counts, windows, background=2.0 * dijet_counts + 1e-3)
    assert hunt.smooth is None
    assert hunt.n_exp == pytest.approx(hunt.n_obs, rel=1e-3)
    assert hunt.z == pytest.approx(0.0, abs=0.05)


def test_bad_description_warns(edges, windows, dijet_counts):
    waves = dijet_counts * (1 + 0.3 * np.sin(edges[1:] / 60))
    with pytest.warns(UserWarning, match="does not describe the sidebands"):
        hunt_spectrum(edges, waves, windows)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"background": "template"}, "no smooth function 'template'"),
        ({"background": "dijt"}, "did you mean 'dijet'"),
        ({"signal_mass": 3500.0}, "needs its mass and its width"),
        (
            {"windows": Windows((3310, 3700), [(2500, 3300), (3700, 5000)])},
            "3310 GeV ends a region but no bin",
        ),
        ({"windows": Windows((3300, 3700), [(2500, 3300), (3700, 6000)])}, "nearest edge: 5000 GeV"),
    ],
)
def test_bad_arguments(edges, windows, dijet_counts, options, message):
    with pytest.raises(ConfigError, match=message):
        hunt_spectrum(edges, dijet_counts, **{"windows": windows, **options})


def test_bad_counts(edges, windows, dijet_counts):
    with pytest.raises(InputError, match="expected a number"):
        hunt_spectrum(edges, -dijet_counts, windows)


def test_workspace_gives_the_same_numbers(make_spectrum, edges):
    hunt = bump_hunt(make_spectrum(300, excess=80), gaussian_signal(edges, 3500, 80, 50))
    again = hunt_workspace(json.loads(json.dumps(hunt.workspace)))
    for name in ("z", "p0", "mu_hat", "mu_up_obs", "n_obs"):
        assert getattr(again, name) == pytest.approx(getattr(hunt, name), rel=1e-9)
    assert again.mu_up_exp == pytest.approx(hunt.mu_up_exp, rel=1e-9)
    assert again.n_exp == pytest.approx(hunt.n_exp, rel=0.1)
    assert again.spectrum is None


def test_workspace_without_limit_is_an_error(counting):
    spec = counting([5.0], [50.0], [], [50.0])
    spec["channels"][0]["samples"][1]["modifiers"] = [{"name": "norm", "type": "normfactor", "data": None}]
    with pytest.raises(FitError, match="do not determine 'mu'"):
        hunt_workspace(spec)


def test_a_cut_brings_its_signal_and_what_varies_it(make_spectrum, edges):
    mass = np.random.default_rng(1).normal(3500, 80, 200)
    signal = Sample(mass, np.zeros((200, 0)), (), weight=np.full(200, 0.5))
    varied = {"scale": tuple(replace(signal, mass=mass * factor) for factor in (1.02, 0.98))}
    spectrum = make_spectrum(1000, excess=300)
    hunts = partial(bump_hunt, limits=False)
    found = hunts(Cut(0.1, 0.5, spectrum, signal, variations=varied))
    template = with_samples(SignalTemplate.of(signal, edges), edges, "scale", *varied["scale"])
    assert found.workspace == hunts(spectrum, template).workspace
    assert found.z > 3
    assert hunts(Cut(0.1, 0.5, spectrum, None)).workspace == hunts(spectrum).workspace
    own = gaussian_signal(edges, 3400, 50)
    assert hunts(Cut(0.1, 0.5, spectrum, signal), own).workspace == hunts(spectrum, own).workspace


def test_histograms(edges, windows, dijet_counts):
    histogram = hist.Hist(hist.axis.Variable(edges), storage=hist.storage.Double(), data=dijet_counts)
    wanted = hunt_spectrum(edges, dijet_counts, windows)
    assert hunt_spectrum(histogram, windows=windows).to_dict() == wanted.to_dict()
    template = hunt_spectrum(edges, dijet_counts, windows, dijet_counts + 1)
    histogram_of_it = hist.Hist(hist.axis.Variable(edges), data=dijet_counts + 1)
    found = hunt_spectrum(histogram, windows=windows, background=histogram_of_it)
    assert found.to_dict() == template.to_dict()
    with pytest.raises(ConfigError, match="have different bins"):
        hunt_spectrum(histogram, windows=windows, background=histogram_of_it[1:])
    with pytest.raises(
        ConfigError, match=r"bump_hunt of Hist: .*hunt_spectrum\(histogram, windows=...\) fits one"
    ):
        bump_hunt(histogram)
    with pytest.raises(ConfigError, match="needs windows="):
        hunt_spectrum(histogram)
    with pytest.raises(ConfigError, match=r"a spectrum as int: expected edges and counts, a hist.Hist"):
        hunt_spectrum(3, windows=windows)


def test_workspaces_by_their_path(make_spectrum, tmp_path):
    spec = workspace(make_spectrum(1000, excess=100))
    path = tmp_path / "ws.json"
    path.write_text(json.dumps(spec), encoding="utf-8-sig")
    assert open_workspace(str(path))[1] == open_workspace(spec)[1]
    assert hunt_workspace(path).to_dict() == hunt_workspace(spec).to_dict()
    path.write_text("{}")
    with pytest.raises(InputError, match=r"ws.json: not a pyhf workspace, which has channels, measurements"):
        open_workspace(path)
    with pytest.raises(InputError, match=r"nowhere.json: no such file"):
        open_workspace("nowhere.json")
    with pytest.raises(
        ConfigError, match="a workspace as int: expected a pyhf workspace as a dict, or the path"
    ):
        open_workspace(3)


def test_an_infinite_error_is_none_in_the_record_and_has_a_reason(counting, monkeypatch):
    monkeypatch.setattr(Profile, "background", lambda self, bins: (110.0, np.inf))
    found = hunt_workspace(counting([5.0], [100.0], [10.0], [110.0]), calculator="asymptotic")
    record = found.to_dict()
    assert record["n_exp_error"] is None
    assert record["pull"] is None
    assert "error of the expected background is infinite" in record["problems"][0]
    json.dumps(record, allow_nan=False)
