"""Report: the record of a run, scan, comparison or limits as one HTML file that needs nothing else."""

from hepflow.report.write import write_report

__all__ = ["write_report"]
