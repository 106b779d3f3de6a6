"""Are two samples the same? Distances and classifier tests, with errors and p-values."""

from hepflow.shown import show_briefly
from hepflow.twosample.classifier import ClassifierTest
from hepflow.twosample.compare import TESTS, two_sample
from hepflow.twosample.cumulative import KolmogorovSmirnov, SlicedWasserstein, Wasserstein
from hepflow.twosample.histograms import ChiSquare, Hellinger, KullbackLeibler
from hepflow.twosample.kernel import MaximumMeanDiscrepancy
from hepflow.twosample.moments import Correlations, Frechet
from hepflow.twosample.pooled import Pooled, Table
from hepflow.twosample.power import Planted, planted_differences
from hepflow.twosample.result import Difference, TwoSample
from hepflow.twosample.statistic import Measure, Statistic

__all__ = [
    "TESTS",
    "ChiSquare",
    "ClassifierTest",
    "Correlations",
    "Difference",
    "Frechet",
    "Hellinger",
    "KolmogorovSmirnov",
    "KullbackLeibler",
    "MaximumMeanDiscrepancy",
    "Measure",
    "Planted",
    "Pooled",
    "SlicedWasserstein",
    "Statistic",
    "Table",
    "TwoSample",
    "Wasserstein",
    "planted_differences",
    "two_sample",
]

show_briefly([globals()[name] for name in __all__])
