"""What leaves for others to use: likelihoods as pyhf patchset and HS3, tables for HEPData, records as JSON."""

from hepflow.export.hepdata import run_tables, scan_tables
from hepflow.export.hs3 import hs3, write_hs3
from hepflow.export.patchset import SignalPatches, signal_patches
from hepflow.export.records import record, write_record
from hepflow.export.submission import write_submission

__all__ = [
    "SignalPatches",
    "hs3",
    "record",
    "run_tables",
    "scan_tables",
    "signal_patches",
    "write_hs3",
    "write_record",
    "write_submission",
]
