"""What a run folder says of itself: its status, what would run, its provenance, and whether it comes out again."""

import json
import os
import shutil

import pytest

from hepflow.engine.provenance import REPORTING
from hepflow.engine.status import status
from hepflow.errors import InputError
from hepflow.studies.reproduce import reproduce
from hepflow.studies.search.study import STUDY

pytestmark = pytest.mark.usefixtures("_quick_closure")


def test_a_finished_run(finished, configure):
    found = status(finished)
    assert (found.outcome, found.holder) == ("done", None)
    assert {one.state for one in found.steps} == {"done"}
    assert next(one.step for one in found.steps) == "features"
    assert all(one.seconds is not None and one.made.endswith("+00:00") for one in found.steps)
    planned = STUDY.dry_run(configure(), finished)
    assert {step for step, why in planned.items() if why is None} == {one.step for one in found.steps}
    assert planned["figures"] == planned["report"] == "not done yet"


def test_a_dry_run_writes_nothing(configure, tmp_path):
    planned = STUDY.dry_run(configure(), tmp_path / "run")
    assert set(planned.values()) == {"not done yet"}
    assert next(iter(planned)) == "features"
    assert not (tmp_path / "run").exists()
    assert set(STUDY.dry_run(configure(), tmp_path / "run", until="features")) == {"features"}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(InputError("no luck"), "failed: no luck"), (KeyboardInterrupt(), "interrupted")],
)
def test_a_run_that_ended_early(configure, tmp_path, monkeypatch, error, outcome):
    def fails(*arguments, **options):
        raise error

    monkeypatch.setattr("hepflow.studies.analysis.scores.classifier_of", fails)
    with pytest.raises(type(error)):
        STUDY.run(configure(), tmp_path / "run", until="fit")
    found = status(tmp_path / "run")
    assert found.outcome == outcome
    states = {one.step: (one.state, one.why) for one in found.steps}
    assert states["background"] == ("done", None)
    assert states["scores"] == states["results"] == ("left", "not done yet")


def test_a_run_whose_report_was_not_made(folder, configure, monkeypatch):
    def fails(page, out):
        raise OSError("no space")

    monkeypatch.setattr("hepflow.plots.figure.save_all", lambda figures, folder: [])
    monkeypatch.setattr("hepflow.report.page.write_page", fails)
    with pytest.raises(OSError, match="no space"):
        STUDY.run(configure(), folder)
    assert status(folder).outcome == "failed: no space"
    path = folder / "provenance.json"
    content = json.loads(path.read_text("utf-8"))
    content["runs"][-1]["outcome"] = REPORTING  # as a process leaves it that is killed meanwhile
    path.write_text(json.dumps(content), "utf-8")
    found = status(folder)
    assert found.outcome == "killed"
    assert [one.step for one in found.steps if one.state == "left"] == ["report"]


def test_every_step_has_a_line_in_the_log(finished):
    lines = (finished / "run.log").read_text("utf-8")
    done = [one.step for one in status(finished).steps]
    assert [line.split(": ")[1] for line in lines.splitlines() if " done in " in line] == done


def test_provenance_says_how_a_run_was_made(finished, configure, inputs):
    (entry,) = json.loads((finished / "provenance.json").read_text("utf-8"))["runs"]
    assert entry["outcome"] == "done"
    assert entry["config_hash"] == configure().hash()
    assert {os.path.basename(file) for file in entry["inputs"]} == {"data.h5", "signal.h5"}  # noqa: PTH119
    assert {known[0] for known in entry["inputs"].values()} == {
        (inputs / name).stat().st_size for name in ("data.h5", "signal.h5")
    }
    assert set(entry["seconds_of_steps"]) == set(entry["steps"])
    assert sum(entry["seconds_of_steps"].values()) <= entry["seconds"]
    assert {"python", "hepflow", "torch"} <= set(entry["versions"])
    assert entry["machine"]["cores"] == os.cpu_count()


def test_the_same_comes_out_again(finished, tmp_path):
    found = reproduce(finished, tmp_path / "again")
    assert (found.differences, found.files, found.versions) == ({}, (), {})


@pytest.mark.parametrize(
    ("elsewhere", "threads"),
    [((), 3), (("executor={name: processes}", "executor.workers=2"), 3), (("executor.threads=2",), 2)],
)
def test_it_is_done_again_with_as_many_threads(
    finished, configure, tmp_path, monkeypatch, elsewhere, threads
):
    made, folder = [], shutil.copytree(finished, tmp_path / "run")
    config = configure("executor={name: dask, threads: 3, memory: 1GB}")
    (folder / "config.yaml").write_text(config.to_yaml(folder), "utf-8")
    shutil.copytree(finished, tmp_path / "again")
    monkeypatch.setattr(STUDY, "run", lambda config, out, **options: made.append(config))
    assert reproduce(folder, tmp_path / "again", elsewhere).differences == {}
    assert [config.executor.threads for config in made] == [threads]


def test_what_came_out_differently_is_told(folder, tmp_path, believe):
    path = folder / "results.json"
    content = json.loads(path.read_text("utf-8"))
    was = content["cuts"][0]["n_obs"]
    content["cuts"][0]["n_obs"] = was + 1
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(InputError, match=r"results\.json: changed since it was written"):
        reproduce(folder, tmp_path / "again")
    assert status(folder).changed == ("results.json",)
    believe(folder, "results")
    path = folder / "provenance.json"
    content = json.loads(path.read_text("utf-8"))
    content["runs"][-1]["versions"]["torch"] = "1.0"
    path.write_text(json.dumps(content), "utf-8")
    step = folder / "stages" / "features" / "step.json"
    record = json.loads(step.read_text("utf-8"))
    file = next(iter(record["made_from"]["files"]))
    record["made_from"]["files"][file][2] = "another"
    step.write_text(json.dumps(record), "utf-8")
    found = reproduce(folder, tmp_path / "again")
    assert found.differences == {"cuts[0].n_obs": (was + 1, was)}
    assert found.files == (f"{file} has another content",)
    assert {name: then for name, (then, _) in found.versions.items()} == {"torch": "1.0"}


def test_nothing_to_reproduce(configure, tmp_path):
    STUDY.run(configure(), tmp_path / "run", until="features")
    with pytest.raises(
        InputError, match=r"run: none of results\.json, .* there; expected the folder of a finished run, "
    ):
        reproduce(tmp_path / "run", tmp_path / "again")
