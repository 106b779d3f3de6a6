"""The whole analysis on a small sample: its results, and what is not done twice."""

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyhf
import pytest

from hepflow.engine.folder import RunFolder
from hepflow.engine.study import Blinding
from hepflow.engine.work import Work
from hepflow.errors import ConfigError, FitError, InputError
from hepflow.report.paper import paragraph
from hepflow.results import Results
from hepflow.storage import load_sample, save_sample
from hepflow.studies.search.check import check
from hepflow.studies.search.results import _trials as trials_of
from hepflow.studies.search.stages import STAGES
from hepflow.studies.search.study import STUDY
from hepflow.studies.search.text import text
from hepflow.verdicts import sculpting, sideband_fit

CUT = {
    "background_efficiency",
    "threshold",
    "n_obs",
    "n_exp",
    "n_exp_error",
    "z",
    "p0",
    "mu_hat",
    "mu_up_obs",
    "mu_up_exp",
    "signal_efficiency",
    "sic",
}
TOP = {
    "schema",
    "name",
    "seed",
    "method",
    "versions",
    "config_hash",
    "cutflow",
    "regions",
    "counts",
    "closure",
    "inclusive",
    "cuts",
    "timing",
}
COUNTS = {"data_signal_region", "data_sidebands", "expected_background_signal_region"}

pytestmark = pytest.mark.usefixtures("_quick_closure")


def results_of(folder, *left_out):
    """Return results.json without the timing, and without what else is left out."""
    content = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return {key: value for key, value in content.items() if key not in ("timing", *left_out)}


def test_results_have_the_keys_of_the_schema(finished):
    content = json.loads((finished / "results.json").read_text(encoding="utf-8"))
    assert set(content) >= TOP
    assert content["schema"] == "hepflow-results-1"
    assert set(content["counts"]) >= COUNTS
    assert set(content["closure"]) >= {"auc", "auc_error"}
    assert content["regions"] == {"signal": [3300, 3700], "sidebands": [[2500, 3300], [3700, 5000]]}
    assert content["cutflow"] == [
        {"cut": "events read", "events": 3000},
        {"cut": "events kept", "events": 3000},
    ]
    assert [cut["background_efficiency"] for cut in content["cuts"]] == [0.1, 0.03]
    assert content["inclusive"]["background_efficiency"] == 1
    for cut in (content["inclusive"], *content["cuts"]):
        assert set(cut) >= CUT
        assert len(cut["mu_up_exp"]) == 5
        assert cut["mu_up_exp"] == sorted(cut["mu_up_exp"])
    assert set(content["timing"]) >= {"features", "background", "scores", "validation", "fit"}
    assert {"numpy", "torch", "pyhf", "hepflow"} <= set(content["versions"])


def test_results_agree_with_the_events(finished, configure, toy):
    content = results_of(finished)
    data = load_sample(finished / "stages" / "features" / "data.h5")
    inside = toy.windows.in_signal(data.mass)
    counts = content["counts"]
    assert len(data) == counts["data"] == 3060
    assert counts["data_signal_region"] == inside.sum() == content["inclusive"]["n_obs"]
    assert counts["data_sidebands"] == toy.windows.in_sidebands(data.mass).sum()
    assert counts["true_signal_signal_region"] == data.label[inside].sum()
    assert counts["expected_background_signal_region"] == pytest.approx(
        content["inclusive"]["n_exp"], rel=1e-3
    )
    for cut in content["cuts"]:
        assert cut["sic"] == pytest.approx(
            cut["signal_efficiency"] / np.sqrt(cut["true_background_efficiency"])
        )
        assert cut["n_obs"] < content["inclusive"]["n_obs"]
    assert content["config_hash"] == configure().hash()


def test_results_are_read_back(finished):
    results = Results.from_json(finished / "results.json")
    assert json.loads(json.dumps(results.to_dict())) == json.loads(
        (finished / "results.json").read_text("utf-8")
    )


