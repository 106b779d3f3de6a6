"""``hepflow compare``: what is asked of the comparison, and the table that comes out."""

import json
import sys
from types import SimpleNamespace

import pytest

from hepflow.cli.compare import table
from hepflow.studies.comparison.record import Comparison, Estimate, MethodCut, MethodResult

REGIONS = {"signal": [3300, 3700], "sidebands": [[2500, 3300], [3700, 5000]]}


def result(method, title, seed, injected, sic, uses_truth=False, problems=()):
    cut = MethodCut(0.01, 190.0, 128.9, 12.3, 3.21, 4.32, 8e-6, Estimate(sic, 0.4))
    return MethodResult(
        method,
        title,
        uses_truth,
        seed,
        injected,
        auc=Estimate(0.85, 0.01),
        max_sic=Estimate(sic + 1, 0.5),
        cuts=() if problems else (cut,),
        closure={"SR": Estimate(0.503, 0.004)},
        problems=problems,
    )


COMPARISON = Comparison(
    "search",
    "abc",
    {"hepflow": "0"},
    REGIONS,
    (
        *(result("cathode", "CATHODE", seed, 300, 5.0 + seed) for seed in (1, 2)),
        *(result("idealized", "idealized", seed, 300, 10.0, uses_truth=True) for seed in (1, 2)),
        result("cwola", "CWoLa", 1, 300, 0.0, problems=("too few events",)),
    ),
)


@pytest.fixture
def asked(monkeypatch):
    """Stand in for the comparison, and note what it is asked for."""
    calls = []

    def compare(config, out, *, scan):
        calls.append((config.compare, out, scan))
        return COMPARISON

    monkeypatch.setitem(sys.modules, "hepflow.workflow.comparison.compare", SimpleNamespace(compare=compare))
    return calls


@pytest.fixture
def config(hepflow):
    assert hepflow("init", "c.yaml")[0] == 0
    return "c.yaml"


def test_options_replace_the_configuration(hepflow, config, asked):
    options = ("--methods", "cwola,curtains", "--seeds", 3, "--scan", "injection", "--out", "here")
    code, out, err = hepflow("compare", config, *options)
    assert code == 0
    ((settings, folder, scan),) = asked
    assert [method.name for method in settings.methods] == ["cwola", "curtains"]
    assert (settings.seeds, str(folder), scan) == (3, "here", True)
    assert "300 signal events injected" in out
    assert err.endswith("comparison.json, figures and report.html in here\n")


def test_a_dry_run_reads_no_file(hepflow, config):
    options = ("--methods", "cwola", "--dry-run", "--set", "regions.validation=0", "--set", "fit.blind=false")
    code, out, err = hepflow("compare", config, *options)
    assert code == 0
    assert "0-injected/seed-1/cwola/scores  to do: not done yet\n" in out
    assert err == "6 of 6 steps to do in runs/search-comparison\n"


def test_a_method_that_there_is_not(hepflow, config, asked):
    code, _, err = hepflow("compare", config, "--methods", "cathod")
    assert code == 2
    assert "compare.methods" in err
    assert "did you mean 'cathode'" in err
    assert not asked


def test_the_table_of_a_comparison():
    lines = table(COMPARISON).splitlines()
    assert lines[0] == "search: signal region 3300-3700 GeV"
    assert lines[2] == "300 signal events injected, 2 seeds"
    heading, cathode, idealized, cwola = lines[3:7]
    assert heading.split("  ")[0] == "method"
    assert [word in heading for word in ("SIC 0.01", "max SIC", "AUC", "Z 0.01", "closure SR")] == [True] * 5
    assert "pull" not in heading  # of data with signal it says nothing
    assert "6.50 +- 0.50" in cathode  # mean and standard error of the two seeds
    assert cathode.rstrip().endswith("0.650 +- 0.050")
    assert idealized.startswith("idealized*")
    assert cwola.startswith("CWoLa")
    assert lines[-2] == "* looks at truth labels: a reference, not a search"
    assert lines[-1] == "CWoLa, seed 1, 300 injected: too few events"


def test_json_is_the_record(hepflow, config, asked):
    code, out, _ = hepflow("compare", config, "--json")
    assert code == 0
    assert json.loads(out) == json.loads(json.dumps(COMPARISON.to_dict()))
    ((_, folder, scan),) = asked
    assert (str(folder), scan) == ("runs/search-comparison", False)
