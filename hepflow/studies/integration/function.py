"""The user's function and channels: found by their names, and blamed for their own errors."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from hepflow.config.integration import PYTHON
from hepflow.errors import ConfigError, InputError, did_you_mean
from hepflow.integration import BreitWigner, Channel, Integrand, PowerLaw, Uniform, massless
from hepflow.integration.integrand import integrand
from hepflow.studies.integration.source import source

TRIED = 8  # points
KINDS: dict[str, Any] = {
    "breit-wigner": BreitWigner,
    "breit-wigner-mass": lambda mass, width: BreitWigner(mass, width, of_mass=True),
    "power": PowerLaw,
    "massless": massless,
    "uniform": Uniform,
}


def load(target: str, dim: int | None, bounds: Sequence[Sequence[float]] | None) -> Integrand:
    """Return what ``FILE.py:NAME`` or ``module:NAME`` names as an integrand; its code is run.

    Raises
    ------
    ConfigError
        If it is nothing that can be integrated over these axes.
    InputError
        If it is not there, or its module ends with an error.
    """
    module, _, name = target.rpartition(":")
    found = _imported(target, module)
    if not hasattr(found, name):
        raise InputError(f"{target}: no {name!r} in {module}: {did_you_mean(name, vars(found))}")
    function = getattr(found, name)
    if not isinstance(function, Integrand) and not callable(function):
        raise ConfigError(f"{target}: a {type(function).__name__}; expected a function of points (N, D)")
    made = integrand(function, dim, bounds)
    return replace(made, function=_blamed(target, made.function))


def tried(made: Integrand) -> None:
    """Call an integrand at a few points; errors as of `load`, and of values that are none."""
    low, high = np.transpose(made.box)
    made(low + (high - low) * np.random.default_rng(1).random((TRIED, made.axes)))


def channel(text: str) -> Channel:
    """Return the channel that a text describes: mappings of axes, divided by commas.

    Raises
    ------
    ConfigError
        With what cannot be read.
    """
    axes = {}
    for part in text.split(","):
        words = part.split()
        if len(words) < 2 or words[1] not in KINDS:
            known = did_you_mean(words[1] if len(words) > 1 else "", KINDS)
            raise ConfigError(
                f"channel {text!r}: expected an axis and a mapping, such as '0 power -2'; {known}"
            )
        try:
            axes[int(words[0])] = KINDS[words[1]](*map(float, words[2:]))
        except (TypeError, ValueError) as error:
            raise ConfigError(f"channel {text!r}: {part.strip()!r} has the wrong numbers ({error})") from None
    return Channel(axes)


def _imported(target: str, module: str) -> ModuleType:
    """Return a module, which may import what stands beside its file."""
    (*files,) = source(target)
    try:
        if not module.endswith(PYTHON):
            return importlib.import_module(module)
        file = Path(files[0]).resolve()
        if str(file.parent) not in sys.path:
            sys.path.insert(0, str(file.parent))
        spec = importlib.util.spec_from_file_location(file.stem, file)
        assert spec is not None
        assert spec.loader is not None
        found = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(found)  # as it is now, whatever this process imported before
    except Exception as error:
        raise InputError(f"{target}: the module ends with {_told(error)}") from error
    return found


def _blamed(target: str, function: Any) -> Any:
    """Return the function, whose own errors are told as such."""

    def called(x: Any) -> Any:
        try:
            return function(x)
        except Exception as error:
            raise InputError(
                f"{target}, called with points of shape {tuple(x.shape)}: {_told(error)}"
            ) from error

    return called


def _told(error: Exception) -> str:
    """Return an error of code that is not hepflow's, and the line of that code, where Python knows it."""
    frames = [one for one in traceback.extract_tb(error.__traceback__)[1:] if "importlib" not in one.filename]
    where = f" ({frames[0].filename}, line {frames[0].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"
