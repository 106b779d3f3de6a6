"""Tuning: what is searched, that it can be interrupted, and that the signal region has no part in it."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from hepflow.config import load_config
from hepflow.engine.folder import RunFolder
from hepflow.engine.status import status
from hepflow.errors import ConfigError, FitError, InputError
from hepflow.storage import load_sample, save_sample
from hepflow.studies.reproduce import reproduce
from hepflow.studies.show import write_report
from hepflow.studies.tuning import resonance as work
from hepflow.studies.tuning.record import Trial, Tuning, earlier
from hepflow.studies.tuning.study import STUDY

pytest.importorskip("optuna")

SMALL = (
    "regions.validation=300",
    "tune.trials=3",
    "tune.ensemble=1",
    "tune.prune=false",
    "tune.significance=1",
    "tune.background_efficiency=0.1",
    "tune.flow={layers: [1, 1], hidden: [4, 8], bins: [3, 4], epochs: [1, 2], batch_size: [64, 128], "
    "learning_rate: [1e-3, 1e-2]}",
    "tune.trees={max_iter: [2, 6], max_leaf_nodes: [3, 9], min_samples_leaf: [10, 40]}",
)


def without_time(tuning):
    return [replace(trial, seconds=0.0) for trial in tuning.trials]


def begun(config, folder, tuning):
    """Leave a run folder as a tuning does that was interrupted."""
    RunFolder(folder, STUDY.identity(config))
    tuning.write(folder / "tuning.json")


@pytest.fixture(scope="module")
def tuned(configure, tmp_path_factory):
    """Return a tuning of flow and classifier, and its folder."""
    folder = tmp_path_factory.mktemp("tuned")
    return STUDY.run(configure(*SMALL), folder), folder


def test_the_first_trial_is_the_configuration(tuned, configure):
    tuning, _ = tuned
    assert [(trial.study, trial.number) for trial in tuning.trials] == [
        (study, number) for study in ("flow", "classifier") for number in range(3)
    ]
    config = configure(*SMALL)
    flow, classifier = tuning.trials[0], tuning.trials[3]
    assert flow.settings == {name: getattr(config.method, name) for name in flow.settings}
    assert classifier.settings == {name: getattr(config.classifier, name) for name in classifier.settings}
    assert classifier.template == tuning.of("flow")[0].settings


def test_settings_stay_in_their_ranges(tuned):
    tuning, _ = tuned
    for trial in tuning.trials[1:3]:
        assert trial.settings["layers"] == 1
        assert 4 <= trial.settings["hidden"] <= 8
        assert 1e-3 <= trial.settings["learning_rate"] <= 1e-2
        assert isinstance(trial.settings["epochs"], int)
    for trial in tuning.trials[4:]:
        assert 2 <= trial.settings["max_iter"] <= 6
        assert 0 <= trial.details["signal_efficiency"] <= 1


def test_best_yaml_is_a_configuration_with_the_best_settings(tuned, configure):
    tuning, folder = tuned
    text = (folder / "best.yaml").read_text("utf-8")
    assert text.startswith("# Made by `hepflow tune`")
    best, config = load_config(folder / "best.yaml"), configure(*SMALL)
    assert best.method == config.method.model_copy(update=tuning.of("flow")[0].settings)
    assert best.classifier == config.classifier.model_copy(update=tuning.of("classifier")[0].settings)
    assert best.regions == config.regions
    assert load_sample(best.opened(best.inputs.data).paths[0]).names  # paths are right from the new folder


def test_the_signal_region_has_no_part_in_it(tuned, configure, inputs, tmp_path):
    """Whatever stands in the signal region, signal or nonsense or half as many events: the trials are the same."""
    tuning, _ = tuned
    data = load_sample(inputs / "data.h5")
    inside = (data.mass >= 3300) & (data.mass < 3700)
    random = np.random.default_rng(5)
    features = np.where(inside[:, None], random.permutation(data.features) ** 2, data.features)
    mass = np.where(inside, random.uniform(3300, 3700, len(data)), data.mass)
    kept = ~inside | (random.random(len(data)) < 0.5)
    label = np.where(inside, 1 - data.label, data.label)
    save_sample(
        replace(data, mass=mass, features=features, label=label).select(kept), inputs / "scrambled.h5"
    )
    again = STUDY.run(configure(*SMALL, "inputs.data.path=scrambled.h5"), tmp_path / "scrambled")
    assert without_time(again) == without_time(tuning)
    changed = configure(*SMALL, "inputs.data.path=scrambled.h5", "tune.trials=1", "seed=2")
    assert STUDY.run(changed, tmp_path / "other").trials[0].value != tuning.trials[0].value


@pytest.mark.parametrize("left", [1, 4])
def test_goes_on_as_if_never_interrupted(tuned, configure, tmp_path, left):
    tuning, _ = tuned
    config = configure(*SMALL)
    begun(config, tmp_path, replace(tuning, trials=tuning.trials[:left]))
    again = STUDY.run(config, tmp_path)
    assert without_time(again) == without_time(tuning)
    assert again.trials[:left] == tuning.trials[:left]  # not made anew: their times are the same


def test_an_interrupted_tuning_keeps_its_trials(tuned, configure, tmp_path, monkeypatch):
    tuning, _ = tuned
    judged = []

    def interrupted(*arguments):
        if len(judged) == 2:
            raise KeyboardInterrupt
        judged.append(arguments)
        return log_likelihood(*arguments)

    log_likelihood = work.log_likelihood
    with monkeypatch.context() as patch:
        patch.setattr(work, "log_likelihood", interrupted)
        with pytest.raises(KeyboardInterrupt):
            STUDY.run(configure(*SMALL), tmp_path)
    assert len(Tuning.from_json(tmp_path / "tuning.json").trials) == 2
    assert status(tmp_path).outcome == "interrupted"
    again = STUDY.run(configure(*SMALL), tmp_path)
    assert without_time(again) == without_time(tuning)


def test_finished_tuning_makes_no_trial(tuned, configure, monkeypatch):
    tuning, folder = tuned
    monkeypatch.setattr(work, "log_likelihood", None)
    monkeypatch.setattr(work, "expected", None)
    assert set(STUDY.dry_run(configure(*SMALL), folder).values()) == {None}
    assert STUDY.run(configure(*SMALL), folder) == tuning


def test_a_dry_run_names_what_is_left_and_writes_nothing(tuned, configure, tmp_path):
    _, folder = tuned
    left = STUDY.dry_run(configure(*SMALL, "tune.trials=4"), folder)
    assert left == {"samples": None, "trials": "config.tune.trials: 3 -> 4"}
    assert set(STUDY.dry_run(configure(*SMALL), tmp_path / "none").values()) == {"not done yet"}
    assert not (tmp_path / "none").exists()


def test_a_tuning_comes_out_again(tuned, tmp_path):
    found = reproduce(tuned[1], tmp_path / "again")
    assert (found.differences, found.files, found.versions) == ({}, (), {})


def test_a_tuning_is_a_run_folder_without_a_report(tuned):
    _, folder = tuned
    assert [(one.step, one.state) for one in status(folder).steps] == [
        ("samples", "done"),
        ("trials", "done"),
    ]
    assert (folder / "config.yaml").is_file()
    with pytest.raises(InputError, match=r"`hepflow tune CONFIG` has no report; tuning\.json holds"):
        write_report(folder)


def test_classifiers_of_another_template_are_tried_anew(tuned, configure, monkeypatch, tmp_path):
    tuning, _ = tuned
    config = configure(*SMALL, "tune.trials=4")
    begun(config, tmp_path, tuning)
    monkeypatch.setattr(work, "log_likelihood", lambda *_: 1e6)  # the next flow is the best
    again = STUDY.run(config, tmp_path)
    assert again.of("flow")[0].number == 3
    assert [trial.number for trial in again.trials if trial.study == "classifier"] == [0, 1, 2, 3]
    assert all(t.template == again.trials[3].settings for t in again.trials if t.study == "classifier")


def test_a_tuning_of_another_seed_needs_another_folder(tuned, configure):
    _, folder = tuned
    with pytest.raises(InputError, match="belongs to another run: its seed is 1"):
        STUDY.run(configure(*SMALL, "seed=9"), folder)


def test_trials_of_other_settings_are_made_anew(tuned, configure, tmp_path):
    tuning, _ = tuned
    config = configure(*SMALL, "fit.bin_width=50")
    begun(config, tmp_path, tuning)
    again = STUDY.run(config, tmp_path)
    assert again.key != tuning.key
    flows = {trial.value for trial in again.of("flow")}
    assert flows.isdisjoint(trial.value for trial in tuning.of("flow"))


def test_damaged_trials_are_named(tmp_path):
    path = tmp_path / "tuning.json"
    assert earlier(path, "k", ("flow", "classifier")) == ()
    for content, message in (
        ("{", "cannot be read"),
        ('{"schema": "other"}', "expected schema"),
        ('{"schema": "hepflow-tuning-1", "key": "k"}', "damaged"),
        ('{"schema": "hepflow-tuning-1", "name": "t", "key": "k", "trials": [{"study": "flow"}]}', "damaged"),
        (
            json.dumps(Tuning("t", "k", (Trial("other", 0, {}, None),)).to_dict()),
            "neither flow nor classifier",
        ),
    ):
        path.write_text(content)
        with pytest.raises(InputError, match=message):
            earlier(path, "k", ("flow", "classifier"))


def test_what_cannot_be_trained_is_a_finding(configure, tmp_path):
    hopeless = "tune.flow.batch_size=[16, 4096]"
    tuning = STUDY.run(configure(*SMALL, hopeless, without=("injection",)), tmp_path)
    failed = [trial for trial in tuning.trials if trial.problem]
    assert all("smaller batch_size" in trial.problem and trial.value is None for trial in failed)
    assert len(tuning.of("flow")) + len(failed) == 3
    with pytest.raises(FitError, match=r"no flow could be trained; the first: .*smaller batch_size"):
        STUDY.run(
            configure(*SMALL, "method.batch_size=4096", "tune.trials=1", "tune.flow.batch_size=[4096, 4096]"),
            tmp_path / "b",
        )


def test_a_template_that_cannot_be_made_is_no_trial(configure, tmp_path):
    with pytest.raises(InputError, match="next to the signal region"):
        STUDY.run(configure(*SMALL, "method=cwola"), tmp_path)
    assert not (tmp_path / "tuning.json").exists()


def test_studies_that_make_no_sense_are_left_out(configure, tmp_path):
    alone = STUDY.run(configure(*SMALL, without=("injection",), data="real.h5"), tmp_path / "a")
    assert {trial.study for trial in alone.trials} == {"flow", "classifier"}
    config = configure(*SMALL, "inputs.signal=", without=("injection",))
    tuning = STUDY.run(config, tmp_path / "b")
    assert {trial.study for trial in tuning.trials} == {"flow"}
    assert "without inputs.signal" in tuning.notes[0]
    with pytest.raises(ConfigError, match=r"nothing to tune: flow: method 'cwola' .* Give inputs.signal"):
        STUDY.run(configure("inputs.signal=", "method=cwola", without=("injection",)), tmp_path / "c")


def test_network_widths(configure, tmp_path, monkeypatch):
    def wider_is_better(classifier, *_):
        return SimpleNamespace(significance=float(sum(classifier.hidden)))

    monkeypatch.setattr(work, "expected", wider_is_better)
    network = "classifier={name: mlp, folds: 2, ensemble: 1, hidden: [6, 4]}"
    tuning = STUDY.run(configure(*SMALL, network, "tune.trials=2"), tmp_path)
    first, second = (trial for trial in tuning.trials if trial.study == "classifier")
    assert first.settings == {"layers": 2, "width": 6}
    assert first.value == 10  # as it stands in the configuration
    assert second.value == second.settings["layers"] * second.settings["width"] > 10
    assert (
        load_config(tmp_path / "best.yaml").classifier.hidden
        == (second.settings["width"],) * second.settings["layers"]
    )


def test_time_is_up_before_the_second_trial(tuned, configure, tmp_path):
    """The record is as far as it got; the tuning is not finished, and goes on with the same command."""
    timed = configure(*SMALL, "tune.timeout=1e-6")
    tuning = STUDY.run(timed, tmp_path)
    assert [(trial.study, trial.number) for trial in tuning.trials] == [("flow", 0), ("classifier", 0)]
    assert (tmp_path / "best.yaml").is_file()
    assert STUDY.dry_run(timed, tmp_path) == {"samples": None, "trials": "not done yet"}
    again = STUDY.run(configure(*SMALL), tmp_path)
    assert without_time(again) == without_time(tuned[0])
    assert again.trials[0] == tuning.trials[0]  # not made anew: its time is the same


def test_too_little_signal_to_put_in(configure, tmp_path):
    with pytest.raises(ConfigError, match=r"tune\.significance: 90 asks for"):
        STUDY.run(configure(*SMALL, "tune.significance=90", "tune.trials=1"), tmp_path)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("tune.flow.layers=[4, 2]", "expected \\[low, high\\] with low <= high"),
        ("tune.flow.layers=[1, 65]", "less than or equal to 64"),
        ("tune.trees.learning_rate=[0, 1]", "greater than 0"),
        ("tune.network.width=[0, 4]", "at least 1"),
        ("tune.trials=0", "at least 1"),
    ],
)
def test_ranges_are_checked(configure, override, message):
    with pytest.raises(ConfigError, match=message):
        configure(override)


def test_best_first():
    trials = [Trial("flow", n, {"layers": n}, value) for n, value in enumerate([1.0, None, 3.0, 3.0])]
    assert [trial.number for trial in Tuning("t", "k", tuple(trials)).of("flow")] == [2, 3, 0]
    assert json.loads(json.dumps(Tuning("t", "k", tuple(trials)).to_dict()))["trials"][1]["value"] is None
