"""Searches made of many analyses, as frozen records: ``scan.json`` and ``limits.json``. Figures draw from them."""

from hepflow.searches.retraining import CutLimits, EfficiencyPoint, RetrainedLimits
from hepflow.searches.windows import Excess, WindowCut, WindowResult, WindowScan

__all__ = [
    "CutLimits",
    "EfficiencyPoint",
    "Excess",
    "RetrainedLimits",
    "WindowCut",
    "WindowResult",
    "WindowScan",
]
