"""A study of showers from files to its record: steps, what is published, resume, and what is refused."""

import shutil

import numpy as np
import pytest
from made_up import showers as made_up

from hepflow.errors import ConfigError, InputError
from hepflow.showers import ShowerModel, read_showers, toy_detector
from hepflow.studies.known import study_of
from hepflow.studies.showers.record import MeanEnergy
from hepflow.studies.showers.study import STUDY
from hepflow.studies.showers.text import text
from hepflow.studies.showers.verdicts import energy
from hepflow.weights import load_weights


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("showers")
    made_up.write_tables(folder)
    return folder


@pytest.fixture(scope="module")
def run_folder(inputs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "toy"
    STUDY.run(made_up.prepare(inputs), folder, until="shower")
    return folder


def test_what_is_published(run_folder, inputs):
    assert study_of(run_folder) is STUDY
    found = STUDY.read(run_folder)
    assert (found.trained, found.held_out, found.generated, found.voxels) == (1000, 1000, 300, 27)
    made = read_showers(run_folder / "showers.h5", toy_detector().geometry)
    assert len(made) == 300
    known = read_showers(inputs / "showers.hdf5", made.geometry).energy
    assert np.isclose(made.energy[:, None], known, rtol=1e-12).any(axis=1).all()
    assert [one.level for one in found.judgement.told] == ["high"]
    assert found.means[0].where == "all layers"
    profile = np.sum([np.sum(one.generated) for one in found.profiles])
    real = np.sum([np.sum(one.real) for one in found.profiles])
    assert profile / real == pytest.approx(found.means[0].ratio, rel=1e-9)


def test_the_model_is_kept(run_folder):
    model = load_weights(run_folder / "stages" / "model" / "model.safetensors", ShowerModel)
    assert model.sample([10.0, 20.0], seed=1).voxels.shape == (2, 27)


def test_the_same_again(run_folder, inputs, tmp_path):
    copy = tmp_path / "toy"
    shutil.copytree(run_folder, copy)
    before = (copy / "showers.h5").stat().st_mtime_ns
    STUDY.run(made_up.prepare(inputs), copy, until="shower")
    assert (copy / "showers.h5").stat().st_mtime_ns == before


def test_few_showers_are_refused(tmp_path):
    made_up.write_tables(tmp_path, 1_000)
    with pytest.raises(InputError, match="500 showers are learned from; expected 1,000 or more"):
        STUDY.run(made_up.prepare(tmp_path), tmp_path / "run")


def test_a_run_folder_with_inputs_is_refused(tmp_path):
    made_up.write_tables(tmp_path, 100)
    with pytest.raises(ConfigError, match=r"inputs.training: .* stands in the run folder"):
        STUDY.run(made_up.prepare(tmp_path), tmp_path)


def test_text_and_verdicts():
    good = text(made_up.record())
    assert "hepflow" in good
    assert "0.620 +- 0.010" in good
    assert "CaloFlow teacher" in good
    assert "FAILED" not in good
    bad = made_up.record(auc=0.99, ratio=1.2)
    assert [one.name for one in bad.failed] == ["low-level network", "mean energy"]
    assert text(bad).startswith("FAILED CHECKS")
    assert "train longer (model.epochs)" in text(bad)


@pytest.mark.parametrize(("ratio", "passed"), [(1.05, True), (0.96, True), (1.07, False), (0.9, False)])
def test_mean_energies(ratio, passed):
    assert (
        energy([MeanEnergy("all layers", 1.0, 0.001), MeanEnergy("layer 1", ratio, 0.005)]).passed is passed
    )
