"""Spectra and workspaces that the statistics tests share."""

import numpy as np
import pytest

from hepflow import Spectrum, Windows

WINDOWS = Windows((3300, 3700), [(2500, 3300), (3700, 5000)])
EDGES = WINDOWS.edges(50.0)


@pytest.fixture
def windows():
    return WINDOWS


@pytest.fixture
def edges():
    return EDGES


@pytest.fixture
def make_spectrum():
    """Return a function that makes a falling spectrum with modes and errors from bin to bin."""

    def make(scale=100.0, *, sidebands=True, excess=0.0, modes=4, seed=1):
        rng = np.random.default_rng(seed)
        expected = scale * np.exp(-(EDGES[:-1] - 2500) / 600)
        phase = np.linspace(0, 3, len(expected))
        shifts = {f"mode_{k}": 0.05 * expected * np.cos(k * phase) for k in range(modes)}
        observed = rng.poisson(expected).astype(float)
        bump = np.exp(-0.5 * ((EDGES[:-1] - 3475) / 80) ** 2)
        observed += np.round(excess * bump / bump.sum())
        return Spectrum(EDGES, observed, expected, WINDOWS, shifts, 0.3 * np.sqrt(expected), sidebands)

    return make


def normfactor(name):
    """Return a modifier that scales freely."""
    return {"name": name, "type": "normfactor", "data": None}


@pytest.fixture
def counting():
    """Return a function that makes the workspace of independent bins: signal, background, its errors, data."""

    def make(signal, background, errors, observed, **config):
        modifiers = [{"name": "error", "type": "shapesys", "data": errors}] if errors else []
        samples = [
            {"name": "signal", "data": signal, "modifiers": [normfactor("mu")]},
            {"name": "background", "data": background, "modifiers": modifiers},
        ]
        return {
            "channels": [{"name": "bins", "samples": samples}],
            "observations": [{"name": "bins", "data": observed}],
            "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": [], **config}}],
            "version": "1.0.0",
        }

    return make
