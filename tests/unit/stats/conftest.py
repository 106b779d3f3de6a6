"""Spectra and workspaces that the statistics tests share."""

from functools import partial

import numpy as np
import pytest
from hypothesis import strategies as st

from hepflow import Spectrum, Windows
from hepflow.stats import gaussian_signal

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


@st.composite
def workspace(draw, most_channels=3, most_bins=4, most_events=1e4):
    """Draw a workspace of some channels, with systematics of every kind and data that may hold signal."""

    def column(values, size):
        return draw(st.lists(values, min_size=size, max_size=size))

    def events(least):
        return st.floats(np.log(least), np.log(most_events)).map(lambda x: round(float(np.exp(x)), 3))

    def modifiers(channel, sample, counts):
        size = st.floats(0.02, 0.2)
        yield "lumi", "lumi", None
        yield "scale", "normsys", {"hi": 1 + draw(size), "lo": 1 - draw(size)}
        shift, skew = column(st.floats(-0.2, 0.2), len(counts)), column(st.floats(0.5, 2), len(counts))
        up, down = 1 + np.array(shift), 1 - np.multiply(shift, skew)
        yield "shift", "histosys", {"hi_data": list(counts * up), "lo_data": list(counts * down)}
        errors = list(counts * np.array(column(st.floats(0.02, 0.4), len(counts))))
        yield f"stat_{channel}", "staterror", errors
        yield f"bins_{channel}_{sample}", "shapesys", errors

    used = draw(st.sets(st.sampled_from(["lumi", "scale", "shift", "stat", "bins"])))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    strength = draw(st.sampled_from([0.0, 1.0, 3.0]))
    channels, observations = [], []
    for channel in range(draw(st.integers(1, most_channels))):
        background = np.array(column(events(0.5), draw(st.integers(1, most_bins))))
        signal = np.array(column(st.floats(0.1, 2), len(background))) * (1 + np.sqrt(background))
        samples = []
        for sample, counts in (("background", background), ("signal", signal)):
            found = [
                {"name": name, "type": kind, "data": data}
                for name, kind, data in modifiers(channel, sample, counts)
                if name.split("_")[0] in used
            ]
            found += [normfactor("mu")] if sample == "signal" else []
            samples.append({"name": sample, "data": list(counts), "modifiers": found})
        channels.append({"name": f"channel_{channel}", "samples": samples})
        observations.append(rng.poisson(background + strength * signal))
    if draw(
        st.booleans()
    ):  # what scales the background of the first channel freely, and a channel that measures it
        channels[0]["samples"][0]["modifiers"].append(normfactor("norm"))
        control = {"name": "background", "data": [draw(events(20.0))], "modifiers": [normfactor("norm")]}
        channels.append({"name": "control", "samples": [control]})
        observations.append(rng.poisson(control["data"]))
    lumi = {"name": "lumi", "auxdata": [1.0], "sigmas": [0.03], "bounds": [[0.5, 1.5]], "inits": [1.0]}
    return {
        "channels": channels,
        "observations": [
            {"name": channel["name"], "data": [float(n) for n in data]}
            for channel, data in zip(channels, observations, strict=True)
        ],
        "measurements": [
            {"name": "m", "config": {"poi": "mu", "parameters": [lumi] if "lumi" in used else []}}
        ],
        "version": "1.0.0",
    }


@pytest.fixture(scope="session")
def workspaces():
    """Return the strategy that draws workspaces."""
    return workspace


@pytest.fixture(scope="session")
def dijet():
    """Return bin edges in GeV, and a function that makes a dijet spectrum of some events in them, without noise."""
    edges = np.linspace(2500, 5500, 61)
    x = 0.5 * (edges[1:] + edges[:-1]) / 13_000
    density = (1 - x) ** 17 / x**2
    return edges, lambda events: events * density / density.sum()


@pytest.fixture(scope="session")
def gaussian():
    """Return the shape of a Gaussian resonance of 3 % width at a mass in GeV."""
    return lambda mass: partial(gaussian_signal, mass=mass, width=0.03 * mass)
