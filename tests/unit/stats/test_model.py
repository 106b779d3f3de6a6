"""Workspaces of spectra and signals."""

import json
from functools import partial

import numpy as np
import pytest
from click.testing import CliRunner
from pyhf.cli import cli

from hepflow import Spectrum
from hepflow.errors import ConfigError, InputError
from hepflow.stats import (
    HistFactory,
    SignalTemplate,
    bump_hunt,
    gaussian_signal,
    hunt_spectrum,
    open_workspace,
    with_luminosity,
    with_mass_scale,
    with_rate,
    with_resolution,
    workspace,
)


def modifiers(spec, channel, sample):
    """Return the modifiers of a sample by name."""
    samples = {c["name"]: c["samples"] for c in spec["channels"]}[channel]
    found = next(entry for entry in samples if entry["name"] == sample)
    return {modifier["name"]: modifier for modifier in found["modifiers"]}


def yields(spec, channel, sample):
    samples = {c["name"]: c["samples"] for c in spec["channels"]}[channel]
    return np.array(next(entry["data"] for entry in samples if entry["name"] == sample))


def test_channels_of_a_spectrum_with_sidebands(make_spectrum, edges):
    spectrum = make_spectrum()
    spec = workspace(spectrum, gaussian_signal(edges, 3500, 100, 50))
    assert [channel["name"] for channel in spec["channels"]] == ["signal_region", "sidebands"]
    np.testing.assert_allclose(
        yields(spec, "signal_region", "background"), spectrum.expected[spectrum.in_signal]
    )
    low, high = yields(spec, "sidebands", "background")
    assert low + high == pytest.approx(spectrum.expected[spectrum.in_sidebands].sum())
    observed = {entry["name"]: entry["data"] for entry in spec["observations"]}
    assert sum(observed["signal_region"]) == spectrum.observed[spectrum.in_signal].sum()
    for channel in ("signal_region", "sidebands"):
        background = modifiers(spec, channel, "background")
        assert {"mode_0", "closure", f"background_{channel}_bins"} <= background.keys()
        assert modifiers(spec, channel, "signal").keys() == {"mu"}
    errors = modifiers(spec, "sidebands", "background")["background_sidebands_bins"]["data"]
    first = spectrum.statistical[spectrum.centres < 3300]
    assert errors[0] == pytest.approx(np.sqrt(np.sum(first**2)))


def test_sidebands_that_were_fitted_are_not_counted_twice(make_spectrum):
    spec = workspace(make_spectrum(sidebands=False))
    assert [channel["name"] for channel in spec["channels"]] == ["signal_region"]
    assert "closure" not in modifiers(spec, "signal_region", "background")


def test_modes_become_symmetric_shifts(make_spectrum):
    spectrum = make_spectrum(modes=2)
    shift = modifiers(workspace(spectrum), "signal_region", "background")["mode_1"]["data"]
    expected = spectrum.modes["mode_1"][spectrum.in_signal]
    np.testing.assert_allclose(np.subtract(shift["hi_data"], shift["lo_data"]) / 2, expected)


def test_negligible_modes_are_left_out(make_spectrum):
    spectrum = make_spectrum()
    modes = {"tiny": 1e-5 * spectrum.expected, "felt": 0.1 * spectrum.expected}
    spectrum = Spectrum(
        spectrum.edges, spectrum.observed, spectrum.expected, spectrum.windows, modes, spectrum.statistical
    )
    background = modifiers(workspace(spectrum), "signal_region", "background")
    assert "felt" in background
    assert "tiny" not in background


def test_bounds_follow_the_problem(make_spectrum, edges):
    for events in (1e-4, 1.0, 1e4):
        spec = workspace(make_spectrum(1000, excess=300), gaussian_signal(edges, 3500, 80, events))
        mu = spec["measurements"][0]["config"]["parameters"][0]
        low, high = mu["bounds"][0]
        assert low == 0.0
        assert high > 300 / events
        assert low < mu["inits"][0] < high


