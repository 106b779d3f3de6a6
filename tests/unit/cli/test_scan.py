"""`hepflow scan`: the excess it finds, the tests beside it, and what it leaves in folders."""

import json
from importlib import util
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from hepflow.errors import FitError
from hepflow.stats import bumphunter

FEW = ("--masses", 3000, 4000, 500)


@pytest.fixture
def signals(write_csv):
    """Histograms of simulated signals at 2500 and 4500 GeV, 100 events each, as options."""
    fine = np.linspace(1000, 6000, 501)
    for mass in (2500, 4500):
        write_csv(f"s{mass}.csv", 100 * np.diff(norm.cdf(fine, mass, 0.03 * mass)), fine)
    return [text for mass in (2500, 4500) for text in ("--signal", f"{mass}=s{mass}.csv")]


def test_finds_the_resonance(hepflow, mjj):
    code, out, _ = hepflow("scan", mjj, "--toys", 200, "--json")
    found = json.loads(out)
    assert code == 0
    assert abs(found["global"]["mass"] - 3500) <= 50
    assert found["global"]["z_local"] > 4
    assert found["global"]["p"] < 0.01
    assert found["mass"][0] == 2150
    best = found["mass"].index(3500)
    assert abs(found["mu_hat"][best] - 120) < 3 * found["mu_hat_error"][best]
    assert found["mu_up_obs"] is None
    assert found["problems"] == []


def test_text(hepflow, mjj):
    code, out, err = hepflow("scan", mjj, *FEW, "--toys", 200, "--limits", "--bumphunter")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["mass", "3000", "3500", "4000"]
    assert "mu = 1: one signal event" in lines
    assert any(line.startswith("largest excess at 3500 GeV: local Z = ") for line in lines)
    assert "global: p < 0.005, Z > 2.58: none of 200 toys has as much" in lines
    assert any(line.startswith("global: Z = ") and "upcrossings" in line for line in lines)
    assert any(line.endswith("<- taken") for line in lines)
    assert "BumpHunter: largest excess at 3" in out
    code, out, _ = hepflow("scan", mjj, *FEW, "--toys", 0)
    assert code == 0
    assert "global" not in out


def test_bumphunter_fits_its_toys_like_the_data(hepflow, mjj, monkeypatch):
    seen = []

    def spied(edges, observed, expected, *, refit, seed):
        seen.append((refit(observed[None])[0], expected))
        return bumphunter(edges, observed, expected, refit=refit, toys=100, seed=seed)

    monkeypatch.setattr("hepflow.stats.bumphunter", spied)
    found = json.loads(hepflow("scan", mjj, *FEW, "--toys", 0, "--bumphunter", "--json")[1])
    assert found["bumphunter"]["toys"] == 100
    np.testing.assert_allclose(*seen[0], rtol=1e-4)


def test_options_reach_the_fits(hepflow, mjj):
    def z(*options):
        return json.loads(hepflow("scan", mjj, *FEW, "--toys", 0, "--json", *options)[1])["z"]

    plain = z()
    for options in (("--width", 0.05), ("--function", "ua2"), ("--window", 0.3), ("--sqrt-s", 14_000)):
        assert z(*options) != plain
    assert z("--seed", 1) == plain  # no toys anywhere


def test_the_spurious_signal_enters_the_fits(hepflow, mjj, monkeypatch):
    monkeypatch.setattr("hepflow.stats.bias.TOYS", 100)
    plain = json.loads(hepflow("scan", mjj, *FEW, "--toys", 0, "--json")[1])
    with_bias = json.loads(hepflow("scan", mjj, *FEW, "--toys", 0, "--bias", "--json")[1])
    assert np.all(np.array(with_bias["bias"]["size"]) > 0)
    assert max(with_bias["z"]) < max(plain["z"])
    assert np.all(np.array(with_bias["mu_hat_error"]) >= np.array(plain["mu_hat_error"]))
    text = hepflow("scan", mjj, *FEW, "--toys", 0, "--bias")[1]
    assert "bias test against ua2" in text
    assert "enters the fit of each mass as a nuisance parameter" in text