@pytest.mark.filterwarnings("ignore:jsonschema.RefResolver:DeprecationWarning")
def test_workspaces_open_in_pyhf(finished):
    content = results_of(finished)
    names = {"inclusive": content["inclusive"], "eps0.1": content["cuts"][0], "eps0.03": content["cuts"][1]}
    assert {path.stem for path in (finished / "workspaces").iterdir()} == set(names)
    for name, cut in names.items():
        workspace = pyhf.Workspace(json.loads((finished / "workspaces" / f"{name}.json").read_text("utf-8")))
        model = workspace.model()
        data = workspace.data(model)
        start = model.config.suggested_init()
        assert np.isfinite(float(model.logpdf(start, data)[0]))
        assert model.config.poi_name == "mu"
        assert sum(sum(channel["data"]) for channel in workspace["observations"]) >= cut["n_obs"]


def test_the_configuration_is_kept(finished, configure):
    from hepflow.config import load_config

    kept = load_config(finished / "config.yaml")
    assert kept.model_dump(exclude={"inputs"}) == configure().model_dump(exclude={"inputs"})
    data = finished / kept.inputs.data.path[0]
    assert data.resolve().name == "data.h5"
    assert data.is_file()


def test_the_same_seed_twice(finished, configure, tmp_path):
    STUDY.run(configure(), tmp_path / "again", until="fit")
    assert results_of(tmp_path / "again") == results_of(finished)
    for path in (finished / "workspaces").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / "workspaces" / path.name).read_bytes()
    STUDY.run(configure("seed=2"), tmp_path / "other", until="background")
    template = Path("stages", "background", "template.h5")
    one, other = (load_sample(root / template) for root in (finished, tmp_path / "other"))
    assert not np.isin(one.mass, other.mass).any()


def test_a_second_run_reads_what_is_there(folder, configure, forbid):
    before = results_of(folder)
    forbid("features", "background", "scores")
    results = STUDY.run(configure(), folder, until="fit")
    assert results_of(folder) == before
    timing = json.loads((folder / "results.json").read_text("utf-8"))["timing"]
    assert results.timing["background"] == timing["background"] > 0


@pytest.mark.parametrize(
    ("override", "stands"),
    [
        ("selection.background_efficiency=[0.2]", ("features", "background", "scores")),
        ("classifier.folds=3", ("features",)),
        ("method.epochs=1", ("features",)),
    ],
)
def test_a_changed_setting_redoes_what_depends_on_it(folder, configure, forbid, override, stands):
    forbid(*stands)
    config = configure(override)
    redone = {"features", "background", "scores"} - set(stands)
    keys = {
        stage: (folder / "stages" / stage / "step.json").read_text("utf-8")
        for stage in ("background", "scores")
    }
    STUDY.run(config, folder, until="scores")
    for stage, before in keys.items():
        assert ((folder / "stages" / stage / "step.json").read_text("utf-8") != before) == (stage in redone)


def test_changed_data_redo_everything(folder, configure, inputs, tmp_path, forbid):
    """A file that was written anew since, and the folder moved."""
    elsewhere = shutil.copytree(inputs, tmp_path / "inputs")
    config = configure()
    config._folder = elsewhere
    os.utime(elsewhere / "data.h5", ns=(1, 1))
    forbid("features")
    with pytest.raises(AssertionError, match="features is computed again"):
        STUDY.run(config, folder)


@pytest.mark.parametrize("until", STAGES[:-1])
def test_until(finished, folder, configure, until, forbid):
    forbid("features", "background", "scores")
    (folder / "results.json").unlink()
    results = STUDY.run(configure(), folder, until=until)
    assert (results is not None) == (until == "fit") == (folder / "results.json").exists()
    assert not (folder / "figures").exists()


def test_toys_where_few_events_are_expected(folder, configure):
    STUDY.run(configure("fit.calculator=auto", "selection.background_efficiency=[0.03]"), folder, until="fit")
    results = Results.from_json(folder / "results.json")
    tight = results.cuts[-1]
    assert (results.inclusive.calculator, tight.calculator) == ("asymptotic", "toys")
    assert tight.calculator_reason.endswith("events expected under the signal's shape, fewer than 20")
    assert tight.p0_error is not None


