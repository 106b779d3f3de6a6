"""The command line: what goes where, exit codes, and what a person reads when something is wrong."""

import json
import logging
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_up import results as made_up
from tqdm import tqdm

from hepflow.cli import cli
from hepflow.cli.run import STAGES
from hepflow.config import load_config
from hepflow.engine.unblinding import Unblinding
from hepflow.errors import FitError, InputError
from hepflow.parts import ClosureRecord
from hepflow.storage import load_sample
from hepflow.studies.checking import Checked
from hepflow.studies.known import study
from hepflow.studies.search.text import text as summary

CUT = replace(
    made_up.CUT,
    threshold=2.34567,
    n_obs=190.0,
    n_exp=128.91,
    n_exp_error=12.3,
    z=5.432,
    p0=2.8e-8,
    mu_hat=1.1,
    mu_up_obs=1.9,
    mu_up_exp=(0.1, 0.2, 0.3, 0.4, 0.5),
    z_expected=4.321,
)
REGIONS = {"signal": [3300, 3700], "sidebands": [[2500, 3300], [3700, 5000]]}
RESULTS = replace(made_up.RESULTS, name="search", regions=REGIONS, cuts=(CUT,), trials=None)
BLINDED = replace(made_up.hidden(RESULTS), inclusive=replace(RESULTS.inclusive, sic=None))


@pytest.fixture
def stages(stand_in, monkeypatch):
    """Stand in for the search and the check; `calls` are what the search was asked for."""
    fake = SimpleNamespace(raises=None, problems=())

    def run(asked):
        if fake.raises is not None:
            raise fake.raises
        logging.getLogger("hepflow.engine").info("a stage")
        if asked.until not in (None, "fit", "figures"):
            return None
        Path(asked.out).mkdir(parents=True)
        found = RESULTS if asked.unblind or not asked.config.fit.blind else BLINDED
        found.write(Path(asked.out) / "results.json")
        return found

    def check(config):
        if fake.raises is not None:
            raise fake.raises
        return Checked((f"data: {config.inputs.data.path[0]}",), fake.problems)

    fake.calls = stand_in("search", run)
    monkeypatch.setattr("hepflow.studies.search.check.check", check)
    return fake


@pytest.fixture
def blinded(hepflow):
    assert hepflow("init", "c.yaml")[0] == 0
    return "c.yaml"


@pytest.fixture
def config(blinded):
    path = Path(blinded)
    path.write_text(path.read_text("utf-8").replace("blind: true", "blind: false"), "utf-8")
    return blinded


def test_help_version_and_citation(hepflow):
    code, out, err = hepflow("--help")
    assert (code, err) == (0, "")
    assert all(name in out for name in cli.commands)
    assert hepflow("--version")[1].startswith("hepflow 0.")
    code, out, _ = hepflow("--cite")
    assert code == 0
    assert "2109.00546" in out


def test_env(hepflow):
    assert "torch" in hepflow("env")[1]
    code, out, _ = hepflow("env", "--json")
    assert code == 0
    assert json.loads(out)["python"].startswith("3.")


@pytest.mark.parametrize(
    "arguments", [["rnu"], ["run"], ["run", "c.yaml", "--until", "lunch"], ["--nothing"]]
)
def test_wrong_usage(hepflow, arguments):
    code, out, err = hepflow(*arguments)
    assert (code, out) == (2, "")
    assert "Error" in err


def test_init_writes_a_valid_configuration_once(hepflow, config):
    assert load_config(config).name == "search"
    code, _, err = hepflow("init", config)
    assert code == 2
    assert "--force" in err
    assert hepflow("init", config, "--force")[0] == 0
    code, _, err = hepflow("init", "none/c.yaml")
    assert code == 1
    assert "no folder" in err


def test_check(hepflow, config, stages):
    code, out, _ = hepflow("check", config, "--set", "inputs.data.path=mine.h5")
    assert (code, out) == (0, "data: mine.h5\nc.yaml: ready to run\n")
    assert json.loads(hepflow("check", config, "--json")[1])["messages"] == ["data: demo:data.h5"]
    stages.raises = InputError("events.h5: no such file")
    code, out, err = hepflow("check", config)
    assert (code, out, err) == (1, "", "error: events.h5: no such file\n")


