"""`hepflow fit`: what it prints and draws, and what it says of input that cannot be fitted."""

import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import hist
import numpy as np
import pytest
import uhi.io.json

from hepflow import Windows
from hepflow.stats import hunt_spectrum, profile, read_spectrum

REGION = ("--signal-region", 3300, 3700)
GAUSSIAN = ("--signal-mass", 3500, "--signal-width", 105)


def test_text_names_calculator_and_orders(hepflow, mjj):
    code, out, err = hepflow("fit", mjj, *REGION, *GAUSSIAN)
    assert (code, err) == (0, "")
    first, _, function, heading, *orders = out.splitlines()
    assert first.startswith("Z = ")
    assert "asymptotic: " in first
    assert "events expected under the signal's shape, 20 or more" in first
    assert function.startswith("dijet function, p0 (1 - x)^p1")
    assert heading.split() == ["shape", "parameters", "chi2/ndf", "p", "F-test", "p"]
    assert sum(line.endswith("<- taken") for line in orders) == 1


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        (("--background", "ua2"), {"background": "ua2"}),
        (("--fit-range", "all"), {"fit_range": "all"}),
        (("--max-shape", 2), {"max_shape": 2}),
        (("--level", 0.9), {"level": 0.9}),
        (
            ("--calculator", "toys", "--toys", 200, "--seed", 3),
            {"calculator": "toys", "toys": 200, "seed": 3},
        ),
    ],
)
def test_options_are_those_of_the_library(hepflow, mjj, options, arguments):
    windows = Windows((3300, 3700), [(2000, 3300), (3700, 5000)])
    wanted = hunt_spectrum(*read_spectrum(mjj), windows, signal_mass=3500, signal_width=105, **arguments)
    code, out, _ = hepflow("fit", mjj, *REGION, *GAUSSIAN, *options, "--json")
    assert code == 0
    assert json.loads(out) == json.loads(json.dumps(wanted.to_dict()))


def test_standard_input(hepflow, write_workspace, mjj, monkeypatch):
    name = write_workspace()
    monkeypatch.setattr(sys, "stdin", io.StringIO(Path(name).read_text()))
    assert hepflow("fit", "-") == hepflow("fit", name)
    edges, counts = read_spectrum(mjj)
    histogram = hist.Hist(hist.axis.Variable(edges), storage=hist.storage.Double(), data=counts)
    text = json.dumps(histogram, default=uhi.io.json.default)
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    assert hepflow("fit", "-", *REGION) == hepflow("fit", mjj, *REGION)
    monkeypatch.setattr(sys, "stdin", io.StringIO("low,high,count"))
    code, out, err = hepflow("fit", "-")
    assert (code, out) == (1, "")
    assert "standard input: not JSON" in err


def test_figures(hepflow, mjj):
    drawn = ("--figures", "figures", "--toys", 100)
    code, _, err = hepflow("fit", mjj, *REGION, *GAUSSIAN, *drawn)
    assert code == 0
    assert err.endswith("figures in figures\n")
    names = "spectrum f_test smooth_fit pulls impacts correlations likelihood_scan goodness post_fit_signal_region"
    found = {path.name for path in Path("figures").iterdir()}
    assert found == {f"{name}.{suffix}" for name in names.split() for suffix in ("pdf", "png")}


def test_a_figure_that_fails_costs_no_other(hepflow, write_workspace):
    one = write_workspace(signal=[12.0], background=[50.0], errors=(), observed=[51])
    code, out, err = hepflow("fit", one, "--figures", "figures", "--toys", 100)
    assert code == 0
    assert out.startswith("Z = ")
    assert "no figure goodness: this fit has no degree of freedom" in err
    assert Path("figures/likelihood_scan.pdf").is_file()


def test_a_finished_run_is_drawn_elsewhere(hepflow, tmp_path):
    code, _, err = hepflow("fit", tmp_path, "--figures", "figures")
    assert code == 2
    assert "`hepflow plot` draws; leave --figures out" in err


@pytest.mark.parametrize(
    ("changed", "code", "text"),
    [
        (
            {"observed": (-5, 48)},
            1,
            "observed data of bin 0 are -5.0; expected a finite number, zero or more",
        ),
        ({"observed": (float("nan"), 48)}, 1, "observed data of bin 0 are nan"),
        (
            {"background": (-50.0, 52.0)},
            1,
            "'bins': its samples add up to -50 events without signal in bin 0",
        ),
        ({"background": (float("nan"), 52.0)}, 1, "sample 'background' of channel 'bins' holds [nan, 52.0]"),
        ({"signal": (0.0, 0.0)}, 2, "the signal is zero in every bin"),
        ({"version": "9.9"}, 1, "workspace of version '9.9': pyhf"),
        ({"channels": 1}, 1, "not a workspace that pyhf can open"),
        (
            {"background": (0.0, 52.0), "signal": (0.0, 11.0), "errors": ()},
            3,
            "bin 0 holds 51 events where 0 are expected",
        ),
    ],
)
def test_workspaces_that_cannot_be_fitted(hepflow, write_workspace, changed, code, text):
    ended, out, err = hepflow("fit", write_workspace(**changed))
    assert (ended, out) == (code, "")
    assert text in err


