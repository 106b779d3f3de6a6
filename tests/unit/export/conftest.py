"""A small spectrum whose workspaces have every kind of error, and the results of a run that never was."""

import logging
from dataclasses import replace

import numpy as np
import pytest

from hepflow import Results, Spectrum, Windows
from hepflow.parts import ClosureRecord, SmoothRecord
from hepflow.results import CutResult, Histogram, SpectrumRecord
from hepflow.stats import SignalTemplate, workspace

WINDOWS = Windows((3300, 3700), [(2900, 3300), (3700, 4100)])
EDGES = WINDOWS.edges(100.0)


@pytest.fixture
def logging_restored():
    """Undo what the first import of pyhs3 does: it disables all loggers there are, and gives the root handlers."""
    root = logging.getLogger()
    handlers = list(root.handlers)
    yield
    root.handlers = [handler for handler in root.handlers if handler in handlers]
    for name in list(root.manager.loggerDict):
        logging.getLogger(name).disabled = False


@pytest.fixture
def spectrum():
    expected = np.linspace(60, 20, 12)
    observed = expected.round()
    observed[5:7] += 12
    return Spectrum(EDGES, observed, expected, WINDOWS, {"shape": 0.05 * expected}, 0.2 * expected, True)


@pytest.fixture
def signal_at():
    """Return a function that makes a signal at a mass: three bins, no event elsewhere, a statistical error."""

    def make(mass):
        counts = np.where(np.abs(0.5 * (EDGES[1:] + EDGES[:-1]) - mass) < 140, 8.0, 0.0)
        return SignalTemplate(counts, 0.1 * counts, f"{mass:g} GeV")

    return make


@pytest.fixture
def points(spectrum, signal_at):
    """Return masses and their workspaces."""
    return [(mass, workspace(spectrum, signal_at(mass))) for mass in (3400.0, 3500.0, 3600.5)]


@pytest.fixture
def results():
    """Return the results of a run: no cut, a cut, and one that none of the signal passes."""
    record = SpectrumRecord(
        (3000.0, 3100.0, 3250.0), (121352.0, 90.0), (121000.4, 100.25), (11.5, 2.0), (7.0, 0.5)
    )
    inclusive = CutResult(
        background_efficiency=1.0,
        threshold=None,
        n_obs=121442.0,
        n_exp=121100.65,
        n_exp_error=12.0,
        pull=0.98,
        z=0.97654321,
        p0=0.16440012,
        mu_hat=0.5,
        mu_hat_error=0.52,
        mu_up_obs=1.5,
        mu_up_exp=(0.5, 0.7, 1.0, 1.4, 1.9),
        spectrum=record,
    )
    lost = {"mu_hat": None, "mu_hat_error": None, "mu_up_obs": None, "mu_up_exp": (None,) * 5}
    histogram = Histogram((0.0, 1.0), {"data": (1.0,)}, "score", "signal region")
    return Results(
        name="lhco",
        seed=7,
        method="cathode",
        versions={"hepflow": "0.1.0"},
        config_hash="0" * 16,
        cutflow=(("events read", 300_000),),
        regions={"signal": (3300.0, 3700.0), "sidebands": ((2900.0, 3300.0), (3700.0, 4100.0))},
        counts={},
        closure=ClosureRecord(0.502, 0.003, None),
        inclusive=inclusive,
        cuts=(
            replace(inclusive, background_efficiency=0.01, n_obs=1300.0, mu_up_obs=0.9),
            replace(inclusive, background_efficiency=0.001, spectrum=replace(record, signal=None), **lost),
        ),
        features=(),
        scores=histogram,
        losses=(),
        truth=None,
        signal_unit="the injected signal, 450 events",
        smooth=SmoothRecord(2, 19.8, 21, 0.53, ()),
        timing={},
    )
