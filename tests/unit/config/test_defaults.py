"""Defaults: a default block and a class without arguments do the same."""

import inspect
from dataclasses import fields, is_dataclass
from functools import partial

import pytest

from hepflow.catalogue import CLASSIFIERS, METHODS
from hepflow.config import Config, classifiers, detectors, methods
from hepflow.config.defaults import default
from hepflow.engine.job import find
from hepflow.studies.analysis.build import build_classifier, build_method

TREES = {"bdt": classifiers.Trees, "mlp": classifiers.Network}


@pytest.fixture(scope="module")
def config():
    return Config.model_validate(
        {
            "inputs": {"data": {"path": ["data.h5"], "format": "hepflow"}},
            "regions": {"signal": (3300, 3700), "sidebands": ((2500, 3300), (3700, 5000))},
        }
    )


def plain(value):
    """Return a value as what `==` compares to the bottom: settings of dataclasses, arguments of partial functions."""
    if is_dataclass(value):
        return type(value), {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if inspect.isfunction(value):
        value = partial(value)
    if isinstance(value, partial):
        given = inspect.signature(value.func).bind_partial(*value.args, **value.keywords)
        given.apply_defaults()
        return value.func, {name: plain(one) for name, one in given.arguments.items()}
    if isinstance(value, list | tuple):
        return type(value), [plain(one) for one in value]
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return value


@pytest.mark.parametrize("name", METHODS)
def test_a_method(name, config):
    own = config.model_copy(update={"method": methods.BY_NAME[name]()})
    built = build_method(own)
    assert type(built) is find(METHODS[name].where)
    assert plain(built) == plain(type(built)())


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier(name, config):
    own = config.model_copy(update={"classifier": TREES[name]()})
    built = build_classifier(own)
    assert type(built) is find(CLASSIFIERS[name].where)
    assert plain(built) == plain(type(built)())


def test_the_configuration_itself(config):
    """Without a method and a classifier, CATHODE and trees."""
    assert plain(build_method(config)) == plain(find(METHODS["cathode"].where)())
    assert plain(build_classifier(config)) == plain(find(CLASSIFIERS["bdt"].where)())


def test_every_difference_is_seen(config):
    """What the tests above would see, were any setting another: each of the blocks' changes what is built."""
    for name, kind in methods.BY_NAME.items():
        block = kind()
        usual = plain(build_method(config.model_copy(update={"method": block})))
        for key in kind.model_fields.keys() - {"name"}:
            value = getattr(block, key)
            other = value + 1 if isinstance(value, int | float) else 3 if value is None else "cosine"
            if key == "spaces":
                other = 1  # of as many as there are flows
            if key == "detector":
                other = detectors.Autoencoder()
            if key == "variant":
                other = {"curtains": "latents", "feta": "two-bases"}[name]
            changed = block.model_copy(update={key: other})
            assert plain(build_method(config.model_copy(update={"method": changed}))) != usual, (name, key)


WHERE = "hepflow.training.plan:TrainingPlan"


@pytest.mark.parametrize(
    "where",
    [
        f"{WHERE}.epoch",
        "hepflow.training.plan:Plan.epochs",
        "hepflow.training.plan:EPOCHS",
        "hepflow.methods.cathode:Cathode.density",  # made by a call
        "hepflow.methods.cathode:Cathode",
        "hepflow.flows.architectures:spline_autoregressive.features",  # which has none
    ],
)
def test_no_default_there(where):
    with pytest.raises(LookupError, match=f"{where}: no default there"):
        default(where)


def test_no_module_there():
    with pytest.raises((LookupError, OSError), match="nowhere"):
        default("hepflow.nowhere:X")


def test_values_of_a_module(tmp_path, monkeypatch):
    (tmp_path / "hepflow").mkdir()
    text = (
        "N = 3\nD = {'a': (1, 2.5)}\nALSO = N\nclass A:\n    x: int = 1\n    y: int = N\n    z: list = f()\n"
    )
    text += "def f(a, b=2, *, c, d='x', e=N):\n    pass\n"
    (tmp_path / "hepflow" / "defaults_here.py").write_text(text, "utf-8")
    monkeypatch.setattr("hepflow.__file__", str(tmp_path / "hepflow" / "__init__.py"))
    expected = {"N": 3, "D": {"a": (1, 2.5)}, "ALSO": 3, "A.x": 1, "A.y": 3, "f.b": 2, "f.d": "x", "f.e": 3}
    assert {path: default(f"hepflow.defaults_here:{path}") for path in expected} == expected
    for path in ("A.z", "f.a", "f.c", "f", "A"):
        with pytest.raises(LookupError):
            default(f"hepflow.defaults_here:{path}")
