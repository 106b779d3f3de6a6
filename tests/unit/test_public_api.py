"""``import hepflow``: light, lazy, and helpful about misspelt names."""

import subprocess
import sys

import pytest

import hepflow

HEAVY = (
    "numpy",
    "torch",
    "pyhf",
    "awkward",
    "uproot",
    "h5py",
    "hdf5plugin",
    "sklearn",
    "scipy",
    "matplotlib",
    "pydantic",
)


def loaded_after(code):
    """Return which heavy packages a fresh Python has imported after running `code`."""
    script = f"import sys\n{code}\nsys.stderr.write(' '.join(p for p in {HEAVY} if p in sys.modules))"
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stderr.split()


def test_import_loads_nothing_heavy():
    assert loaded_after("import hepflow; hepflow.ConfigError; dir(hepflow)") == []


def test_help_loads_nothing_heavy():
    code = "from hepflow.cli import main\n"
    code += "try:\n    main(['--help'])\nexcept SystemExit as end:\n    assert not end.code"
    assert loaded_after(code) == []


def test_windows_need_numpy_alone():
    assert loaded_after("import hepflow; hepflow.Windows((3, 4), [(2, 3), (4, 5)])") == ["numpy"]


@pytest.mark.parametrize("name", hepflow.__all__)
def test_every_public_name_can_be_had(name):
    assert getattr(hepflow, name).__name__ in (name, f"hepflow.{name}")
    assert name in dir(hepflow)


def test_features_stays_the_function():
    code = (
        "import hepflow.features, hepflow\n"
        "from hepflow.features import features\n"
        "assert hepflow.features is features and callable(features)\n"
        "assert hepflow.features is features"
    )
    loaded_after(code)


def test_misspelt_names_are_corrected():
    with pytest.raises(AttributeError, match="no attribute 'Window'; did you mean 'Windows'"):
        hepflow.Window  # noqa: B018
    with pytest.raises(AttributeError, match="known: "):
        hepflow.zzz  # noqa: B018
    assert not hasattr(hepflow, "__wrapped__")


def test_version():
    assert hepflow.__version__.count(".") == 2
