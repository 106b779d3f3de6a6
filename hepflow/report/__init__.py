"""Report: the records of a run or a comparison as one HTML file that needs nothing else, not even a network."""

from hepflow.report.write import write_report

__all__ = ["write_report"]
