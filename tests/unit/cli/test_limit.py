"""`hepflow limit`: known limits, what it prints before it fails, and which options belong together."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up.results import RESULTS

from hepflow import Spectrum, Windows
from hepflow.errors import FitError
from hepflow.parts import CrossSection
from hepflow.stats import gaussian_signal, limits, read_spectrum, workspace
from hepflow.verdicts import sideband_fit

REGION = ("--signal-region", 3300, 3700)
GAUSSIAN = ("--signal-mass", 3500, "--signal-width", 105)


def test_hello_world_of_pyhf(hepflow, write_workspace):
    """CLs and upper limits as pyhf gives them."""
    code, out, _ = hepflow("limit", write_workspace(), "--mu", 0.5, 1.5, 0.5, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["mu"] == [0.5, 1.0, 1.5]
    expected = [0.0026063, 0.0138201, 0.0644532, 0.2352564, 0.5730362]
    assert found["values"][1] == pytest.approx([0.05251497, *expected], rel=1e-4)
    assert found["limit"]["observed"] == pytest.approx(1.01156939, rel=1e-5)
    assert found["limit"]["expected"] == pytest.approx([0.5599, 0.7570, 1.06235, 1.50117, 2.0508], rel=1e-4)
    assert found["calculator_reason"] == "100 events expected under the signal's shape, 20 or more"


def test_text(hepflow, write_workspace):
    code, out, err = hepflow("limit", write_workspace(), "--mu", 0, 1, 0.5, "--plot", "cls.pdf")
    assert (code, err) == (0, "")
    first, bands, calculator, unit, _, heading, *rows = out.splitlines()
    assert first == "95 % CLs upper limit on mu: 1.01 observed, 1.06 expected"
    assert bands.endswith("0.56, 0.757, 1.06, 1.5, 2.05")
    assert calculator == "asymptotic: 100 events expected under the signal's shape, 20 or more"
    assert unit == "mu = 1: the workspace's signal, 23 events"
    assert heading.split()[:3] == ["mu", "CLs", "obs"]
    assert rows[-1].split()[:3] == ["1", "0.0525", "0.00261"]
    assert Path("cls.pdf").stat().st_size > 5000
    assert len(hepflow("limit", write_workspace())[1].splitlines()) == 4


def test_few_events_take_toys(hepflow, write_workspace):
    """No event over a background of one: the exact limit is 2.9957, the asymptotic one 2.336."""
    name = write_workspace(signal=[1.0], background=[1.0], errors=(), observed=[0])
    code, out, _ = hepflow("limit", name, "--json", "--plot", "cls.png")
    found = json.loads(out)
    assert code == 0
    assert found["calculator_reason"] == "1 events expected under the signal's shape, fewer than 20"
    assert found["limit"]["calculator"] == "toys"
    assert found["limit"]["observed"] == pytest.approx(2.9957, rel=0.03)
    assert "+-" in hepflow("limit", name, "--toys", 500)[1].splitlines()[0]
    code, _, err = hepflow("limit", name, "--mu", 0, 5, 1)
    assert code == 2
    assert "toys (1 events expected under the signal's shape, fewer than 20)" in err
    asymptotic = json.loads(hepflow("limit", name, "--calculator", "asymptotic", "--json")[1])
    assert asymptotic["limit"]["observed"] == pytest.approx(2.336, abs=0.001)


def test_a_spectrum_with_a_signal_fits_like_hepflow_fit(hepflow, mjj):
    for options in ((), ("--fit-range", "all"), ("--level", 0.9)):
        arguments = (mjj, *REGION, *GAUSSIAN, *options, "--json")
        limit, fit = (json.loads(hepflow(command, *arguments)[1]) for command in ("limit", "fit"))
        assert limit["limit"]["observed"] == pytest.approx(fit["mu_up_obs"], rel=1e-6)
        assert limit["limit"]["expected"] == pytest.approx(fit["mu_up_exp"], rel=1e-6)


@pytest.fixture
def run(tmp_path, mjj, background):
    """The folder of a run with two cuts, of which the tighter one is blinded."""
    (tmp_path / "run/workspaces").mkdir(parents=True)
    edges, counts = read_spectrum(mjj)
    windows = Windows((3300, 3700), [(2000, 3300), (3700, 5000)])
    spectrum = Spectrum(edges, counts, background, windows, sidebands_in_fit=True)
    signal = gaussian_signal(edges, 3500, 105, 100)
    tighter = Spectrum(edges, np.round(counts / 2), background / 2, windows, sidebands_in_fit=True)
    for name, one in {"eps0.1": spectrum, "eps0.01": tighter.blinded()}.items():
        (tmp_path / f"run/workspaces/{name}.json").write_text(json.dumps(workspace(one, signal)))
    return "run"


def test_a_run_that_failed_its_checks(hepflow, run, tmp_path):
    failed = replace(RESULTS, verdicts=(sideband_fit(2768.0, 87, 0.0),))
    failed.write(tmp_path / run / "results.json")
    code, out, err = hepflow("limit", run)
    assert code == 4
    assert "eps0.1" in out
    assert "failed checks: sideband fit" in err


def test_a_run_with_a_luminosity_tells_limits_as_cross_sections(hepflow, run, tmp_path):
    told = CrossSection("sigma x B", "of the process", 100.0, 0.5, 7.0, 3500.0, "theory.csv")
    cut = replace(
        RESULTS.cuts[0],
        background_efficiency=0.1,
        mu_up_obs=2.0,
        cross_section_obs=8.0,
        mu_up_exp=(1.0, 1.4, 2.0, 2.8, 3.8),
        cross_section_exp=(4.0, 5.6, 8.0, 11.2, 15.2),
    )
    results = replace(RESULTS, cuts=(cut, replace(cut, background_efficiency=0.01)), cross_section=told)
    results.write(tmp_path / run / "results.json")
    code, out, _ = hepflow("limit", run)
    assert code == 0
    strengths, _, femtobarn = out.partition("limits on sigma x B, fb (100 fb^-1, efficiency 0.5):\n")
    found = json.loads(hepflow("limit", run, "--json")[1])
    seen = found["eps0.1"]
    assert seen["cross_section_obs"] == pytest.approx(4 * seen["limit"]["observed"])  # strength one: 4 fb
    assert seen["cross_section_exp"] == pytest.approx([4 * one for one in seen["limit"]["expected"]])
    assert found["eps0.01"]["cross_section_obs"] is None
    rows = [line.split() for line in femtobarn.splitlines()]
    assert rows[1][0] == "eps0.1"
    assert float(rows[1][1]) == pytest.approx(4 * float(strengths.splitlines()[1].split()[1]), rel=0.01)
    assert out.endswith("theory: 7 fb at 3500 GeV (theory.csv)\n")


def test_every_cut_of_a_run(hepflow, run):
    code, out, _ = hepflow("limit", run)
    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    assert rows[1][0] == "eps0.1"
    assert float(rows[1][1]) > 1
    assert rows[2][:2] == ["eps0.01", "-"]
    assert out.endswith("20 or more, blinded\n")
    assert "eps0.1: mu = 1: the workspace's signal, " in out
    found = json.loads(hepflow("limit", run, "--json")[1])
    assert found["eps0.01"]["limit"]["observed"] is None
    alone = hepflow("limit", f"{run}/workspaces/eps0.01.json", "--plot", "blinded.png", "--mu", 0.5, 1, 0.5)
    assert alone[0] == 0
    assert alone[1].startswith("95 % CLs upper limit on mu: - observed")
    code, _, err = hepflow("limit", run, "--plot", "cls.pdf")
    assert code == 2
    assert "`hepflow plot` draws its limits; leave --plot out" in err
    code, _, err = hepflow("limit", "run/workspaces")
    assert code == 1
    assert "no workspaces/*.json there" in err


def test_against_mass(hepflow, mjj):
    masses = ("--masses", 2500, 4500, 1000)
    code, out, _ = hepflow("limit", mjj, *masses, "--plot", "limits.pdf")
    assert code == 0
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["mass", "2500", "3500", "4500"]
    assert "mu_up: 95 % CLs upper limits on mu" in lines
    assert Path("limits.pdf").is_file()
    found = json.loads(hepflow("limit", mjj, *masses, "--json", "--window", 0.4)[1])
    assert found["mu_up_obs"][1] == pytest.approx(170, rel=0.2)
    assert np.shape(found["mu_up_exp"]) == (3, 5)
    code, _, err = hepflow("limit", mjj, *masses, *REGION, "--mu", 0, 1, 0.5)
    assert code == 2
    assert "leave --signal-region, --mu out" in err
    assert hepflow("limit", mjj, *REGION, "--window", 0.4)[0] == 2


def test_what_was_found_is_printed_before_it_fails(hepflow, write_workspace, monkeypatch):
    root = limits._root

    def failing(rising, low, high, end):
        return root(
            rising, low, high, end if low == 0 else 1.01 * low
        )  # the observed limit lies above mu_hat

    monkeypatch.setattr(limits, "_root", failing)
    code, out, err = hepflow("limit", write_workspace(observed=(90, 90)))
    assert code == 3
    assert out.startswith("95 % CLs upper limit on mu: - observed, ")
    assert "observed limit: no signal strength up to the upper bound of" in err
    assert "raise the bound, or scale the signal up" in err


def test_a_cut_that_fails_costs_no_other(hepflow, run, monkeypatch):
    upper_limit = limits.upper_limit

    def failing(profile, level):
        if profile.mu_hat > 0.1:  # not Asimov data
            raise FitError("no minimum")
        return upper_limit(profile, level=level)

    monkeypatch.setattr("hepflow.stats.upper_limit", failing)
    code, out, err = hepflow("limit", run)
    assert code == 3
    assert "eps0.01" in out
    assert err == "error: eps0.1: no minimum\n"
