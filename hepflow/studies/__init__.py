"""Studies: what commands make whole, a room each. `hepflow.catalogue.STUDIES` has the list.

What stands in `__all__` is public: studies by name or folder, and the records and figures of each. A name is imported
when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hepflow.engine.study import Study
    from hepflow.studies.comparison.record import Comparison
    from hepflow.studies.generation.record import GenerationRecord
    from hepflow.studies.integration.record import IntegrationRecord
    from hepflow.studies.known import study, study_of
    from hepflow.studies.limits.figures import efficiency_curves, retrained_limits
    from hepflow.studies.limits.record import CutLimits, EfficiencyPoint, RetrainedLimits
    from hepflow.studies.show import draw, write_report
    from hepflow.studies.showers.record import ShowerRecord
    from hepflow.studies.tuning.record import Tuning
    from hepflow.studies.unfolding.record import UnfoldingRecord
    from hepflow.studies.windows.figures import window_limits, window_scan
    from hepflow.studies.windows.record import Excess, WindowCut, WindowResult, WindowScan

__all__ = [
    "Comparison",
    "CutLimits",
    "EfficiencyPoint",
    "Excess",
    "GenerationRecord",
    "IntegrationRecord",
    "RetrainedLimits",
    "ShowerRecord",
    "Study",
    "Tuning",
    "UnfoldingRecord",
    "WindowCut",
    "WindowResult",
    "WindowScan",
    "draw",
    "efficiency_curves",
    "retrained_limits",
    "study",
    "study_of",
    "window_limits",
    "window_scan",
    "write_report",
]

_HOMES = {
    "Comparison": "hepflow.studies.comparison.record",
    "CutLimits": "hepflow.studies.limits.record",
    "EfficiencyPoint": "hepflow.studies.limits.record",
    "Excess": "hepflow.studies.windows.record",
    "GenerationRecord": "hepflow.studies.generation.record",
    "IntegrationRecord": "hepflow.studies.integration.record",
    "RetrainedLimits": "hepflow.studies.limits.record",
    "ShowerRecord": "hepflow.studies.showers.record",
    "Study": "hepflow.engine.study",
    "Tuning": "hepflow.studies.tuning.record",
    "UnfoldingRecord": "hepflow.studies.unfolding.record",
    "WindowCut": "hepflow.studies.windows.record",
    "WindowResult": "hepflow.studies.windows.record",
    "WindowScan": "hepflow.studies.windows.record",
    "draw": "hepflow.studies.show",
    "efficiency_curves": "hepflow.studies.limits.figures",
    "retrained_limits": "hepflow.studies.limits.figures",
    "study": "hepflow.studies.known",
    "study_of": "hepflow.studies.known",
    "window_limits": "hepflow.studies.windows.figures",
    "window_scan": "hepflow.studies.windows.figures",
    "write_report": "hepflow.studies.show",
}


def __getattr__(name: str) -> Any:
    """Import a public name on its first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'hepflow.studies' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
