"""Blinding: nothing that a blinded run writes depends on which data of the signal region pass a cut."""

import json
import shutil

import h5py
import numpy as np
import pytest

from hepflow.errors import ConfigError, InputError
from hepflow.results import Results
from hepflow.storage import load_sample, save_sample
from hepflow.studies.search.study import STUDY

BLIND = "fit.blind=true"
HIDDEN = ("n_obs", "pull", "z", "p0", "mu_hat", "mu_hat_error", "mu_up_obs", "sic", "signal_efficiency")

pytestmark = pytest.mark.usefixtures("_quick_closure")


@pytest.fixture(scope="module")
def blinded(_quick_closure, configure, tmp_path_factory):
    """Return the folder of a blinded run, to look at; nobody changes it."""
    folder = tmp_path_factory.mktemp("runs") / "toy"
    STUDY.run(configure(BLIND), folder, until="fit")
    return folder


@pytest.fixture
def folder(blinded, tmp_path):
    """Return a copy of the blinded run, to go on from."""
    return shutil.copytree(blinded, tmp_path / "toy")


def written(folder):
    """Return what a run wrote for people to see, without the timing."""
    content = json.loads((folder / "results.json").read_text("utf-8"))
    del content["timing"]
    files = {path.name: path.read_bytes() for path in (folder / "workspaces").iterdir()}
    return {**files, "results.json": json.dumps(content)}


def rescore(folder, change, believe):
    """Give the data of the signal region other scores, after all trainings."""
    with h5py.File(folder / "stages" / "scores" / "scores.h5", "r+") as file:
        file["data"][...] = change(file["data"][...])
    believe(folder, "scores")
    forget_fits(folder)


def relabel(folder, windows, believe):
    """Call signal background in the data of the signal region, and the other way round."""
    path = folder / "stages" / "features" / "data.h5"
    data = load_sample(path)
    data.label.flags.writeable = True
    inside = windows.in_signal(data.mass)
    data.label[inside] = 1 - data.label[inside]
    save_sample(data, path)
    believe(folder, "features")
    forget_fits(folder)


def forget_fits(folder):
    """Have done anew what comes after the scores."""
    for after in ("fit", "results"):
        shutil.rmtree(folder / "stages" / after, ignore_errors=True)


CHANGES = {
    "the others pass": lambda score: -score,
    "all pass": lambda score: score + 1000.0,
    "none passes": lambda score: score - 1000.0,
}


@pytest.mark.parametrize("background", ["template", "dijet"])
@pytest.mark.parametrize("change", CHANGES)
def test_the_data_of_the_signal_region_change_nothing(
    folder, configure, toy, forbid, believe, change, background
):
    settings = (BLIND, f"fit.background={background}")
    forbid("features", "background", "scores")
    STUDY.run(configure(*settings), folder, until="fit")
    before = written(folder)
    rescore(folder, CHANGES[change], believe)
    relabel(folder, toy.windows, believe)
    STUDY.run(configure(*settings), folder, until="fit")
    assert written(folder) == before


@pytest.mark.parametrize("change", CHANGES)
def test_the_same_change_shows_once_unblinded(folder, configure, toy, believe, change):
    """What the test above would see, were anything let through."""
    seen = []
    for _ in range(2):
        found = STUDY.run(configure(BLIND), folder, until="fit", unblind=True, by="Emmy")
        seen.append((found.cuts, found.scores, found.truth, found.counts, found.closure))
        rescore(folder, CHANGES[change], believe)
        relabel(folder, toy.windows, believe)
    assert all(one != other for one, other in zip(*seen, strict=True))


def test_a_blinded_run_says_what_is_expected(blinded):
    results = Results.from_json(blinded / "results.json")
    assert not results.inclusive.blind
    assert results.inclusive.n_obs == results.counts["data_signal_region"]
    assert results.truth is None
    assert "true_signal_signal_region" not in results.counts
    assert results.closure.auc_signal_region is None
    assert {one.where for one in (*results.features, results.scores)} == {"sidebands"}
    low, high = results.regions["signal"]
    for cut in results.cuts:
        assert cut.blind
        assert [getattr(cut, name) for name in HIDDEN] == [None] * len(HIDDEN)
        assert cut.z_expected > 0
        assert list(cut.mu_up_exp) == sorted(cut.mu_up_exp)
        edges = np.array(cut.spectrum.edges)
        hidden = (edges[:-1] >= low) & (edges[1:] <= high)
        assert [count is None for count in cut.spectrum.observed] == hidden.tolist()
        workspace = json.loads(
            (blinded / "workspaces" / f"eps{cut.background_efficiency:g}.json").read_text("utf-8")
        )
        assert workspace["measurements"][0]["name"] == "bump_hunt_blinded"
        counts = {entry["name"]: entry["data"] for entry in workspace["observations"]}
        expected = np.array(cut.spectrum.expected)[hidden]
        assert counts["signal_region"] == pytest.approx(expected[expected > 0])
        assert sum(counts["sidebands"]) == sum(n for n in cut.spectrum.observed if n is not None)