@pytest.mark.parametrize("sidebands", [True, False])
def test_pyhf_command_line_opens_it(make_spectrum, edges, tmp_path, sidebands):
    spectrum = make_spectrum(30, sidebands=sidebands, modes=1, excess=5)
    hunt = bump_hunt(spectrum, gaussian_signal(edges, 3500, 80, 10))
    path = tmp_path / "workspace.json"
    path.write_text(json.dumps(hunt.workspace), encoding="utf-8")
    with pytest.warns(DeprecationWarning, match="RefResolver"):
        result = CliRunner().invoke(cli, ["inspect", str(path)])
    assert result.exit_code == 0, result.output
    assert "signal_region" in result.output
    with pytest.warns(DeprecationWarning, match="RefResolver"):
        result = CliRunner().invoke(
            cli, ["cls", str(path), "--test-poi", str(hunt.mu_up_obs), "--optimizer", "minuit"]
        )
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["CLs_obs"] == pytest.approx(0.05, rel=5e-3)


def test_empty_template_bins_are_joined(make_spectrum):
    spectrum = make_spectrum(0.5)
    expected = spectrum.expected.copy()
    inside = np.flatnonzero(spectrum.in_signal)
    expected[inside[[0, 3, 4, 7]]] = 0.0
    observed = np.zeros_like(expected)
    observed[inside] = 1.0
    spectrum = Spectrum(spectrum.edges, observed, expected, spectrum.windows, {}, spectrum.statistical)
    spec = workspace(spectrum)
    background = yields(spec, "signal_region", "background")
    assert len(background) == 4
    assert np.all(background > 0)
    assert spec["observations"][0]["data"] == [2.0, 1.0, 3.0, 2.0]
    assert np.isfinite(bump_hunt(spectrum).z)


def test_nothing_expected_and_nothing_seen_is_a_limit(make_spectrum):
    spectrum = make_spectrum()
    nothing = Spectrum(spectrum.edges, np.zeros(50), np.zeros(50), spectrum.windows)
    hunt = bump_hunt(nothing)
    assert (hunt.n_obs, hunt.z) == (0.0, 0.0)
    assert hunt.mu_up_obs == pytest.approx(-np.log(0.05), rel=1e-6)  # exp(-s) is a twentieth


def test_events_where_nothing_is_expected_are_an_error(make_spectrum):
    spectrum = make_spectrum()
    expected = np.where(spectrum.in_signal, 0.0, spectrum.expected)
    with pytest.raises(InputError, match="no background is expected in the signal region"):
        workspace(Spectrum(spectrum.edges, spectrum.observed, expected, spectrum.windows))


def test_signal_errors_enter(make_spectrum, edges):
    exact = gaussian_signal(edges, 3500, 80, 10)
    vague = SignalTemplate(exact.counts, 0.5 * exact.counts)
    spec = workspace(make_spectrum(), vague)
    assert "signal_signal_region_bins" in modifiers(spec, "signal_region", "signal")
    assert bump_hunt(make_spectrum(), vague).mu_up_obs > bump_hunt(make_spectrum(), exact).mu_up_obs


def test_signal_beside_the_spectrum(make_spectrum, edges):
    with pytest.raises(ConfigError, match="has 2 bins, the spectrum 50"):
        workspace(make_spectrum(), SignalTemplate(np.ones(2)))
    beside = np.where(make_spectrum().in_signal, 0.0, 1.0)
    with pytest.raises(InputError, match="no event in the signal region 3300-3700 GeV"):
        workspace(make_spectrum(), SignalTemplate(beside))


def test_lone_shapefactor_is_refused(counting):
    spec = counting([1.0, 2.0], [10.0, 20.0], [], [11.0, 22.0])
    free = {"name": "free", "type": "shapefactor", "data": None}
    spec["channels"][0]["samples"][1]["modifiers"] = [free]
    with pytest.raises(ConfigError, match="shapefactor 'free' is in channel 'bins' alone"):
        open_workspace(spec)
    control = {
        "name": "control",
        "samples": [{"name": "background", "data": [90.0, 210.0], "modifiers": [free]}],
    }
    spec["channels"].append(control)
    spec["observations"].append({"name": "control", "data": [100.0, 200.0]})
    assert HistFactory(open_workspace(spec)[0]).n_bins == 4


@pytest.mark.parametrize("spec", [{}, {"channels": []}, {"channels": [{"name": "c"}], "measurements": []}])
def test_not_a_workspace(spec):
    with pytest.raises(InputError, match="not a workspace"):
        open_workspace(spec)


def test_workspace_of_another_version(counting):
    with pytest.raises(InputError, match=r"version '9\.9': pyhf .* reads version '1\.0\.0'"):
        open_workspace(counting([1.0], [10.0], [], [11.0]) | {"version": "9.9"})


