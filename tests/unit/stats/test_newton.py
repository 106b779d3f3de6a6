"""Newton steps of many fits against the dense matrices that they avoid."""

import numpy as np
import pytest

from hepflow.stats import HistFactory, open_workspace
from hepflow.stats.batch import fit_many
from hepflow.stats.newton import NewtonSteps
from hepflow.stats.toys import throw


def crowded(nuisances, *, bins=3, rest=True):
    """Return a workspace of two channels: this many scales and as many shifts, and errors of every bin."""
    random = np.random.default_rng(5)
    channels = []
    for name, number in (("signal", bins), ("control", 1)):
        samples = []
        for sample, size in (("top", 12.0), ("other", 5.0)):
            events = (size * random.uniform(0.5, 1.5, number)).tolist()
            modifiers = [
                {"name": f"gamma_{name}", "type": "staterror", "data": [0.1 * each for each in events]}
            ]
            if rest and sample == "top":
                modifiers.append({"name": "mu_top", "type": "normfactor", "data": None})
            for index in range(nuisances):
                up, down = random.uniform(0.01, 0.15, 2)
                modifiers.append(
                    {"name": f"scale{index}", "type": "normsys", "data": {"hi": 1 + up, "lo": 1 - down}}
                )
                tilt = random.uniform(0.01, 0.15, number)
                shifted = {
                    "hi_data": (np.array(events) * (1 + tilt)).tolist(),
                    "lo_data": (np.array(events) * (1 - 0.8 * tilt)).tolist(),
                }
                modifiers.append({"name": f"shift{index}", "type": "histosys", "data": shifted})
            samples.append({"name": sample, "data": events, "modifiers": modifiers})
        new = (2.0 if name == "signal" else 0.01) * random.uniform(0.5, 1.5, number)
        mu = {"name": "mu", "type": "normfactor", "data": None}
        samples.append({"name": "new", "data": new.tolist(), "modifiers": [mu]})
        channels.append({"name": name, "samples": samples})
    return {
        "channels": channels,
        "observations": [
            {"name": "signal", "data": [20.0] * bins},
            {"name": "control", "data": [15.0]},
        ],
        "measurements": [{"name": "fit", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }


def likelihood_of(spec):
    return HistFactory(open_workspace(spec)[0])


@pytest.mark.parametrize("nuisances", [1, 2, 12])  # fewer than bins, as many, and more
def test_steps_are_those_of_the_whole_matrix(nuisances):
    model = likelihood_of(crowded(nuisances))
    random = np.random.default_rng(1)
    data = throw(model, model.at(0.5), 6, random)
    x = model.at(0.7) * random.uniform(0.9, 1.1, (6, len(model.names))) + 0.02
    at = model.expand(x, data)
    free = ~model.fixed
    moving = np.tile(free, (6, 1))
    moving[1, model.poi] = moving[2, model.names.index("scale0")] = moving[3, np.argmax(model.alone)] = False
    steps = NewtonSteps(model, free)(at, moving)
    for row, curvature in enumerate(at.curvature):
        kept = moving[row]
        wanted = np.linalg.solve(curvature[np.ix_(kept, kept)], -at.gradient[row, kept])
        np.testing.assert_allclose(steps[row, kept], wanted, rtol=1e-6, atol=1e-9)
        assert not np.any(steps[row, ~kept])


def test_fits_do_not_depend_on_which_matrix_is_solved(monkeypatch):
    model = likelihood_of(crowded(12))
    toys = throw(model, model.at(1.0), 20, np.random.default_rng(2))
    found = fit_many(model, toys, model.at(1.0))
    init = NewtonSteps.__init__

    def of_parameters(steps, model, free):
        init(steps, model, free)
        steps._held, steps._rest = steps._held[:0], np.arange(len(steps._shared))

    monkeypatch.setattr(NewtonSteps, "__init__", of_parameters)
    dense = fit_many(model, toys, model.at(1.0))
    assert found.valid.all()
    np.testing.assert_allclose(found.value, dense.value, atol=1e-6)


def test_parts_of_an_expansion_are_columns_of_all_derivatives():
    model = likelihood_of(crowded(2))
    x = model.at(0.5) * 1.01 + 0.01
    rates, jacobian = model.rates(x)
    at = model.expand(x, model.data(np.full(model.n_bins, 9.0)))
    for index in (np.arange(len(model.names)), np.array([0, 3, 5]), np.flatnonzero(model.alone < 0)):
        np.testing.assert_array_equal(at.columns(index), jacobian[:, index])
    step = 1e-6
    for index in range(len(model.names)):
        beside = x.copy()
        beside[index] += step
        np.testing.assert_allclose(
            (model.rates(beside)[0] - rates) / step, jacobian[:, index], rtol=2e-4, atol=1e-4
        )
    np.testing.assert_allclose(at.diagonal, np.diag(at.curvature))