@pytest.mark.parametrize("failed", [None, 0.1, 0.03, "all"])
def test_trials_of_the_cuts_that_passed_are_counted(finished, configure, failed):
    results = Results.from_json(finished / "results.json")
    made = Work(STUDY.plan(configure(), Blinding()), RunFolder(finished, None))
    fitted = [made.result(f"fit/{cut.name}") for cut in (results.inclusive, *results.cuts)]
    given = {None: (), "all": (sideband_fit(2768.0, 87, 0.0),)}.get(failed) or (sculpting(0.0, failed),)
    results = replace(results, verdicts=given if failed else ())
    trials = trials_of({"toys": 100, "seed": 1}, results, fitted)
    looked = results.trusted or (results.inclusive, *results.cuts)  # of all, where none passed
    assert len(looked) == (2 if isinstance(failed, float) else 3)
    largest = max(looked, key=lambda cut: cut.z)
    assert trials.background_efficiency == largest.background_efficiency
    assert trials.z <= trials.z_local == largest.z
    assert trials.p >= trials.p_local == largest.p0
    assert trials.calculator == largest.calculator
    assert isinstance(trials.extrapolated, bool)


def test_errors_of_the_signal_enter_the_fit(finished, folder, configure):
    errors = ("fit.luminosity_error=0.2", "fit.mass_scale_error=0.02", "fit.resolution_error=0.1")
    STUDY.run(configure(*errors), folder, until="fit")
    plain, wide = (Results.from_json(one / "results.json").cuts[0] for one in (finished, folder))
    assert wide.mu_up_exp[4] > plain.mu_up_exp[4]
    text = (folder / "workspaces" / "eps0.1.json").read_text(encoding="utf-8")
    assert all(f'"{name}"' in text for name in ("luminosity", "signal_mass_scale", "signal_resolution"))


def test_until_stops_there_and_goes_on_later(configure, tmp_path, forbid):
    assert STUDY.run(configure(), tmp_path, until="features") is None
    (features,) = (tmp_path / "stages").iterdir()
    assert {path.name for path in features.iterdir()} == {"step.json", "data.h5", "signal.h5"}
    forbid("features")
    assert STUDY.run(configure("method.epochs=1"), tmp_path, until="background") is None
    assert (tmp_path / "stages" / "background").is_dir()
    assert not (tmp_path / "stages" / "scores").exists()


def test_figures_are_drawn_from_the_results(folder, configure, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "hepflow.plots.figure.save_all", lambda figures, out: drawn.append((dict(figures), out)) or []
    )
    results = STUDY.run(configure(), folder)
    ((figures, out),) = drawn
    assert out == folder / "figures"
    assert {f"spectrum_{cut.name}" for cut in results.cuts} < set(figures)


def test_real_data(configure, tmp_path):
    """No truth, no signal: nothing that needs them, and limits in events."""
    config = configure(
        "selection.background_efficiency=[0.1]", data="real.h5", without=("signal", "injection")
    )
    results = STUDY.run(config, tmp_path, until="fit")
    assert results.truth is None
    assert results.closure.auc_signal_region is None
    assert "one signal event" in results.signal_unit
    for cut in (results.inclusive, *results.cuts):
        assert cut.signal_efficiency is None
        assert cut.sic is None
    assert abs(results.inclusive.pull) < 3.5
    assert not (tmp_path / "stages" / "features" / "signal.h5").exists()
    assert load_sample(tmp_path / "stages" / "features" / "data.h5").label is None


def test_truth_changes_nothing_but_what_judges(configure, tmp_path):
    """The same events without their labels: the same templates, scores and fits."""
    options = {"without": ("signal", "injection")}
    found = []
    for data in ("real.h5", "data.h5"):
        config = configure("selection.background_efficiency=[0.1]", data=data, **options)
        found.append(STUDY.run(config, tmp_path / data, until="fit"))
    for one, other in zip(
        (found[0].inclusive, *found[0].cuts), (found[1].inclusive, *found[1].cuts), strict=True
    ):
        assert (one.n_obs, one.n_exp, one.threshold, one.z, one.mu_up_obs) == (
            other.n_obs,
            other.n_exp,
            other.threshold,
            other.z,
            other.mu_up_obs,
        )


