"""Ctrl-C at any moment leaves no half-written file, and the same command goes on to the same results."""

import json
import shutil

import h5py
import pytest

from hepflow.studies.search.study import STUDY

pytestmark = pytest.mark.usefixtures("_quick_closure")


def interrupt(monkeypatch, name, *, call=1):
    """Make the n-th call of a function raise KeyboardInterrupt before it does anything."""
    calls = []

    def interrupted(*arguments, **options):
        calls.append(name)
        if len(calls) == call:
            raise KeyboardInterrupt
        return original(*arguments, **options)

    original = _resolve(name)
    monkeypatch.setattr(name, interrupted)


def _resolve(name):
    import importlib

    parts = name.split(".")
    for split in range(len(parts) - 1, 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:split]))
        except ModuleNotFoundError:
            continue
        for part in parts[split:]:
            found = getattr(found, part)
        return found
    raise AssertionError(name)


def check_whole(folder):
    """Every file that is there can be read to its end."""
    for path in folder.rglob("*"):
        assert not path.name.startswith("."), f"{path} is a temporary file"
        if path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif path.suffix == ".h5":
            with h5py.File(path) as file:
                for dataset in file.values():
                    dataset[:]


@pytest.mark.parametrize(
    ("stage", "name", "call"),
    [
        ("features", "hepflow.studies.analysis.reading.features", 2),
        ("features", "hepflow.studies.analysis.reading.save_sample", 2),
        ("background", "hepflow.training.loop.torch.optim.AdamW.step", 5),
        ("background", "hepflow.flows.density.Density.sample", 1),
        ("background", "hepflow.studies.analysis.background.save_sample", 2),
        ("scores", "hepflow.classifiers.bdt.BoostedTrees.fit", 2),
        ("scores", "hepflow.studies.analysis.scores.h5py.File.__setitem__", 3),
        ("scores", "hepflow.engine.folder.write_json", 1),
        ("validation", "hepflow.training.loop.torch.optim.AdamW.step", 5),
        ("validation", "hepflow.studies.analysis.validation.h5py.File.__setitem__", 3),
        ("fit", "hepflow.studies.analysis.fits.bump_hunt", 2),
        ("fit", "hepflow.atomic.os.fsync", 2),
        ("fit", "hepflow.atomic.os.fsync", 7),
        ("results", "hepflow.studies.search.results.write_json", 2),
        ("results", "hepflow.studies.search.results.trials_of_cuts", 1),
    ],
)
def test_interrupt_and_resume(finished, folder, configure, stage, name, call):
    order = ["features", "background", "scores", "validation", "fit", "results"]
    for later in order[order.index(stage) :]:
        shutil.rmtree(folder / "stages" / later)
    (folder / "results.json").unlink()
    with pytest.MonkeyPatch.context() as patch:
        interrupt(patch, name, call=call)
        with pytest.raises(KeyboardInterrupt):
            STUDY.run(configure(), folder, until="fit")
    check_whole(folder)
    assert not (folder / "results.json").exists()
    done = {path: path.stat().st_mtime_ns for path in (folder / "stages").rglob("step.json")}
    assert not [path for path in done if path.parent.name == stage]

    STUDY.run(configure(), folder, until="fit")
    check_whole(folder)
    assert all(path.stat().st_mtime_ns == before for path, before in done.items())  # nothing is done twice
    for path in (finished / "stages").rglob("*.h5"):
        with h5py.File(path) as one, h5py.File(folder / path.relative_to(finished)) as other:
            assert all((one[key][:] == other[key][:]).all() for key in one)
    one, other = (
        json.loads((each / "results.json").read_text(encoding="utf-8")) for each in (finished, folder)
    )
    assert {**one, "timing": 0} == {**other, "timing": 0}


def test_files_of_an_interrupted_stage_are_not_taken_for_done(folder, configure):
    """Settings change, the new template is written, the interrupt comes, and the old settings come back."""
    with pytest.MonkeyPatch.context() as patch:
        interrupt(patch, "hepflow.studies.analysis.background.save_sample", call=2)
        with pytest.raises(KeyboardInterrupt):
            STUDY.run(configure("method.epochs=1"), folder, until="fit")
    before = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    STUDY.run(configure(), folder, until="fit")
    after = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert {**before, "timing": 0} == {**after, "timing": 0}


def test_interrupt_of_the_very_first_run(configure, tmp_path):
    """Before the folder holds anything: the same command must not find a foreign folder."""
    for name in ("hepflow.engine.study.write_text", "hepflow.studies.analysis.reading.open_input"):
        with pytest.MonkeyPatch.context() as patch:
            interrupt(patch, name)
            with pytest.raises(KeyboardInterrupt):
                STUDY.run(configure(), tmp_path / "run", until="features")
        check_whole(tmp_path)
    STUDY.run(configure(), tmp_path / "run", until="features")