def test_unblinding_trains_nothing_and_shows_what_was_there(folder, configure, forbid):
    forbid("features", "background", "scores")
    blind = Results.from_json(folder / "results.json")
    seen = STUDY.run(configure(BLIND), folder, until="fit", unblind=True, by="Emmy")
    (folder / "results.json").unlink()
    never_blind = STUDY.run(configure(), folder, until="fit")
    assert (seen.cuts, seen.truth, seen.scores) == (never_blind.cuts, never_blind.truth, never_blind.scores)
    for hidden, shown in zip(blind.cuts, seen.cuts, strict=True):
        assert not shown.blind
        assert (hidden.n_exp, hidden.threshold) == (shown.n_exp, shown.threshold)
        assert hidden.z_expected == pytest.approx(shown.z_expected, rel=1e-6)


def test_who_unblinded_is_kept(folder, configure, monkeypatch):
    monkeypatch.setattr("hepflow.engine.unblinding.getpass.getuser", lambda: "noether")
    config = configure(BLIND)
    STUDY.run(config, folder, until="fit", unblind=True, by="Emmy")
    STUDY.run(config, folder, until="scores", unblind=True)  # nothing was seen
    again = STUDY.run(config, folder, until="fit", unblind=True)
    assert [one.by for one in again.unblinded] == ["Emmy", "noether"]
    assert {one.config_hash for one in again.unblinded} == {again.config_hash}
    assert all(one.at.endswith("+00:00") for one in again.unblinded)
    blind = STUDY.run(config, folder, until="fit")
    assert blind.cuts[0].blind
    assert blind.unblinded == again.unblinded == Results.from_json(folder / "results.json").unblinded
    content = json.loads((folder / "provenance.json").read_text("utf-8"))
    assert [one["by"] for one in content["unblinded"]] == ["Emmy", "noether"]


def test_a_blinded_run_is_not_unblinded_in_silence(folder, configure):
    before = written(folder)
    with pytest.raises(ConfigError, match=r"are blinded\. `hepflow run CONFIG --unblind` shows"):
        STUDY.run(configure(), folder, until="fit")
    assert written(folder) == before
    STUDY.run(configure(), folder, until="fit", unblind=True, by="Emmy")
    assert len(STUDY.run(configure(), folder, until="fit").unblinded) == 1


@pytest.mark.parametrize("lost", ["removed", "edited", "never written"])
def test_a_folder_knows_that_it_is_blinded_whatever_became_of_its_results(folder, configure, tmp_path, lost):
    path = folder / "results.json"
    if lost == "removed":
        path.unlink()
    elif lost == "edited":
        path.write_text(path.read_text("utf-8").replace('"blind": true', '"blind": false'), "utf-8")
    else:
        folder = tmp_path / "interrupted"
        STUDY.run(configure(BLIND), folder, until="scores")
    with pytest.raises(ConfigError, match="are blinded"):
        STUDY.run(configure("fit.blind=false"), folder, until="fit")


def test_what_shows_the_data_goes_before_a_run_is_blinded_again(folder, configure, monkeypatch):
    STUDY.run(configure(BLIND), folder, until="fit", unblind=True, by="Emmy")
    shown = [folder / "results.json", *(folder / "workspaces").iterdir()]
    export = folder / "export"
    export.mkdir()

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("hepflow.engine.study._carry_out", stop)
    with pytest.raises(KeyboardInterrupt):
        STUDY.run(configure(BLIND), folder, until="fit")
    assert not [path for path in (*shown, export) if path.exists()]
    monkeypatch.undo()
    assert STUDY.run(configure(BLIND), folder, until="fit").blind


def test_a_provenance_that_cannot_be_read_is_not_written_over(folder, configure):
    for text in ("{", "[1]", '{"unblinded": [{"by": "Emmy"}]}', '{"unblinded": 3}'):
        (folder / "provenance.json").write_text(text)
        with pytest.raises(InputError, match=r"provenance\.json cannot be read .* it says who unblinded"):
            STUDY.run(configure(BLIND), folder, until="fit", unblind=True, by="Emmy")
        assert (folder / "provenance.json").read_text() == text


def test_a_user_without_a_name(folder, configure, monkeypatch):
    def nobody():
        raise KeyError("uid not found")

    monkeypatch.setattr("hepflow.engine.unblinding.getpass.getuser", nobody)
    monkeypatch.setattr("hepflow.studies.analysis.reading.features", None)
    with pytest.raises(ConfigError, match="say who unblinds: --unblind-by NAME"):
        STUDY.run(configure(BLIND), folder, unblind=True)
