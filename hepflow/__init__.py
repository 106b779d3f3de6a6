"""hepflow: resonant anomaly searches, from ROOT or HDF5 files to a p-value, a limit and the figures.

What stands in `__all__` is the public interface. Each name is imported when it is first used, so that
``import hepflow`` costs nothing.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from hepflow.version import __version__ as __version__

if TYPE_CHECKING:
    from hepflow import (
        classifiers,
        export,
        flows,
        generation,
        integration,
        methods,
        outliers,
        plots,
        selection,
        showers,
        smooth,
        stats,
        studies,
        twosample,
        unfolding,
    )
    from hepflow.classifiers import crossfit
    from hepflow.errors import ConfigError, FitError, HepflowError, InputError
    from hepflow.events import Events
    from hepflow.features import events_of, features
    from hepflow.generation import subtract
    from hepflow.integration import integrate
    from hepflow.quantity import Quantity
    from hepflow.readers.reading import read
    from hepflow.regions import Windows
    from hepflow.results import Results
    from hepflow.sample import Sample, inject
    from hepflow.selection import cuts, inclusive, score, validate, validate_in_simulation
    from hepflow.spectrum import Spectrum
    from hepflow.storage import load_events, load_sample, save_sample
    from hepflow.twosample import two_sample

__all__ = [
    "ConfigError",
    "Events",
    "FitError",
    "HepflowError",
    "InputError",
    "Quantity",
    "Results",
    "Sample",
    "Spectrum",
    "Windows",
    "classifiers",
    "crossfit",
    "cuts",
    "events_of",
    "export",
    "features",
    "flows",
    "generation",
    "inclusive",
    "inject",
    "integrate",
    "integration",
    "load_events",
    "load_sample",
    "methods",
    "outliers",
    "plots",
    "read",
    "save_sample",
    "score",
    "selection",
    "showers",
    "smooth",
    "stats",
    "studies",
    "subtract",
    "two_sample",
    "twosample",
    "unfolding",
    "validate",
    "validate_in_simulation",
]

_ROOMS = (
    "classifiers",
    "export",
    "flows",
    "generation",
    "integration",
    "methods",
    "outliers",
    "plots",
    "selection",
    "showers",
    "smooth",
    "stats",
    "studies",
    "twosample",
    "unfolding",
)
_HOMES = {
    "ConfigError": "errors",
    "Events": "events",
    "FitError": "errors",
    "HepflowError": "errors",
    "InputError": "errors",
    "Quantity": "quantity",
    "Results": "results",
    "Sample": "sample",
    "Spectrum": "spectrum",
    "Windows": "regions",
    "crossfit": "classifiers",
    "cuts": "selection",
    "events_of": "features",
    "features": "features",
    "inclusive": "selection",
    "inject": "sample",
    "integrate": "integration",
    "load_events": "storage",
    "load_sample": "storage",
    "read": "readers",
    "save_sample": "storage",
    "score": "selection",
    "subtract": "generation",
    "two_sample": "twosample",
    "validate": "selection",
    "validate_in_simulation": "selection",
}


def __getattr__(name: str) -> Any:
    """Import a public name on its first use (PEP 562)."""
    if name in _ROOMS:
        return importlib.import_module(f"hepflow.{name}")
    if name in _HOMES:
        value = getattr(importlib.import_module(f"hepflow.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    if name.startswith("__"):  # asked for by tools that look at modules; nothing a person mistypes
        raise AttributeError(f"module 'hepflow' has no attribute {name!r}")
    from hepflow.errors import did_you_mean

    raise AttributeError(f"module 'hepflow' has no attribute {name!r}; {did_you_mean(name, __all__)}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


class _Package(ModuleType):
    """The package's own type, for the one name that is both a module and the function in it.

    Python binds a submodule to its package once it is imported; ``hepflow.features`` stays the function.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name == "features" and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
