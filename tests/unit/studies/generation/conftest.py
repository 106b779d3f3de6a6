"""A whole generation in miniature, in files."""

from functools import partial

import pytest
from made_up import generation

from hepflow.studies.generation.study import STUDY


@pytest.fixture(scope="session")
def tables(tmp_path_factory):
    """Return a folder with ``training.csv`` and ``signal.csv``."""
    folder = tmp_path_factory.mktemp("tables")
    generation.write_tables(folder)
    return folder


@pytest.fixture(scope="session")
def prepare(tables):
    """Return a function that loads the configuration, with ``key=value`` overrides, or without some blocks."""
    return partial(generation.prepare, tables)


@pytest.fixture(scope="session")
def run_folder(prepare, tmp_path_factory):
    """Return the folder of a finished generation, to look at; nobody changes it."""
    folder = tmp_path_factory.mktemp("runs") / "toy"
    STUDY.run(prepare("model.bias=mixture_autoregressive"), folder, until="generation")
    return folder
