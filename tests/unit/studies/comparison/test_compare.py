"""Several methods on the same data: what comes out, what is kept, and what cannot be compared."""

import subprocess
import sys
from dataclasses import replace

import pytest

from hepflow.engine.study import Blinding
from hepflow.errors import ConfigError, InputError
from hepflow.sample import Sample
from hepflow.storage import load_sample, save_sample
from hepflow.studies.comparison import work
from hepflow.studies.comparison.record import Comparison
from hepflow.studies.comparison.study import STUDY, methods_of
from hepflow.studies.reproduce import reproduce

TINY = (
    "layers: 1, hidden: 8, bins: 4, epochs: 1, batch_size: 128, best_epochs: 1, ensemble: 1, oversampling: 5"
)
SIMULATION = "inputs.simulation={path: reference.h5, format: hepflow}"
METHODS = f"compare.methods=[{{name: cathode, {TINY}}}, cwola, idealized, supervised]"
SCAN = "compare.scan=injection"


@pytest.fixture(scope="module", autouse=True)
def large(toy, inputs):
    """Write data with enough events for templates made of events."""
    data = toy.background(20_000, seed=5)
    save_sample(data, inputs / "large.h5")
    save_sample(data.without_truth(), inputs / "large_real.h5")
    save_sample(toy.background(20_000, seed=6), inputs / "reference.h5")


@pytest.fixture(scope="module")
def compared(_quick_closure, configure, tmp_path_factory):
    """Return a comparison over two injections, its folder and its configuration; nobody changes them."""
    folder = tmp_path_factory.mktemp("compared") / "toy"
    config = configure(METHODS, SCAN, "compare.injections=[0, 60]", data="large.h5")
    return STUDY.run(config, folder), folder, config


def test_every_method_and_their_combination_at_every_injection(compared):
    comparison, _, _ = compared
    names = ["cathode", "cwola", "idealized", "supervised", "combination"]
    assert [(one.method, one.injected) for one in comparison.results] == [
        (n, e) for e in (0, 60) for n in names
    ]
    assert {one.method for one in comparison.results if one.uses_truth} == {"idealized", "supervised"}
    for one in comparison.results:
        assert not one.problems
        assert [cut.background_efficiency for cut in one.cuts] == [0.1, 0.03]
        assert one.auc.value > (0.6 if one.injected else 0.0)
        assert set(one.closure) == {"SB1", "SR", "SB2"}
        assert all((cut.sculpting_p is not None) is (one.injected == 0) for cut in one.cuts)
        assert (one.method == "supervised") is (one.cuts[0].non_closure is None)
        judged = {(verdict.check, verdict.background_efficiency) for verdict in one.verdicts}
        assert ("sideband fit", None) in judged
        assert (("non-closure", 0.03) in judged) is (one.method != "supervised")
    assert len(comparison.matrices) == 2 * 3


def test_the_bands_are_tried_as_often_as_in_a_search(compared):
    _, folder, config = compared
    steps = STUDY.dry_run(config, folder)
    tried = [
        step.rpartition("/")[2] for step in steps if step.startswith("60-injected/seed-1/cathode/validation")
    ]
    assert tried == ["0", "1"]


def test_injected_events_are_those_of_the_data(compared):
    comparison, _, _ = compared
    without, with_signal = comparison.results[0], comparison.results[5]
    assert without.signal == 0
    assert 40 < with_signal.signal <= 60
    assert without.background == with_signal.background > 1000


def test_the_supervised_reference_sees_the_signal_best(compared):
    comparison, _, _ = compared
    best = {one.method: one.auc.value for one in comparison.results if one.injected == 60}
    assert best["supervised"] == max(best.values()) > 0.9


def test_written_and_read_again(compared):
    comparison, folder, _ = compared
    assert Comparison.from_json(folder / "comparison.json") == comparison
    assert (folder / "config.yaml").is_file()
    assert not (folder / "checkpoints").exists()  # of finished trainings


def test_what_is_done_is_read_not_computed(compared, monkeypatch):
    comparison, folder, config = compared

    def computed(*arguments, **options):
        raise AssertionError("trained again")

    monkeypatch.setattr(work, "method_of", computed)
    monkeypatch.setattr(work, "classifier_of", computed)
    again = STUDY.run(config, folder)
    assert [replace(one, seconds=0) for one in again.results] == [
        replace(one, seconds=0) for one in comparison.results
    ]
    assert again.matrices == comparison.matrices


def test_figures_and_report_are_made_once(compared):
    _, folder, config = compared
    shown = [*(folder / "figures").glob("*.p*"), folder / "report.html"]
    assert len(shown) > 5
    before = [path.stat().st_mtime_ns for path in shown]
    STUDY.run(config, folder)
    assert [path.stat().st_mtime_ns for path in shown] == before


@pytest.mark.usefixtures("_quick_closure")
@pytest.mark.parametrize("scan", [(), (SCAN,)])
def test_a_comparison_comes_out_again(configure, tmp_path, scan):
    settings = ("compare.methods=[cwola]", "compare.injections=[60, 0]", "regions.validation=0", *scan)
    STUDY.run(configure(*settings, data="large.h5"), tmp_path / "toy")
    found = reproduce(tmp_path / "toy", tmp_path / "again")
    assert (found.differences, found.files, found.versions) == ({}, (), {})


@pytest.mark.usefixtures("_quick_closure")
def test_a_separate_reference(configure, tmp_path):
    config = configure(
        "compare.methods=[idealized]",
        "inputs.reference={path: reference.h5, format: hepflow}",
        "regions.validation=0",
        data="large.h5",
    )
    (only,) = STUDY.run(config, tmp_path / "toy").results
    assert only.cuts[0].sic.value > 1
    assert only.cuts[0].non_closure is None


