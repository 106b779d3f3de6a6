"""A search in other processes: the same results wherever its steps are made."""

import json

import pytest

from hepflow.studies.search.study import STUDY

DASK = "executor={name: dask, workers: 2, options: {dashboard_address: ':0', processes: true}}"


def results_of(folder):
    content = json.loads((folder / "results.json").read_text("utf-8"))
    return {key: value for key, value in content.items() if key != "timing"}


@pytest.fixture(scope="module")
def settings():
    return ("selection.background_efficiency=[0.1]",)


@pytest.fixture(scope="module")
def alone(configure, settings, tmp_path_factory):
    """Return the results of a run in this process."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    STUDY.run(configure(*settings), folder, until="fit")
    return results_of(folder)


@pytest.mark.parametrize("executor", ["executor={name: processes, workers: 2}", DASK])
def test_the_same_results_in_other_processes(executor, alone, configure, settings, tmp_path):
    STUDY.run(configure(*settings, executor), tmp_path / "run", until="fit")
    assert results_of(tmp_path / "run") == alone
