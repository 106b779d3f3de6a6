"""Studies: what commands make whole, a room each. `hepflow.catalogue.STUDIES` has the list.

What stands in `__all__` is public: studies by name or folder, and the records and figures of each. A name is imported
when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hepflow.studies.comparison.figures import draw_comparison
    from hepflow.studies.comparison.record import Comparison
    from hepflow.studies.known import study, study_of
    from hepflow.studies.limits.figures import efficiency_curves, retrained_limits
    from hepflow.studies.limits.record import RetrainedLimits
    from hepflow.studies.report import write_report
    from hepflow.studies.search.figures import draw_run
    from hepflow.studies.tuning.record import Tuning
    from hepflow.studies.windows.figures import window_scan
    from hepflow.studies.windows.record import WindowScan

__all__ = [
    "Comparison",
    "RetrainedLimits",
    "Tuning",
    "WindowScan",
    "draw_comparison",
    "draw_run",
    "efficiency_curves",
    "retrained_limits",
    "study",
    "study_of",
    "window_scan",
    "write_report",
]

_HOMES = {
    "Comparison": "comparison.record",
    "RetrainedLimits": "limits.record",
    "Tuning": "tuning.record",
    "WindowScan": "windows.record",
    "draw_comparison": "comparison.figures",
    "draw_run": "search.figures",
    "efficiency_curves": "limits.figures",
    "retrained_limits": "limits.figures",
    "study": "known",
    "study_of": "known",
    "window_scan": "windows.figures",
    "write_report": "report",
}


def __getattr__(name: str) -> Any:
    """Import a public name on its first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'hepflow.studies' has no attribute {name!r}")
    return getattr(importlib.import_module(f"hepflow.studies.{_HOMES[name]}"), name)