@pytest.mark.parametrize(
    ("overrides", "options", "error", "message"),
    [
        (
            ["method.batch_size=4096"],
            {},
            InputError,
            r"2 flows: 1,\d+ events cannot train a network in batches of 4096",
        ),
        (
            ["regions.signal=[6000, 6500]", "regions.sidebands=[[5000, 6000], [6500, 7000]]"],
            {},
            InputError,
            "no event in the signal region 6000-6500 GeV: the data hold 2500 to",
        ),
        (["injection.events=600"], {}, ConfigError, "cannot inject 600 events: the signal sample holds 600"),
        ([], {"data": "weighted.h5"}, ConfigError, "the events of the data carry different weights"),
        ([], {"data": "absent.h5"}, InputError, "absent.h5"),
        (["features=[m_J1, tau32]"], {}, InputError, "no feature 'tau32'; did you mean 'tau21'"),
    ],
)
def test_bad_input(configure, tmp_path, overrides, options, error, message):
    out = tmp_path / "run"
    with pytest.raises(error, match=message):
        STUDY.run(configure(*overrides, **options), out, until="fit")
    assert not (out / "results.json").exists()
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.parametrize("looser", [[0.1], []])
def test_a_cut_that_is_too_tight_is_left_out_and_told(folder, configure, caplog, looser):
    found = STUDY.run(configure(f"selection.background_efficiency={[*looser, 0.0001]}"), folder)
    assert [cut.background_efficiency for cut in found.cuts] == looser
    (left_out,) = (one for one in found.failed if one.check == "cut")
    assert left_out.name == "cut at eps_B 0.0001"
    assert re.match(
        r"a cut is left out: background efficiency 0\.0001: only \d+ template events", left_out.sentence
    )
    assert left_out.name in STUDY.failed(found)
    assert text(found).splitlines()[0].startswith("FAILED")
    assert "only" in caplog.text
    assert Results.from_json(folder / "results.json") == found
    assert left_out.sentence[:60] in (folder / "report.html").read_text()
    assert r"0.01\%" in paragraph(found, "bdt").splitlines()[0]


def test_a_fit_that_fails_names_its_cut(folder, configure, monkeypatch):
    def fails(*args, **options):
        raise FitError("no minimum")

    monkeypatch.setattr("hepflow.studies.analysis.fits.bump_hunt", fails)
    shutil.rmtree(folder / "stages" / "fit")
    shutil.rmtree(folder / "stages" / "results")
    with pytest.raises(FitError, match="inclusive: no minimum"):
        STUDY.run(configure(), folder, until="fit")


@pytest.mark.parametrize("override", ["name=other", "seed=2", "injection.events=61"])
def test_a_folder_of_another_run(folder, configure, override):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="belongs to another run"):
        STUDY.run(configure(override), folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_check_reports_what_will_be_read(configure):
    lines = check(configure()).lines
    assert "data: 1 file(s), 3,000 events, format hepflow" in lines
    assert any("signal region: " in line for line in lines)
    with pytest.raises(InputError, match="no event in the signal region"):
        check(configure("regions.signal=[6000, 6500]", "regions.sidebands=[[5000, 6000], [6500, 7000]]"))


def test_systematic_effects_of_the_signal_are_fitted(configure, inputs, toy, tmp_path):
    """Other events and other weights of the signal become shapes with nuisance parameters of their names."""
    signal = toy.signal(600, seed=2)
    save_sample(replace(signal, mass=1.02 * signal.mass), inputs / "signal_up.h5")
    save_sample(replace(signal, mass=0.98 * signal.mass), inputs / "signal_down.h5")
    config = configure(
        "inputs.signal.variations={jes: {up: {path: signal_up.h5}, down: {path: signal_down.h5}}}",
        "regions.validation=0",
        "selection.background_efficiency=[0.1]",
    )
    STUDY.run(config, tmp_path / "run", until="fit")
    for cut in ("inclusive", "eps0.1"):
        workspace = json.loads((tmp_path / "run" / "workspaces" / f"{cut}.json").read_text("utf-8"))
        signals = [s for c in workspace["channels"] for s in c["samples"] if s["name"] == "signal"]
        (shape,) = (m for m in signals[0]["modifiers"] if m["name"] == "jes" and m["type"] == "histosys")
        assert shape["data"]["hi_data"] != shape["data"]["lo_data"]
    inputs.joinpath("signal_up.h5").touch()
    left = STUDY.dry_run(config, tmp_path / "run")
    assert "signal_up.h5" in left["variations"]
    assert left["features"] is left["background"] is None
    assert left["scores"] == "after variations"