def test_simulated_signals(hepflow, mjj, signals):
    code, out, _ = hepflow("scan", mjj, *signals, "--toys", 0, "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["mass"][0], found["mass"][-1]) == (2500, 4500)
    assert found["unit"] == "the signal of the histograms"
    best = int(np.argmax(found["z"]))
    assert abs(found["mass"][best] - 3500) <= 50
    assert found["mu_hat"][best] == pytest.approx(1.2, abs=3 * found["mu_hat_error"][best])
    code, _, err = hepflow("scan", mjj, *signals, "--masses", 2200, 2600, 100)
    assert code == 2
    assert "signal at 2200 GeV: the mass points reach from 2500 to 4500 GeV" in err
    assert hepflow("scan", mjj, "--signal", "2500=s2500.csv")[0] == 2
    code, _, err = hepflow("scan", mjj, "--signal", "s2500.csv")
    assert code == 2
    assert "expected MASS=FILE" in err


def test_figures_and_records(hepflow, mjj):
    wanted = ("--toys", 100, "--limits", "--bumphunter", "--figures", "figures", "--export", "records")
    code, _, err = hepflow("scan", mjj, *FEW, *wanted)
    assert code == 0
    assert "figures in figures" in err
    names = ["p_values", "f_test", "smooth_fit", "global_toys", "limits", "bumphunter"]
    found = {path.name for path in Path("figures").iterdir()}
    assert found == {f"{name}.{suffix}" for name in names for suffix in ("pdf", "png")}
    records = {path.name for path in Path("records").iterdir()}
    assert {"scan.json", "bumphunter.json", "patchset.json", "background_only.json"} <= records
    assert json.loads(Path("records/scan.json").read_text())["kind"] == "Scan"


def test_without_hepdata_lib_the_rest_is_written(hepflow, mjj, monkeypatch):
    find = util.find_spec
    monkeypatch.setattr(
        util, "find_spec", lambda name, *rest: None if name == "hepdata_lib" else find(name, *rest)
    )
    code, _, err = hepflow("scan", mjj, *FEW, "--toys", 0, "--window", 0.4, "--export", "records")
    assert code == 0
    assert "hepflow[hepdata]" in err
    assert [path.name for path in Path("records").iterdir()] == ["scan.json"]


def test_a_mass_that_fails_is_named_after_the_others(hepflow, mjj):
    masses = ("--masses", 2100, 3100, 500)
    code, out, err = hepflow("scan", mjj, *masses, "--window", 0.03, "--toys", 0)
    assert code == 3
    assert out.splitlines()[1].split() == ["2100", "-", "-", "-", "none"]
    assert "error: 2100 GeV: dijet fit: 2 bins to fit" in err


def test_a_bias_test_that_fails_costs_nothing_else(hepflow, mjj, monkeypatch):
    def failing(scan, *, seed):
        raise FitError("no function describes the spectrum")

    monkeypatch.setattr("hepflow.stats.bias_test", failing)
    code, out, err = hepflow("scan", mjj, *FEW, "--toys", 0, "--bias")
    assert code == 3
    assert "largest excess at 3500 GeV" in out
    assert err == "error: bias test: no function describes the spectrum\n"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            ("--masses", 1000, 2500, 100),
            "mass 1000 GeV: expected masses inside the spectrum, 2000 to 5000 GeV",
        ),
        (("--masses", 3000, 2500, 100), "expected LOW HIGH STEP"),
        (("--masses", 2500, 3000, 0.01), "at most 2000 steps"),
        (("--toys", 50), "50 toys"),
        (("--width", 1.5), "relative width 1.5"),
        (("--max-shape", 9), "max_shape must be 1 to 4"),
    ],
)
def test_options_that_make_no_sense(hepflow, mjj, options, text):
    code, out, err = hepflow("scan", mjj, *options)
    assert (code, out) == (2, "")
    assert text in err


def test_a_workspace_is_no_spectrum(hepflow, write_workspace):
    code, _, err = hepflow("scan", write_workspace())
    assert code == 1
    assert "w.json is a pyhf workspace" in err


def test_a_function_that_does_not_describe_the_spectrum(hepflow, write_csv, background):
    wavy = background * (1 + 0.3 * np.sin(np.arange(len(background)) / 4))
    _, out, err = hepflow("scan", write_csv("wavy.csv", np.round(wavy)), *FEW, "--toys", 0)
    assert "does not describe the spectrum" in err
    assert "mass" in out
