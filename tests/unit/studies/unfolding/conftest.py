"""A whole unfolding in miniature, in files."""

from functools import partial

import pytest
from made_up import unfolding

from hepflow.studies.unfolding.study import STUDY


@pytest.fixture(scope="session")
def tables(tmp_path_factory):
    """Return a folder with ``data.csv`` and ``simulation.csv``."""
    folder = tmp_path_factory.mktemp("unfolding")
    unfolding.write_tables(folder)
    return folder


@pytest.fixture(scope="session")
def prepare(tables):
    """Return a function that loads the configuration, with ``key=value`` overrides."""
    return partial(unfolding.prepare, tables)


@pytest.fixture(scope="session")
def run_folder(prepare, tmp_path_factory):
    """Return the folder of a finished unfolding, to look at; nobody changes it."""
    folder = tmp_path_factory.mktemp("runs") / "toy"
    STUDY.run(prepare(), folder, until="unfolding")
    return folder
