"""A comparison as text."""

from dataclasses import replace

from hepflow import verdicts
from hepflow.studies.comparison.record import Comparison, Estimate, MethodCut, MethodResult
from hepflow.studies.comparison.text import text as table

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


def test_what_failed_a_check_is_marked():
    bad = verdicts.sideband_factor(1.29, 0.04, 0.01)
    first, *others = COMPARISON.results
    found = replace(COMPARISON, results=(replace(first, verdicts=(bad,)), *others))
    lines = table(found).splitlines()
    cathode, idealized = lines[4:6]
    assert "4.32!" in cathode
    assert "!" not in idealized
    assert "! failed a check:" in lines
    assert "- CATHODE, seed 1, 300 injected: sideband factor at eps_B 0.01" in lines
    assert found.results[0].doubted == (0.01,)
    assert "!" not in table(COMPARISON)
