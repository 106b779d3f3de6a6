"""A whole run for others: complete, whole or not at all, and nothing that is hidden or lies elsewhere."""

import json
import tarfile
from dataclasses import replace
from functools import partial
from importlib.util import find_spec

import numpy as np
import pytest

from hepflow import ConfigError, InputError
from hepflow.classifiers import BoostedTrees, CrossFit
from hepflow.cli.export import PARTS as OFFERED
from hepflow.export import export_run
from hepflow.export import run as export_module
from hepflow.export.run import PARTS, WEIGHTS
from hepflow.flows import Density, TrainingPlan, spline_autoregressive
from hepflow.records import write_json
from hepflow.sample import Sample
from hepflow.selection import Scorer, load_weights, save_weights
from hepflow.selection.scores import SampleFolds
from hepflow.stats import workspace

CUTS = ("inclusive", "eps0.01", "eps0.001")
WORKSPACES = tuple(f"workspaces/{name}.json" for name in sorted(CUTS))
HISTOGRAMS = ("histograms.json", "histograms.root")


def names_in(folder):
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


@pytest.fixture
def folder(results, points, tmp_path):
    """Return the folder of a run without weights."""
    (tmp_path / "run" / "workspaces").mkdir(parents=True)
    results.write(tmp_path / "run" / "results.json")
    for name in CUTS:
        write_json(tmp_path / "run" / "workspaces" / f"{name}.json", points[0][1])
    return tmp_path / "run"


@pytest.fixture(scope="module")
def trained():
    """Return a classifier with scores and folds, and a density."""
    random = np.random.default_rng(1)
    sample = Sample(random.uniform(2500, 5000, 400), random.normal(size=(400, 2)), ("a", "b"))
    trees = BoostedTrees(1, max_iter=3, min_samples_leaf=20).fit(sample.select(slice(0, 200)), sample, seed=1)
    folds = dict.fromkeys(
        ("data", "template", "sidebands", "validation", "signal"), np.zeros(3, dtype=np.intp)
    )
    scorer = Scorer(CrossFit(np.ones(3), np.zeros(3), (trees,)), SampleFolds(**folds))
    plan = TrainingPlan(epochs=1, batch_size=64, best_epochs=1)
    flow = partial(spline_autoregressive, layers=1, hidden=4)
    return scorer, Density(flow, plan, members=1).fit(sample, seed=1), sample


def keep_weights(folder, trained):
    for path, weights in zip(WEIGHTS, trained[:2], strict=True):
        (folder / path).parent.mkdir(parents=True)
        save_weights(folder / path, weights)


def blind(results, folder, workspaces):
    """Make the run a blinded one."""
    hidden = dict.fromkeys(("n_obs", "pull", "z", "p0", "mu_hat", "mu_hat_error", "mu_up_obs"))
    record = replace(results.inclusive.spectrum, observed=(None, 90.0))
    cuts = tuple(replace(cut, **hidden, spectrum=record, blind=True) for cut in results.cuts)
    replace(results, cuts=cuts).write(folder / "results.json")
    for name in CUTS[1:]:
        write_json(folder / "workspaces" / f"{name}.json", workspaces)


@pytest.mark.skipif(find_spec("hepdata_lib") is None, reason="needs hepflow[hepdata]")
def test_a_whole_run(folder, trained):
    keep_weights(folder, trained)
    exported = export_run(folder)
    model = ("weights/classifier.onnx",) if find_spec("onnx") else ()
    weights = (*model, "weights/classifier.safetensors", "weights/density.safetensors")
    assert exported.files == ("hepdata.tar.gz", *HISTOGRAMS, *weights, *WORKSPACES)
    assert exported.folder == folder / "export"
    assert names_in(exported.folder) == sorted(["export.json", *exported.files])
    about = json.loads((folder / "export" / "export.json").read_text())
    assert about["files"] == list(exported.files)
    assert about["blinded"] is False
    for name in WORKSPACES:
        assert (folder / "export" / name).read_bytes() == (folder / name).read_bytes()
    with tarfile.open(folder / "export" / "hepdata.tar.gz") as archive:
        inside = archive.getnames()
    assert {f"{name}.json" for name in CUTS} < set(inside)
    assert "cutflow.yaml" in inside


def test_weights_go_without_the_scores_of_events(folder, trained):
    keep_weights(folder, trained)
    (scorer, density, sample), out = trained, folder / "export" / "weights"
    export_run(folder, only=["weights"])
    fit = load_weights(out / "classifier.safetensors", CrossFit)
    assert len(fit.numerator) == len(fit.denominator) == 0
    np.testing.assert_array_equal(fit.log_ratio(sample), scorer.fit.log_ratio(sample))
    back = load_weights(out / "density.safetensors", Density)
    np.testing.assert_array_equal(
        back.log_prob(sample.features, sample.mass), density.log_prob(sample.features, sample.mass)
    )


def test_a_run_without_weights_says_so(folder):
    with pytest.raises(
        InputError, match=r"no stages/scores/classifier.*; expected a run that keeps what it trained"
    ):
        export_run(folder, only=["weights"])
    assert not (folder / "export").exists()
    assert PARTS["weights"](export_module._Source(folder, None, asked=False), folder) == [
        "weights: the run folder keeps none"
    ]


def test_what_needs_a_library_that_is_not_there_is_left_out(folder, monkeypatch):
    monkeypatch.setattr(export_module, "find_spec", lambda name: None)
    exported = export_run(folder)
    assert exported.left_out[0] == "hepdata.tar.gz: needs hepdata_lib: pip install 'hepflow[hepdata]'"
    assert exported.files == (*HISTOGRAMS, *WORKSPACES)