@pytest.mark.usefixtures("_quick_closure")
def test_a_method_that_cannot_be_run_stops_no_other(configure, tmp_path):
    """The small data hold too few events beside the signal region for CWoLa."""
    config = configure(f"compare.methods=[cwola, {{name: cathode, {TINY}}}]", "regions.validation=0")
    cwola, cathode, combination = STUDY.run(config, tmp_path / "toy").results
    assert "next to the signal region" in cwola.problems[0]
    assert not cwola.cuts
    assert cathode.cuts
    assert not cathode.problems
    assert combination.problems == ("fewer than two methods could be run",)


@pytest.mark.parametrize(
    ("overrides", "options", "message"),
    [
        (["compare.methods=[feta]"], {}, "'feta' starts from simulation; give `inputs.simulation`"),
        (
            ["compare.methods=[idealized]"],
            {"data": "large_real.h5"},
            "'idealized' is a reference that needs truth",
        ),
        (["compare.methods=[cwola, {name: cwola, width: 300}]"], {}, "'cwola' stands there twice"),
        ([SCAN], {"without": ("signal", "injection")}, r"give `inputs\.signal`"),
        (["fit.blind=true"], {}, r"a comparison shows the data .* `--set fit\.blind=false`"),
    ],
)
def test_what_cannot_be_compared(configure, tmp_path, overrides, options, message):
    with pytest.raises(ConfigError, match=message):
        STUDY.run(configure(*overrides, **options), tmp_path / "toy")


def test_data_among_the_reference_are_refused(configure, inputs, tmp_path):
    rows = [load_sample(inputs / "reference.h5"), load_sample(inputs / "large.h5").select(slice(3))]
    save_sample(Sample.concat(rows), inputs / "mixed.h5")
    config = configure(
        "compare.methods=[idealized]", "inputs.reference={path: mixed.h5, format: hepflow}", data="large.h5"
    )
    with pytest.raises(InputError, match=r"3 of the 20,060 evaluation events were trained on"):
        STUDY.run(config, tmp_path / "toy")


def test_without_a_list_all_that_the_inputs_allow(configure):
    searches = {"cathode", "lacathode", "flow-matching", "curtains", "cwola", "anode", "r-anode", "outlier"}
    assert set(methods_of(configure(), truth=False)) == searches
    assert set(methods_of(configure(without=("signal", "injection")), truth=True)) == searches
    everything = searches | {"feta", "salad", "idealized", "supervised"}
    assert set(methods_of(configure(SIMULATION), truth=True)) == everything


def test_outliers_have_no_part_in_the_combination(configure):
    """Whose scores are log density ratios."""
    config = configure(
        "compare.methods=[cwola, outlier, {name: outlier, detector: vae}]", "regions.validation=0"
    )
    plan = STUDY.plan(config, Blinding())
    assert not [step.name for step in plan if "combination" in step.name]
    ratios = {
        step.settings["method"]: step.settings["scores_ratio"] for step in plan if step.stage == "result"
    }
    assert ratios == {"cwola": True, "outlier": False, "outlier-vae": False}
    (agreement,) = {frozenset(step.needs) for step in plan if step.stage == "agreement"}
    assert agreement == {"cwola", "outlier", "outlier-vae"}


def test_variants_of_feta_stand_side_by_side(configure):
    config = configure("compare.methods=[feta, {name: feta, variant: penalty}]", SIMULATION)
    assert list(methods_of(config, truth=False)) == ["feta", "feta-penalty"]


def test_a_dry_run_names_what_is_left_and_writes_nothing(compared, configure, tmp_path):
    _, folder, config = compared
    assert set(STUDY.dry_run(config, folder).values()) == {None}
    more = configure(METHODS, SCAN, "compare.injections=[0, 60, 90]", data="large.h5")
    left = {step for step, why in STUDY.dry_run(more, folder).items() if why is not None}
    assert left - {"comparison", "figures", "report"} == {step for step in left if step.startswith("90-inj")}
    assert "90-injected/seed-1/cwola/scores" in left
    assert set(STUDY.dry_run(more, tmp_path / "none").values()) == {"not done yet"}
    assert not (tmp_path / "none").exists()


def test_a_dry_run_knows_whether_there_is_truth_once_the_events_are_read(compared, configure, tmp_path):
    _, folder, _ = compared
    unsaid = configure("regions.validation=0", data="large.h5")

    def references(out):
        return {step.split("/")[2] for step in STUDY.dry_run(unsaid, out) if step.count("/") == 3} & {
            "idealized",
            "supervised",
        }

    assert references(tmp_path / "none") == set()
    assert references(folder) == {"idealized", "supervised"}


def test_what_is_done_is_shown_without_loading_anything_heavy(compared, configure, inputs):
    _, folder, _ = compared
    overrides = (METHODS, SCAN, "compare.injections=[0, 60]")
    configure(*overrides, data="large.h5")
    script = """
import sys
from pathlib import Path
from hepflow.config import load_config
from hepflow.studies.comparison.study import STUDY
STUDY.run(load_config(Path(sys.argv[1]), sys.argv[3:]), Path(sys.argv[2]))
print(*{name.partition(".")[0] for name in sys.modules})
"""
    command = [sys.executable, "-c", script, str(inputs / "search.yaml"), str(folder), *overrides]
    loaded = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    assert "h5py" in loaded
    assert {"torch", "pyhf", "sklearn", "matplotlib", "distributed", "nflows"}.isdisjoint(loaded)
