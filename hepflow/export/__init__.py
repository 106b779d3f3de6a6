"""What leaves for others to use: likelihoods (pyhf patchset, HS3), HEPData tables, histograms, weights, a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hepflow.export.hepdata import run_tables, scan_tables
from hepflow.export.histograms import run_histograms, write_root, write_uhi
from hepflow.export.hs3 import hs3, write_hs3
from hepflow.export.patchset import SignalPatches, signal_patches
from hepflow.export.records import record, write_record
from hepflow.export.run import Exported, export_run
from hepflow.export.submission import write_submission
from hepflow.shown import show_briefly

if TYPE_CHECKING:
    from hepflow.export.onnx_model import write_onnx

__all__ = [
    "Exported",
    "SignalPatches",
    "export_run",
    "hs3",
    "record",
    "run_histograms",
    "run_tables",
    "scan_tables",
    "signal_patches",
    "write_hs3",
    "write_onnx",
    "write_record",
    "write_root",
    "write_submission",
    "write_uhi",
]


def __getattr__(name: str) -> Any:
    """Import `write_onnx` on its first use: networks bring torch, which nothing else here needs."""
    if name == "write_onnx":
        from hepflow.export.onnx_model import write_onnx

        return write_onnx
    raise AttributeError(f"module 'hepflow.export' has no attribute {name!r}")


show_briefly([globals()[name] for name in __all__ if name in globals()])