def test_an_empty_bin_without_background_and_data_changes_nothing(hepflow, write_workspace):
    one = {"signal": [11.0], "background": [52.0], "errors": (), "observed": [60]}
    two = {"signal": [0.0, 11.0], "background": [0.0, 52.0], "errors": (), "observed": [0, 60]}
    first, second = (json.loads(hepflow("fit", write_workspace(**w), "--json")[1]) for w in (one, two))
    assert second["z"] == pytest.approx(first["z"], rel=1e-6)
    assert second["mu_up_obs"] == pytest.approx(first["mu_up_obs"], rel=1e-5)


def test_a_lone_shapefactor_is_refused(hepflow, write_workspace):
    name = write_workspace()
    content = json.loads(Path(name).read_text())
    content["channels"][0]["samples"][1]["modifiers"] = [{"name": "f", "type": "shapefactor", "data": None}]
    Path(name).write_text(json.dumps(content))
    code, _, err = hepflow("fit", name)
    assert code == 2
    assert "shapefactor 'f' is in channel 'bins' alone" in err


@pytest.mark.parametrize("text", ['{"version": "9.9"}', "[1]", "{"])
def test_json_of_another_kind(hepflow, text):
    Path("other.json").write_text(text)
    code, out, err = hepflow("fit", "other.json", *REGION)
    assert (code, out) == (1, "")
    assert "pyhf workspace" in err
    assert "other.json" in err


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("2000,2050,-4", "-4.0 events in bin"),
        ("2000,2050,nan", "nan events in bin"),
        ("2000,2040,4", "leaves a gap"),
    ],
)
def test_spectra_that_cannot_be_fitted(hepflow, mjj, row, text):
    lines = Path(mjj).read_text().splitlines()
    Path("bad.csv").write_text("\n".join([lines[0], row, *lines[2:]]))
    code, out, err = hepflow("fit", "bad.csv", *REGION)
    assert (code, out) == (1, "")
    assert text in err


def test_empty_bins(hepflow, write_csv, background, edges):
    counts = np.round(background)
    # the function expects a few events there; were it more, it would take another order
    counts[edges[:-1] >= 4950] = 0
    code, out, _ = hepflow("fit", write_csv("tail.csv", counts), *REGION, "--json")
    assert code == 0
    assert json.loads(out)["n_exp"] == pytest.approx(background[26:34].sum(), rel=0.02)
    template = np.where((edges[:-1] >= 3300) & (edges[:-1] < 3700), 0.0, background)
    write_csv("mjj.csv", counts)
    behind = ("--background", "template", "--template", write_csv("template.csv", template))
    code, _, err = hepflow("fit", "mjj.csv", *REGION, *behind)
    assert code == 1
    assert "no background is expected in the signal region" in err


def test_regions_and_templates_that_make_no_sense(hepflow, mjj, write_csv, background, edges):
    for region in ((2000, 5000), (2000, 3000)):
        code, _, err = hepflow("fit", mjj, "--signal-region", *region)
        assert code == 2
        assert "leaves no sideband on both sides" in err
    write_csv("other.csv", background[1:], edges[1:])
    template = ("--background", "template", "--template", "other.csv")
    code, _, err = hepflow("fit", mjj, *REGION, *template)
    assert code == 2
    assert "different bins (59 from 2050 to 5000 GeV, and 60 from 2000 to 5000 GeV)" in err
    assert hepflow("fit", mjj, *REGION, *template, "--fit-range", "all")[0] == 2
    code, _, err = hepflow("fit", mjj, *REGION, "--signal-mass", 9000, "--signal-width", 50)
    assert code == 1
    assert "is zero in every bin" in err


def test_a_fit_that_does_not_converge(hepflow, write_workspace, monkeypatch):
    minimise = profile.minimise

    def stuck(*arguments):
        found = minimise(*arguments)
        return replace(found, valid=False, edm=0.5, distances=np.array([0.0, 0.0, 0.5]))

    monkeypatch.setattr(profile, "minimise", stuck)
    code, out, err = hepflow("fit", write_workspace())
    assert (code, out) == (3, "")
    assert "did not converge (EDM 0.5" in err
    assert "farthest from its minimum is 'error[1]'" in err
    assert "Give it a constraint or bounds" in err