def with_all_nuisances(edges):
    """Return a signal with an error of its mass scale, its resolution and the luminosity."""
    shape = partial(gaussian_signal, mass=3450, width=80, events=20)
    shape = with_resolution(with_mass_scale(shape, 0.02), 0.2, 3450)
    return with_luminosity(shape(edges), 0.1)


def test_variations_become_shifts_and_rates(make_spectrum, edges):
    spectrum, signal = make_spectrum(), with_all_nuisances(edges)
    spec = workspace(spectrum, signal)
    bands = [spectrum.in_sidebands & (edges[:-1] < 3300), spectrum.in_sidebands & (edges[:-1] >= 3700)]
    up, down = signal.variations["signal_mass_scale"]
    for channel, sums in (
        ("signal_region", lambda counts: counts[spectrum.in_signal]),
        ("sidebands", lambda counts: [counts[band].sum() for band in bands]),
    ):
        found = modifiers(spec, channel, "signal")
        assert [found[name]["type"] for name in ("signal_mass_scale", "signal_resolution", "luminosity")] == [
            "histosys",
            "histosys",
            "normsys",
        ]
        np.testing.assert_allclose(found["signal_mass_scale"]["data"]["hi_data"], sums(up))
        np.testing.assert_allclose(found["signal_mass_scale"]["data"]["lo_data"], sums(down))
        assert found["luminosity"]["data"] == pytest.approx({"hi": 1.1, "lo": 0.9})
    model, _ = open_workspace(spec)
    assert {"signal_mass_scale", "signal_resolution", "luminosity"} <= set(model.config.parameters)
    assert len(model.config.par_names) == len(set(model.config.par_names))


@pytest.mark.parametrize("scale", [1.0, 1e-9])
def test_size_of_the_signal_does_not_make_a_shift_a_rate(make_spectrum, edges, scale):
    shape = with_mass_scale(partial(gaussian_signal, mass=3450, width=80, events=scale), 0.001)
    found = modifiers(workspace(make_spectrum(), shape(edges)), "signal_region", "signal")
    assert found["signal_mass_scale"]["type"] == "histosys"


def test_joined_bins_join_their_variations(make_spectrum, edges):
    spectrum, signal = make_spectrum(), with_all_nuisances(edges)
    expected = spectrum.expected.copy()
    first = np.flatnonzero(spectrum.in_signal)[0]
    expected[first : first + 3] = 0.0
    spectrum = Spectrum(edges, spectrum.observed, expected, spectrum.windows, {}, spectrum.statistical)
    up, _ = signal.variations["signal_resolution"]
    found = modifiers(workspace(spectrum, signal), "signal_region", "signal")["signal_resolution"]["data"]
    assert len(found["hi_data"]) == 5
    assert found["hi_data"][0] == pytest.approx(up[first : first + 4].sum())


def test_each_nuisance_weakens_the_limit(make_spectrum, edges):
    shape = partial(gaussian_signal, mass=3450, width=80, events=20)
    spectrum = make_spectrum(sidebands=False, modes=1)
    alone = bump_hunt(spectrum, shape(edges)).mu_up_exp[2]
    for signal in (
        with_mass_scale(shape, 0.02)(edges),
        with_resolution(shape, 0.2, 3450)(edges),
        with_luminosity(shape(edges), 0.1),
    ):
        assert bump_hunt(spectrum, signal).mu_up_exp[2] > 1.002 * alone


def test_bare_spectrum_takes_a_signal_with_nuisances(make_spectrum, edges):
    spectrum = make_spectrum(2000)
    limits = [
        hunt_spectrum(edges, spectrum.observed, spectrum.windows, spectrum.expected, signal).mu_up_obs
        for signal in (gaussian_signal(edges, 3450, 80, 20), with_all_nuisances(edges))
    ]
    assert limits[1] > limits[0]


def test_nuisance_shared_with_the_background(make_spectrum, edges):
    spectrum = make_spectrum(modes=1)
    signal = with_mass_scale(partial(gaussian_signal, mass=3450, width=80), 0.01, "mode_0")(edges)
    model, data = open_workspace(workspace(spectrum, signal))
    assert model.config.par_names.count("mode_0") == 1
    assert HistFactory(model).n_bins == len(data) - len(model.config.auxdata)


@pytest.mark.parametrize("name", ["mu", "closure"])
def test_nuisance_with_the_name_of_a_factor(make_spectrum, edges, name):
    with pytest.raises(ConfigError, match=f"has a nuisance '{name}', which is a free factor"):
        workspace(make_spectrum(), with_rate(gaussian_signal(edges, 3500, 80), 0.1, name))
