"""Large inputs, read in pieces by several processes: the same events to the bit, and nothing read twice."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace

import h5py
import numpy as np
import pytest
import uproot
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hepflow.config import load_config
from hepflow.engine.execute import carry_out, todo
from hepflow.engine.executors import Local
from hepflow.engine.folder import RunFolder
from hepflow.engine.study import Blinding, _forget_helpers
from hepflow.engine.work import Work
from hepflow.errors import InputError
from hepflow.storage import load_sample, save_sample
from hepflow.studies.analysis import pieces
from hepflow.studies.analysis import reading as steps
from hepflow.studies.analysis.pieces import BLOCK, fingerprint, split
from hepflow.studies.comparison.study import STUDY as COMPARISON
from hepflow.studies.comparison.study import methods_of
from hepflow.studies.search.study import STUDY

PROCESSES = "executor={name: processes, workers: 2}"


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=40), st.integers(1, 2000), st.integers(1, 50))
def test_pieces_of_files_by_their_sizes(sizes, size, most):
    files = {f"{number}.root": found for number, found in enumerate(sizes)}
    found = split(files, size, most)
    shares = [one for piece in found for one in piece.items()]
    assert shares == [
        (file, (number, of)) for file in files for of in [dict(shares)[file][1]] for number in range(of)
    ]
    size = max(size, -(-sum(sizes) // most))
    assert all(sum(files[file] / of for file, (_, of) in piece.items()) <= size for piece in found)
    assert len(found) <= 2 * most + 1


def test_files_of_one_size():
    assert split({"a": 10, "b": 10, "c": 10}, 20, 100) == [{"a": (0, 1), "b": (0, 1)}, {"c": (0, 1)}]
    assert split({"a": 60, "b": 1}, 20, 100) == [*({"a": (n, 3)} for n in range(3)), {"b": (0, 1)}]
    assert split({"a": 1}, 20, 100) == [{"a": (0, 1)}]
    assert split({"a": 0}, 20, 100) == [{"a": (0, 1)}]


@pytest.fixture
def small(monkeypatch):
    """Make pieces of the toy's files."""
    monkeypatch.setattr(pieces, "SIZE", 30_000)


@pytest.fixture(scope="module")
def configured(toy, tmp_path_factory):
    """Return a function that loads a configuration: data in three ROOT files, signal with an effect in HDF5."""
    folder = tmp_path_factory.mktemp("pieces")
    data = replace(toy.background(3000, seed=1), cutflow=())
    for number in range(3):
        save_sample(data.select(slice(1000 * number, 1000 * number + 1000)), folder / f"data{number}.root")
    signal = toy.signal(900, seed=2)
    save_sample(signal, folder / "signal.h5")
    save_sample(replace(signal, mass=1.02 * signal.mass), folder / "up.h5")
    save_sample(replace(signal, mass=0.98 * signal.mass), folder / "down.h5")
    effect = {"jes": {"up": {"path": "up.h5"}, "down": {"path": "down.h5"}}}
    settings = {
        "name": "toy",
        "inputs": {
            "data": {"path": "data*.root", "format": "hepflow"},
            "signal": {"path": "signal.h5", "format": "hepflow", "variations": effect},
        },
        "injection": {"events": 60, "seed": 3},
        "features": ["m_J1", "tau21"],
        "regions": {"signal": [3300, 3700], "sidebands": [[2500, 3300], [3700, 5000]]},
    }

    def load(*overrides):
        path = folder / "search.yaml"
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")
        return load_config(path, overrides)

    return load


