"""Weighted spectra, templates with errors and simulated signals on the command line: they give the right numbers."""

import json
from itertools import pairwise
from pathlib import Path

import hist
import numpy as np
import pyhf
import pytest
import uhi.io.json
import uproot
from scipy import stats

COUNTS = """
47568 35615 26470 19893 15625 11727 9122 6936 5525 4366 3390 2649 2079 1736 1689 1369 855 706 594 388
355 322 232 192 131 142 99 70 69 62 33 47 36 17 18 17 10 18 6 11
"""
FULL = np.array(COUNTS.split(), dtype=float)
BINS = np.arange(2000.0, 6001.0, 100.0)
REGION = ("--signal-region", 3400, 3600)


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a histogram to a JSON or ROOT file."""

    def write(name, values, variances=None, edges=BINS):
        histogram = hist.Hist(
            hist.axis.Variable(edges, name="m"),
            storage=hist.storage.Double() if variances is None else hist.storage.Weight(),
        )
        histogram[...] = values if variances is None else np.stack([values, variances], axis=1)
        if name.endswith(".json"):
            Path(name).write_text(json.dumps(histogram, default=uhi.io.json.default), encoding="utf-8")
        else:
            with uproot.recreate(name) as file:
                file["mjj"] = histogram
        return name

    return write


@pytest.fixture
def run(hepflow):
    """Return a function that runs a command and returns its JSON."""

    def run(*arguments):
        code, out, err = hepflow(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)

    return run


@pytest.mark.parametrize("kind", ["json", "root"])
def test_a_prescale_of_five_changes_no_significance(hepflow, run, write, write_csv, kind):
    plain = write_csv("plain.csv", FULL, BINS)
    weighted = write(f"weight5.{kind}", 5 * FULL, 25 * FULL)
    found = run("fit", plain, *REGION)
    assert (found["n_obs"], found["z"]) == (3058, pytest.approx(11.92, abs=0.005))
    assert run("fit", weighted, *REGION) == found
    _, _, err = hepflow("limit", weighted, *REGION)
    assert "is weighted: numbers of events and signal strengths count its effective events" in err
    assert "of mean weight 5" in err


def test_a_scan_of_weighted_events(run, write, write_csv, edges, bump):
    masses = ("--masses", 2800, 3500, 700, "--max-shape", 2)
    counts = FULL[:30]
    signals = [bump, 2 * bump]
    plain = write_csv("plain.csv", counts, BINS[:31])
    weighted = write("weight5.json", 5 * counts, 25 * counts, BINS[:31])
    of_plain, of_weighted = [], []
    for mass, signal in zip((2700, 3600), signals, strict=True):
        of_plain += ["--signal", f"{mass}={write_csv(f'one{mass}.csv', signal, edges)}"]
        of_weighted += ["--signal", f"{mass}={write(f'five{mass}.json', 5 * signal, 25 * signal, edges)}"]
    one = run("limit", plain, *masses, *of_plain)
    five = run("limit", weighted, *masses, *of_weighted)
    np.testing.assert_allclose(five["mu_up_obs"], one["mu_up_obs"], rtol=1e-6)
    assert run("scan", weighted, *masses, "--toys", 0) == run("scan", plain, *masses, "--toys", 0)


def test_means_are_no_events(hepflow, tmp_path):
    profile = hist.Hist(hist.axis.Variable(BINS, name="m"), storage=hist.storage.Mean())
    profile.fill(np.repeat(0.5 * (BINS[1:] + BINS[:-1]), 2), sample=np.ones(80))
    Path("mean.json").write_text(json.dumps(profile, default=uhi.io.json.default))
    for command in (("fit", "mean.json", *REGION), ("scan", "mean.json"), ("limit", "mean.json", *REGION)):
        code, out, err = hepflow(*command)
        assert (code, out) == (1, "")
        assert "mean.json: a profile, whose bins hold means" in err


def test_a_missing_count(hepflow):
    rows = [f"{a:g},{b:g},{n:g},{n**0.5:.2f}" for a, b, n in zip(BINS, BINS[1:], FULL, strict=False)]
    rows[14] = "3400,3500,,41.10"
    Path("miss_sr.csv").write_text("\n".join(["low,high,count,stat", *rows]))
    code, out, err = hepflow("fit", "miss_sr.csv", *REGION)
    assert (code, out) == (1, "")
    assert "miss_sr.csv, line 16: no count; expected a number" in err


EDGES = np.arange(3000.0, 4201.0, 100.0)
OBSERVED = np.where((EDGES[:-1] >= 3400) & (EDGES[:-1] < 3800), 260.0, 200.0)


def pyhf_z():
    """Return Z of 20 % a bin, as pyhf has it: a staterror on the background of signal region and sidebands."""

    def channel(name, bins):
        signal = [1.0 if name == "region" else 0.0] * bins
        errors = {"name": f"mc_{name}", "type": "staterror", "data": [40.0] * bins}
        free = {"name": "closure", "type": "normfactor", "data": None}
        mu = {"name": "mu", "type": "normfactor", "data": None}
        return {
            "name": name,
            "samples": [
                {"name": "background", "data": [200.0] * bins, "modifiers": [free, errors]},
                {"name": "signal", "data": signal, "modifiers": [mu]},
            ],
        }

    parameters = [{"name": "mu", "inits": [10.0], "bounds": [[0.0, 500.0]]}]
    spec = {
        "channels": [channel("region", 4), channel("sidebands", 8)],
        "observations": [{"name": "region", "data": [260.0] * 4}, {"name": "sidebands", "data": [200.0] * 8}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": parameters}}],
        "version": "1.0.0",
    }
    workspace = pyhf.Workspace(spec)
    model = workspace.model()
    p = pyhf.infer.hypotest(0.0, workspace.data(model), model, test_stat="q0")
    return stats.norm.isf(float(p))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", ["json", "root", "csv"])
def test_the_errors_of_a_template_count(run, write, write_csv, kind):
    write_csv("data.csv", OBSERVED, EDGES)
    template = f"mc.{kind}"
    if kind == "csv":
        rows = [f"{low:g},{high:g},200,40" for low, high in pairwise(EDGES)]
        Path(template).write_text("\n".join(["low,high,count,error", *rows]))
    else:
        write(template, np.full(12, 200.0), np.full(12, 1600.0), EDGES)
    chosen = ("--signal-region", 3400, 3800, "--background", "template", "--template", template)
    found = run("fit", "data.csv", *chosen)
    assert found["z"] == pytest.approx(2.09, abs=0.005)
    assert found["z"] == pytest.approx(pyhf_z(), abs=1e-3)
    # 20 % of four bins of 200, the eight that normalise them, and the 1600 events in these
    error = np.sqrt(4 * 40**2 + 800**2 * (0.2**2 / 8 + 1 / 1600))
    assert found["n_exp_error"] == pytest.approx(error, rel=1e-3)
    assert found["mu_up_obs"] == pytest.approx(405, abs=1)


def test_a_template_without_errors_is_exact(run, write, write_csv):
    write_csv("data.csv", OBSERVED, EDGES)
    template = write("template.json", np.full(12, 200.0), None, EDGES)
    chosen = ("--signal-region", 3400, 3800, "--background", "template", "--template", template)
    assert run("fit", "data.csv", *chosen)["z"] == pytest.approx(6.52, abs=0.005)
