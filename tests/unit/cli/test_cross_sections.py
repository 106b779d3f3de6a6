"""Limits and expected p0 of a theory on the command line."""

import json

import pytest


@pytest.fixture
def theory(tmp_path):
    path = tmp_path / "theory.csv"
    path.write_text("mass,fb\n2600,20\n4600,0.5\n")
    return path


MASSES = ("--masses", 3000, 3200, 200, "--calculator", "asymptotic")


def test_limits_in_femtobarn(hepflow, theory, tmp_path):
    _, out, _ = hepflow("limit", "demo:mjj.csv", *MASSES, "--json")
    events = json.loads(out)
    figure = tmp_path / "limits.pdf"
    options = ("--luminosity", 138, "--efficiency", 0.5, "--theory", theory, "--plot", figure)
    code, out, _ = hepflow("limit", "demo:mjj.csv", *MASSES, *options, "--json")
    assert code == 0
    found = json.loads(out)
    assert found["unit"].startswith("1 fb of cross-section")
    assert found["mu_up_obs"][0] == pytest.approx(events["mu_up_obs"][0] / 69)
    assert figure.read_bytes().startswith(b"%PDF")


def test_an_efficiency_must_reach_over_the_masses(hepflow, theory, tmp_path):
    shares = tmp_path / "efficiency.csv"
    shares.write_text("3100,0.4\n4600,0.5\n")
    code, _, err = hepflow("limit", "demo:mjj.csv", *MASSES, "--luminosity", 138, "--efficiency", shares)
    assert code == 1
    assert "efficiency.csv: no efficiency at 3000 GeV" in err


def test_a_theory_needs_a_luminosity(hepflow, theory):
    code, _, err = hepflow("limit", "demo:mjj.csv", *MASSES, "--theory", theory)
    assert code == 2
    assert "these need --luminosity" in err


def test_a_scan_draws_the_expected_p_value(hepflow, theory, tmp_path):
    options = (
        "--luminosity",
        138,
        "--theory",
        theory,
        "--limits",
        "--toys",
        0,
        "--figures",
        tmp_path / "figures",
    )
    code, out, _ = hepflow("scan", "demo:mjj.csv", *MASSES, *options)
    assert code == 0
    assert "mu = 1: 1 fb of cross-section" in out
    assert (tmp_path / "figures" / "p_values.png").is_file()
