"""The examples in docstrings, which the pages of the Python interface show: each gives what it says.

Not by ``pytest --doctest-modules``: where a function has the name of its module, as `hepflow.stats.fit` has, pytest
would put the module in its place.
"""

import doctest
import importlib
import inspect
from pathlib import Path

import pytest

import hepflow

ROOT = Path(hepflow.__file__).parent
WITH_EXAMPLES = sorted(path for path in ROOT.rglob("*.py") if ">>> " in path.read_text(encoding="utf-8"))
FIRST = {
    "hepflow": "read features Sample inject Windows Spectrum crossfit score cuts inclusive",
    "hepflow.flows": "Density",
    "hepflow.classifiers": "BoostedTrees NeuralNetwork",
    "hepflow.methods": "Cathode Cwola",
    "hepflow.selection": "closure",
    "hepflow.twosample": "two_sample",
    "hepflow.smooth": "fit_smooth",
    "hepflow.stats": "bump_hunt hunt_spectrum upper_limit p0_toys MassScan global_significance bumphunter bias_test",
}


def module_of(path):
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@pytest.mark.parametrize("name", [module_of(path) for path in WITH_EXAMPLES])
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some write files
    assert not doctest.testmod(importlib.import_module(name)).failed


@pytest.mark.parametrize("room", FIRST)
def test_what_one_meets_first_has_an_example(room):
    for name in FIRST[room].split():
        documented = inspect.getdoc(getattr(importlib.import_module(room), name))
        assert "\nExamples\n--------\n" in documented, name