def test_check_of_what_would_not_give_a_result(hepflow, config, stages):
    stages.problems = ("the dijet function does not describe the sidebands",)
    code, out, err = hepflow("check", config)
    assert code == 4
    assert out == "data: demo:data.h5\nc.yaml: not ready, see below\n"
    assert "does not describe the sidebands" in err
    assert json.loads(hepflow("check", config, "--json")[1])["problems"] == list(stages.problems)


@pytest.mark.parametrize("name", ["data.root", "notes.yaml", "table"])
def test_init_replaces_nothing_but_configurations(hepflow, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(b"- root: 1\n\xff" if name == "data.root" else b"- a list\n- of notes\n")
    before = Path(name).read_bytes()
    for arguments in ([], ["--force"]):
        code, _, err = hepflow("init", name, *arguments)
        assert code == 2
        assert f"did you mean `hepflow init search.yaml --data {name}`?" in err
    assert Path(name).read_bytes() == before
    Path(name).unlink()
    if name == "data.root":  # nor is a configuration written under such a name
        assert hepflow("init", name)[0] == 2
        assert not Path(name).exists()


@pytest.mark.parametrize("given", ["some/dimuons.csv", "some/dim*.csv", "some/dimuons.h5"])
def test_init_takes_events_as_the_data(hepflow, tmp_path, given):
    Path("some").mkdir()
    random = np.random.default_rng(1)
    columns = {"m_mumu": 60 * random.random(3000) ** (-1 / 4), "iso": random.random(3000)}
    if given.endswith("h5"):
        with h5py.File(given, "w") as file:
            for name, values in columns.items():
                file[name] = values
    else:
        rows = "\n".join(f"{a},{b}" for a, b in zip(*columns.values(), strict=True))
        Path("some/dimuons.csv").write_text(f"m_mumu,iso\n{rows}\n")
    name = "dimuons" if "*" not in given else "dim"
    events = {path: path.read_bytes() for path in Path("some").iterdir()}
    code, _, err = hepflow("init", given)
    assert (code, err.splitlines()[0]) == (
        0,
        f"{given} is taken as the data; the configuration is {name}.yaml",
    )
    config = load_config(f"{name}.yaml")
    assert (config.inputs.data.path, config.inputs.data.format) == ((given,), "table")
    assert config.resonance.called == "m_mumu"
    assert hepflow("init", given)[0] == 2  # the configuration is there
    assert hepflow("init", given, "--force")[0] == 0
    Path(f"{name}.yaml").write_text("- my notes\n")
    code, _, err = hepflow("init", given, "--force")
    assert code == 2
    assert "is no configuration of hepflow: it is not replaced" in err
    assert Path(f"{name}.yaml").read_text() == "- my notes\n"
    assert events == {path: path.read_bytes() for path in Path("some").iterdir()}


def test_init_replaces_an_empty_file_and_a_wrong_configuration(hepflow, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for text in ("", "inputs: {}\nclasifier: x\n"):
        Path("c.yaml").write_text(text, "utf-8")
        assert hepflow("init", "c.yaml", "--force")[0] == 0
        assert load_config("c.yaml").name == "search"


def test_init_says_what_else_can_be_run(hepflow, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, _, err = hepflow("init", "c.yaml")
    assert "`hepflow run c.yaml --scan` works with it, too" in err
    assert "`hepflow compare c.yaml` wants more: fit.blind: a comparison shows" in err
    assert "`hepflow limit c.yaml --retrain` wants more: --retrain adds signal to the data" in err


def test_configuration_errors_exit_with_2(hepflow, config, stages):
    code, _, err = hepflow("check", config, "--set", "clasifier.folds=3")
    assert code == 2
    assert "did you mean 'classifier'" in err
    assert hepflow("run", "none.yaml")[0] == 2


def test_run_prints_the_table(hepflow, config, stages):
    code, out, err = hepflow("run", config, "--set", "seed=7")
    assert code == 0
    assert "190" in out
    assert "129 +- 12" in out
    assert "Z = 5.43 (eps_B 0.01)" in out
    assert "a stage" in err
    assert "results.json, figures and report.html in runs/search" in err
    (asked,) = stages.calls
    assert (asked.config.seed, asked.out, asked.until) == (7, "runs/search", None)


def test_run_json_is_the_file(hepflow, config, stages):
    code, out, err = hepflow("--quiet", "run", config, "--out", "here", "--json")
    assert code == 0
    assert json.loads(out) == json.loads(Path("here/results.json").read_text("utf-8"))
    assert "a stage" not in err


@pytest.mark.parametrize(("flags", "shown"), [((), True), (("--quiet",), False)])
def test_quiet_shows_no_bars_on_a_terminal(hepflow, config, stages, monkeypatch, flags, shown):
    def check(config):
        for _ in tqdm(range(3), desc="events", disable=None):
            pass
        return []

    monkeypatch.setattr("hepflow.studies.search.check.check", check)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert ("events" in hepflow(*flags, "check", config)[2]) is shown


def test_run_until(hepflow, config, stages):
    code, out, err = hepflow("run", config, "--until", "scores")
    assert (code, out) == (0, "")
    assert "stopped after 'scores'" in err


def test_a_run_until_the_fit_names_no_figures(hepflow, config, stages):
    assert hepflow("run", config)[2].endswith("results.json, figures and report.html in runs/search\n")
    assert hepflow("run", config, "--until", "fit", "--out", "fitted")[2].endswith(
        "\nresults.json in fitted\n"
    )


@pytest.mark.parametrize(
    ("task", "options", "out"),
    [
        ("comparison", (), "runs/search-comparison"),
        ("limits", (), "runs/search-limits"),
        ("tuning", (), "runs/search-tuning"),
        ("windows", (), "runs/search-scan"),
        ("comparison", ("--scan",), "runs/search-scan"),
        ("comparison", ("--out", "here"), "here"),
    ],
)
def test_a_run_is_of_the_study_that_the_configuration_says(hepflow, config, stand_in, task, options, out):
    def run(asked):
        raise InputError("that is all")

    asked = stand_in("windows" if "--scan" in options else task, run)
    assert hepflow("run", config, "--set", f"task={task}", *options)[::2] == (1, "error: that is all\n")
    assert [one.out for one in asked] == [out]


def test_other_studies_have_no_stages(hepflow, config):
    code, _, err = hepflow("run", config, "--set", "task=comparison", "--until", "scores")
    assert code == 2
    assert "`hepflow compare CONFIG` has no stages to stop after" in err


def test_a_task_that_there_is_not(hepflow, config):
    code, _, err = hepflow("run", config, "--set", "task=comparisn")
    assert code == 2
    assert "task: no task 'comparisn'; did you mean 'comparison'" in err


def test_init_blinds_and_unblind_shows(hepflow, blinded, stages):
    code, out, _ = hepflow("run", blinded)
    assert code == 0
    *_, cut, _, first, second = out.splitlines()
    wanted = "eps_B 0.01 2.35 blinded 129 +- 12 - - - - 0.3 (0.2-0.4) 4.32"
    assert " ".join(cut.split()) == wanted
    assert "no data of the signal region behind a cut" in first
    assert "--unblind" in second
    assert "largest local significance" not in out
    assert max(map(len, out.splitlines())) <= 120
    assert hepflow("fit", "runs/search")[1] == out
    out = hepflow("run", blinded, "--out", "seen", "--unblind", "--unblind-by", "Emmy")[1]
    assert "Z = 5.43 (eps_B 0.01)" in out
    assert "blinded" not in out
    assert [(one.unblind, one.by) for one in stages.calls] == [(False, None), (True, "Emmy")]
    code, _, err = hepflow("run", blinded, "--unblind-by", "Emmy")
    assert code == 2
    assert "give --unblind with it" in err


def test_summary_marks_an_extrapolated_trials_factor():
    trials = made_up.RESULTS.trials
    text = summary(replace(RESULTS, trials=trials))
    assert "selections (factor 3.7, extrapolated from toys): Z = 6.87, p = (1.15 +- 0.12)e-12" in text
    assert max(map(len, text.splitlines())) <= 120
    by_toys = summary(replace(RESULTS, trials=replace(trials, extrapolated=False)))
    assert "selections (factor 3.7): Z = 6.87" in by_toys


def test_summary_says_who_unblinded():
    seen = Unblinding("Emmy", "2026-01-02T03:04:05+00:00", "0123456789abcdef")
    text = summary(replace(RESULTS, unblinded=(seen,)))
    assert "unblinded by Emmy, 2026-01-02T03:04:05+00:00, configuration 0123456789abcdef" in text
    assert "Z exp" not in text


def test_demo(hepflow, stages):
    code, out, _ = hepflow("demo")
    assert code == 0
    assert "signal region 3300-3700 GeV" in out
    (asked,) = stages.calls
    assert (asked.config.name, asked.out) == ("demo", "runs/demo")
    assert asked.config.injection.events > 0


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (FitError("no minimum"), 3, "error: no minimum"),
        (InputError("bad file"), 1, "error: bad file"),
        (
            KeyboardInterrupt(),
            130,
            "interrupted; what is done stays in runs/search, and the same command goes on",
        ),
        (OSError(28, "No space left on device", "x"), 1, "error: [Errno 28] No space left on device: 'x'"),
        (MemoryError(), 1, "error: there is not enough memory"),
        (ZeroDivisionError("division by zero"), 1, "unexpected ZeroDivisionError: division by zero"),
    ],
)
def test_what_goes_wrong_in_a_run(hepflow, config, stages, monkeypatch, error, code, text):
    stages.raises = error
    ended, out, err = hepflow("run", config)
    assert (ended, out) == (code, "")
    assert text in err
    assert "Traceback" not in err
    if not isinstance(error, KeyboardInterrupt):
        monkeypatch.setenv("HEPFLOW_DEBUG", "1")
        assert "Traceback" in hepflow("run", config)[2]


def test_debug_shows_the_traceback(hepflow, config, stages, monkeypatch):
    monkeypatch.setenv("HEPFLOW_DEBUG", "")
    stages.raises = ZeroDivisionError()
    assert "Traceback" in hepflow("--debug", "run", config)[2]


def test_interrupt_of_another_command(hepflow, config, stages):
    stages.raises = KeyboardInterrupt()
    code, _, err = hepflow("check", config)
    assert code == 130
    assert err.endswith("interrupted\n")


def test_plot(hepflow, monkeypatch, config, stages):
    drawn = []
    monkeypatch.setattr("hepflow.studies.search.figures.figures", lambda results, label: results)
    monkeypatch.setattr(
        "hepflow.studies.show.save_all",
        lambda results, folder, formats: drawn.append((results, str(folder))) or [folder / "one.pdf"],
    )
    code, _, err = hepflow("plot", "runs/search")
    assert code == 1
    assert "none of results.json, scan.json" in err
    hepflow("run", config)
    assert hepflow("plot", "runs/search")[0] == 0
    assert drawn == [(RESULTS, "runs/search/figures")]


@pytest.fixture
def spectrum(tmp_path):
    """A falling spectrum of 30 bins with a bump at 3500 GeV, as CSV."""
    edges = np.linspace(2500, 5500, 31)
    centres = (edges[1:] + edges[:-1]) / 2
    counts = np.round(20_000 * np.exp(-(centres - 2500) / 400))
    expected = counts.copy()
    counts += np.round(300 * np.exp(-0.5 * ((centres - 3500) / 80) ** 2))
    for name, values in (("mjj.csv", counts), ("template.csv", expected)):
        rows = [f"{low},{high},{count}" for low, high, count in zip(edges, edges[1:], values, strict=False)]
        (tmp_path / name).write_text("low,high,count\n" + "\n".join(rows) + "\n")


REGION = ("--signal-region", 3300, 3700)


def test_fit_spectrum_and_its_workspace(hepflow, spectrum):
    code, out, _ = hepflow("fit", "mjj.csv", *REGION, "--workspace-out", "w.json")
    assert code == 0
    assert out.startswith("Z = ")
    found = json.loads(hepflow("fit", "mjj.csv", *REGION, "--json")[1])
    assert found["z"] > 4
    assert json.loads(hepflow("fit", "w.json", "--json")[1])["z"] == pytest.approx(found["z"], rel=1e-3)
    code, _, err = hepflow("fit", "w.json", *REGION)
    assert code == 2
    assert "holds its own regions" in err


def test_fit_options_reach_the_fit(hepflow, spectrum):
    plain = json.loads(hepflow("fit", "mjj.csv", *REGION, "--json")[1])
    bands = ("--sideband", 2700, 3300, "--sideband", 3700, 5000)
    gaussian = ("--signal-mass", 3500, "--signal-width", 80)
    for options in (bands, gaussian, ("--sqrt-s", 14000)):
        assert json.loads(hepflow("fit", "mjj.csv", *REGION, *options, "--json")[1]) != plain
    template = ("--background", "template", "--template", "template.csv")
    assert json.loads(hepflow("fit", "mjj.csv", *REGION, *template, "--json")[1])["z"] > 4


def test_fit_says_what_is_missing(hepflow, spectrum, tmp_path):
    code, _, err = hepflow("fit", "mjj.csv")
    assert code == 2
    assert "from 2500 to 5500 GeV; give --signal-region" in err
    assert hepflow("fit", "mjj.csv", *REGION, "--background", "template")[0] == 2
    (tmp_path / "other.csv").write_text("1,2,3\n2,3,4\n")
    code, _, err = hepflow("fit", "mjj.csv", *REGION, "--background", "template", "--template", "other.csv")
    assert code == 2
    assert "different bins" in err
    code, _, err = hepflow("fit", "none.csv", *REGION)
    assert code == 1
    assert "none.csv" in err


def test_fit_shows_a_finished_run(hepflow, config, stages):
    hepflow("run", config)
    assert "Z = 5.43" in hepflow("fit", "runs/search")[1]
    shown, file = json.loads(hepflow("fit", "runs/search", "--json")[1]), Path("runs/search/results.json")
    assert shown == json.loads(file.read_text("utf-8"))
    del shown["cuts"][0]["n_exp"]
    file.write_text(json.dumps(shown))
    for command in ("fit", "plot"):
        code, _, err = hepflow(command, "runs/search")
        assert code == 1
        assert err.startswith(
            "error: runs/search/results.json: damaged: not as hepflow writes it (cuts.0.n_exp: "
        )


def test_features(hepflow):
    """Two good events, one with a single jet, in GeV and in MeV."""
    columns = {f"{q}{i}": [float(i)] * 3 for i in (1, 2) for q in ("eta", "phi", "tau1", "tau2")}
    columns |= {"pt1": [900.0] * 3, "pt2": [800.0, 700.0, 0.0], "m1": [100.0] * 3, "m2": [200.0, 50.0, 0.0]}
    pq.write_table(pa.table(columns), "jets.parquet")
    names = {"pt": "pt1,pt2", "eta": "eta1,eta2", "phi": "phi1,phi2", "mass": "m1,m2"}
    branches = [text for quantity, name in names.items() for text in ("--branch", f"{quantity}={name}")]
    reading = ["features", "jets.parquet", "--format", "custom", *branches, "--features", "m_J1,dm_J"]
    code, out, err = hepflow(*reading, "-o", "s.h5")
    assert code == 0
    assert out.splitlines()[0].split() == ["events", "read", "3"]
    assert out.splitlines()[-1].split() == ["events", "kept", "2"]
    assert "wrote s.h5" in err
    assert load_sample("s.h5").feature("m_J1") == pytest.approx([100.0, 50.0])
    code, _, err = hepflow(*reading, "-o", "s.h5")
    assert code == 2
    assert "--force" in err
    cutflow = json.loads(hepflow(*reading, "-o", "s.h5", "--force", "--json")[1])["cutflow"]
    assert cutflow[0] == ["events read", 3]
    assert hepflow(*reading, "--branch", "tau1", "-o", "t.h5")[0] == 2
    assert hepflow(*reading, "--unit", "MeV", "-o", "t.h5")[0] == 1


def test_warnings_read_as_messages(hepflow, config, stages, monkeypatch):
    def check(config):
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("take care", stacklevel=1)
        return Checked(())

    monkeypatch.setattr("hepflow.studies.search.check.check", check)
    logger = logging.getLogger("hepflow")
    before = warnings.showwarning, logger.handlers[:], logger.level
    assert hepflow("check", config)[2] == "warning: take care\n"
    assert (warnings.showwarning, logger.handlers, logger.level) == before


def test_stages_are_those_of_the_search():
    assert study("search").stages == STAGES


def test_summary_without_truth_or_limits():
    unknown = dict.fromkeys(("threshold", "z", "p0", "mu_hat", "mu_up_obs", "sic"))
    bare = replace(CUT, n_obs=5, n_exp=4.0, n_exp_error=0.0, mu_up_exp=(None,) * 5, **unknown)
    text = summary(
        replace(
            RESULTS,
            inclusive=bare,
            cuts=(replace(bare, background_efficiency=0.1),),
            closure=ClosureRecord(None, None, None),
        )
    )
    assert "SIC" not in text
    assert "largest" not in text
    assert text.splitlines()[-1].split() == ["eps_B", "0.1", "-", "5", "4", "-", "-", "-", "-", "-"]


def test_summary_is_narrow_enough_for_a_terminal():
    text = summary(RESULTS)
    assert max(map(len, text.splitlines())) <= 120
