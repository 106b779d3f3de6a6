"""Comparisons of methods as frozen records, from which figures and tables draw."""

from hepflow.comparison.columns import Column, columns
from hepflow.comparison.comparison import SCHEMA, Comparison, read_matrices, read_result
from hepflow.comparison.records import Estimate, Matrix, MethodCut, MethodResult
from hepflow.comparison.summary import IDEALIZED, Summary

__all__ = [
    "IDEALIZED",
    "SCHEMA",
    "Column",
    "Comparison",
    "Estimate",
    "Matrix",
    "MethodCut",
    "MethodResult",
    "Summary",
    "columns",
    "read_matrices",
    "read_result",
]