def test_parts_and_another_folder(folder, tmp_path):
    exported = export_run(folder, tmp_path / "new" / "place", ["workspaces", "histograms"])
    assert exported.files == (*HISTOGRAMS, *WORKSPACES)
    assert names_in(tmp_path / "new") == sorted(f"place/{name}" for name in (*exported.files, "export.json"))
    assert export_run(folder, tmp_path / "new" / "place", ["histograms"]).files == HISTOGRAMS
    assert names_in(tmp_path / "new" / "place") == sorted([*HISTOGRAMS, "export.json"])
    with pytest.raises(
        ConfigError, match="no part 'tables' of a run to export; expected some of hepdata, work"
    ):
        export_run(folder, only=["tables"])
    assert tuple(PARTS) == OFFERED


def test_a_blinded_run_gives_no_data_behind_a_cut(folder, results, trained, spectrum, signal_at):
    keep_weights(folder, trained)
    blind(results, folder, workspace(spectrum.blinded(), signal_at(3500)))
    exported = export_run(folder, only=["workspaces", "histograms", "weights"])
    assert exported.files == (*HISTOGRAMS, "weights/density.safetensors", *WORKSPACES)
    assert exported.left_out == (
        "weights/classifier.safetensors: it learned from the data of the signal region, which are blinded",
    )
    kept = json.loads((exported.folder / "histograms.json").read_text())
    assert [name for name in kept if "eps" in name and "data" in name] == []
    assert [name for name in kept if "signal_region" in name] == []


def test_a_workspace_with_data_beside_blinded_results_is_not_exported(folder, results, points):
    blind(results, folder, points[0][1])
    for only in (["workspaces"], ["hepdata"]):
        with pytest.raises(
            InputError, match=r"eps0\.01\.json: holds data of the signal region, and the results are"
        ):
            export_run(folder, only=only)
    assert not (folder / "export").exists()


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", True, 0, 7, None, [0.1]])
def test_a_cut_whose_name_could_be_a_path(folder, results, name):
    content = results.to_dict()
    content["cuts"][0]["background_efficiency"] = name
    (folder / "results.json").write_text(json.dumps(content))
    with pytest.raises(
        InputError, match=r"results\.json: .*background_efficiency.* (expected|be) a .*number"
    ):
        export_run(folder, only=["workspaces"])


@pytest.mark.parametrize("name", ["../secret.json", "/etc/passwd", "a/../../b", "..\\secret"])
def test_names_that_lead_out_of_the_run(folder, name):
    with pytest.raises(InputError, match="leads out of the run folder: refused"):
        export_module._Source(folder, None, asked=True).file(name)


@pytest.mark.parametrize(("part", "place"), [("workspaces", "workspaces"), ("weights", "stages/scores")])
def test_links_that_lead_out_of_the_run(folder, trained, tmp_path, part, place):
    keep_weights(folder, trained)
    (folder / place).rename(tmp_path / "elsewhere")
    (folder / place).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="a link that leads out of the run folder: refused"):
        export_run(folder, only=[part])
    assert not (folder / "export").exists()


def test_results_that_make_no_sense(folder, results):
    for spoil in (
        lambda content: content.pop("inclusive"),
        lambda content: content["inclusive"].update(z="7"),
        lambda content: content["cuts"][0]["spectrum"].update(edges=[1.0, 2.0]),
        lambda content: content["cuts"][0]["spectrum"].update(edges=[3.0, 2.0, 1.0]),
        lambda content: content.update(cuts=3),
    ):
        content = json.loads(json.dumps(results.to_dict()))
        spoil(content)
        (folder / "results.json").write_text(json.dumps(content))
        with pytest.raises(InputError, match=r"results\.json: (damaged|not whole, or changed by hand)"):
            export_run(folder, only=["histograms"])
    (folder / "results.json").unlink()
    with pytest.raises(InputError, match=r"no results\.json there; expected the folder of a finished"):
        export_run(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"channels": 3}'])
def test_workspaces_that_make_no_sense(folder, text):
    (folder / "workspaces" / "eps0.01.json").write_text(text)
    with pytest.raises(InputError, match=r"eps0\.01\.json: "):
        export_run(folder, only=["workspaces"])
    assert names_in(folder) == sorted(["results.json", *WORKSPACES])


def test_only_an_earlier_export_is_replaced(folder, tmp_path):
    (tmp_path / "mine").mkdir()
    export_run(folder, tmp_path / "mine", ["histograms"])
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    for out in (tmp_path / "mine", folder):
        with pytest.raises(InputError, match="which no export made; name another folder"):
            export_run(folder, out, ["histograms"])
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "x"
    with pytest.raises(InputError, match="a file stands where the export should be"):
        export_run(folder, tmp_path / "mine" / "thesis.tex", ["histograms"])


def test_an_export_that_fails_leaves_the_earlier_one(folder, monkeypatch):
    before = {
        name: (folder / "export" / name).read_bytes()
        for name in export_run(folder, only=["histograms"]).files
    }

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setitem(PARTS, "histograms", full)
    with pytest.raises(OSError, match="disk full"):
        export_run(folder, only=["workspaces", "histograms"])
    assert {name: (folder / "export" / name).read_bytes() for name in before} == before
    assert sorted(path.name for path in folder.iterdir()) == ["export", "results.json", "workspaces"]