@pytest.fixture(scope="module")
def whole(configured, tmp_path_factory):
    """Return a run folder with the events read at once."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    STUDY.run(configured(), folder, until="features")
    return folder


def check_same(one, other):
    """The events that two runs go on from are the same to the bit."""
    files = sorted(path.relative_to(one) for path in (one / "stages").rglob("*.h5"))
    assert files == sorted(path.relative_to(other) for path in (other / "stages").rglob("*.h5"))
    assert len(files) == 4  # data, signal, and its effect up and down
    for file in files:
        with h5py.File(one / file) as first, h5py.File(other / file) as second:
            assert dict(first.attrs) == dict(second.attrs)
            assert all(np.array_equal(first[name][:], second[name][:]) for name in {*first, *second})


def test_pieces_only_of_what_is_large_and_where_steps_run_at_once(configured, monkeypatch):
    plans = [STUDY.plan(configured(*chosen), Blinding()) for chosen in ([], [PROCESSES])]
    monkeypatch.setattr(pieces, "SIZE", 30_000)
    plans += [STUDY.plan(configured(*chosen), Blinding()) for chosen in ([], [PROCESSES])]
    names = [[step.name for step in plan if step.name.startswith("helpers/reading/")] for plan in plans]
    assert names[:3] == [[], [], []]
    inputs = [name.rpartition("/")[0] for name in names[3]]
    assert set(inputs) == {
        f"helpers/reading/{what}" for what in ("data", "signal", "signal/jes/up", "signal/jes/down")
    }
    for step in plans[0]:
        assert plans[3].key(step.name) == plans[0].key(step.name)
    assert set(plans[3]["features"].after) | set(plans[3]["variations"].after) == set(names[3])


def test_each_file_on_a_server_is_a_piece(configured):
    """Nothing is asked of the server, which is not there."""
    urls = [f"https://127.0.0.1:1/{name}.root" for name in "ab"]
    plan = STUDY.plan(configured(PROCESSES, f"inputs.data.path={urls}"), Blinding())
    assert plan["features"].after == ("helpers/reading/data/000", "helpers/reading/data/001")
    assert [plan[piece].settings["shares"] for piece in plan["features"].after] == [
        {url: (0, 1)} for url in urls
    ]


@pytest.mark.usefixtures("small")
def test_the_same_events_from_several_processes(configured, whole, tmp_path):
    left = [
        step
        for step, why in STUDY.dry_run(configured(PROCESSES), tmp_path / "run", until="features").items()
        if why
    ]
    assert len(left) > 8
    STUDY.run(configured(PROCESSES), tmp_path / "run", until="features")
    check_same(whole, tmp_path / "run")
    assert not (tmp_path / "run" / "stages" / "helpers").exists()
    assert not any(
        STUDY.dry_run(configured(), tmp_path / "run", until="features").values()
    )  # a laptop goes on from it


@pytest.fixture
def reading(configured, monkeypatch, tmp_path):
    """Return a function that reads in pieces in this process and returns how many; or stops before the n-th."""
    monkeypatch.setattr(pieces, "SIZE", 30_000)
    original = steps.collect_features

    def read(stop_at=None, folder=tmp_path / "run", **options):
        config = options.get("config", configured(PROCESSES))
        calls = []

        def counted(*arguments, **others):
            calls.append(arguments)
            if len(calls) == stop_at:
                raise KeyboardInterrupt
            return original(*arguments, **others)

        monkeypatch.setattr(steps, "collect_features", counted)
        plan, place = STUDY.plan(config, Blinding()), RunFolder(folder, {})
        with place.locked():
            carry_out(Work(plan, place), todo(plan, place, ["features", "variations"]))
            _forget_helpers(plan, place)
        return len(calls)

    return read


def test_an_interrupted_reading_goes_on_where_it_stopped(reading, whole, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        reading(stop_at=5)
    assert len(list((tmp_path / "run" / "stages" / "helpers" / "reading").rglob("step.json"))) == 4
    rest, every = reading(), reading(folder=tmp_path / "other")
    assert rest == every - 4
    check_same(whole, tmp_path / "run")


def test_a_piece_that_is_not_as_it_was_written_is_read_again(reading, whole, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        reading(stop_at=5)
    rows = tmp_path / "run" / "stages" / "helpers" / "reading" / "data" / "000" / "rows.h5"
    contents = bytearray(rows.read_bytes())
    contents[-100:] = bytes(100)
    rows.write_bytes(contents)
    assert reading() == reading(folder=tmp_path / "other") - 3
    check_same(whole, tmp_path / "run")


@pytest.fixture(params=["truncated", "damaged within"])
def damaged(request, configured, tmp_path):
    """Return the configuration of other data, of which the second file is damaged and the third is empty."""
    source = configured().opened(configured().inputs.data).paths[0]
    folder = shutil.copytree(source.rpartition("/")[0], tmp_path / "inputs")
    bad = folder / "data1.root"
    contents = bytearray(bad.read_bytes())
    if request.param == "truncated":
        del contents[5000:]
    else:
        with uproot.open(bad) as file:
            start = int(file["sample/m_jj"].member("fBasketSeek")[0])
        contents[start + 60 : start + 200] = bytes(140)
    bad.write_bytes(contents)
    save_sample(load_sample(folder / "data2.root").select(slice(0)), folder / "data2.root")
    return folder / "search.yaml", bad


@pytest.mark.parametrize("skip", [False, True])
def test_damage_is_told_as_by_a_reading_without_pieces(reading, damaged, tmp_path, skip):
    path, bad = damaged
    overrides = (f"inputs.data.skip_bad_files={str(skip).lower()}",)
    alone, several = load_config(path, overrides), load_config(path, (*overrides, PROCESSES))
    if skip:
        STUDY.run(alone, tmp_path / "alone", until="features")
        reading(config=several)
        check_same(tmp_path / "alone", tmp_path / "run")
        sample = load_sample(tmp_path / "run" / "stages" / "features" / "data.h5")
        assert [one.file for one in sample.skipped] == [str(bad)]
        return
    with pytest.raises(InputError) as expected:
        STUDY.run(alone, tmp_path / "alone", until="features")
    with pytest.raises(InputError) as found:
        reading(config=several)
    assert str(found.value) == str(expected.value)
    assert str(bad) in str(found.value)


def test_a_wrong_request_is_told_once(reading, configured, tmp_path):
    with pytest.raises(InputError, match="no feature 'tau32'"):
        reading(config=configured(PROCESSES, "features=[m_J1, tau32]"))
    assert not list((tmp_path / "run" / "stages").rglob("step.json"))


@pytest.mark.usefixtures("small")
def test_samples_of_a_comparison(configured, monkeypatch, tmp_path):
    class EnoughError(Exception):
        """No method is to be trained here."""

    def stop(config, truth):
        if (tmp_path / name / "stages" / "samples" / "data.h5").exists():
            raise EnoughError
        return methods_of(config, truth=truth)  # of what is guessed before

    def threads(chosen, modules):
        return nullcontext() if chosen == Local() else ThreadPoolExecutor(2)

    monkeypatch.setattr("hepflow.studies.comparison.study.methods_of", stop)
    monkeypatch.setattr("hepflow.engine.study.open_pool", threads)
    monkeypatch.setattr("hepflow.engine.study.as_worker", lambda chosen, out: nullcontext())
    found = []
    for name, executor in (("alone", "executor=local"), ("several", PROCESSES)):
        with pytest.raises(EnoughError):
            COMPARISON.run(configured(executor, "fit.blind=false"), tmp_path / name)
        found.append(
            {file.name: load_sample(file) for file in (tmp_path / name / "stages/samples").glob("*.h5")}
        )
    assert (tmp_path / "several" / "stages" / "helpers" / "reading" / "data" / "001" / "step.json").is_file()
    alone, several = found
    assert alone.keys() == several.keys() == {"data.h5", "signal.h5"}
    for name, sample in alone.items():
        assert np.array_equal(sample.features, several[name].features)
        assert np.array_equal(sample.mass, several[name].mass)
        assert sample.cutflow == several[name].cutflow


def test_fingerprint(tmp_path):
    path = tmp_path / "events.h5"
    path.write_bytes(b"events")
    url = "root://eos/events.root"
    before = fingerprint([str(path), url])
    assert before == fingerprint([str(path), url])
    assert before[url] == (0, 0, "")
    os.utime(path, ns=(1, 1))
    assert fingerprint([str(path)])[str(path)] != before[str(path)]
    os.utime(path, ns=(1, before[str(path)][1]))
    assert fingerprint([str(path)])[str(path)] == before[str(path)]
    path.write_bytes(b"eventz")
    os.utime(path, ns=(1, before[str(path)][1]))
    assert fingerprint([str(path)])[str(path)] != before[str(path)]


def test_a_file_is_the_same_from_wherever_it_is_named(tmp_path, monkeypatch):
    (tmp_path / "events.h5").write_bytes(b"events")
    whole = fingerprint([str(tmp_path / "events.h5")])
    monkeypatch.chdir(tmp_path)
    assert fingerprint(["events.h5"]) == whole


def test_both_ends_of_a_large_file_count(tmp_path):
    path = tmp_path / "events.h5"
    content = bytearray(40 * BLOCK)
    path.write_bytes(content)
    before = fingerprint([str(path)])[str(path)]
    for place in (0, len(content) - 1):
        changed = bytearray(content)
        changed[place] = 1
        path.write_bytes(changed)
        os.utime(path, ns=(1, before[1]))
        assert fingerprint([str(path)])[str(path)] != before
