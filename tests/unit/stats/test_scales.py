"""Scales by channel and sample against pyhf, inside and beyond one standard deviation."""

import numpy as np
import pytest

from hepflow.stats import HistFactory, open_workspace


@pytest.fixture
def opened():
    """Return a model in which scales differ by channel and sample, one of them being one either way."""

    def scale(name, up, down):
        return {"name": name, "type": "normsys", "data": {"hi": up, "lo": down}}

    mu = {"name": "mu", "type": "normfactor", "data": None}
    spec = {
        "channels": [
            {
                "name": "few",
                "samples": [
                    {"name": "new", "data": [1.0, 2.0], "modifiers": [mu, scale("lumi", 1.02, 0.98)]},
                    {
                        "name": "top",
                        "data": [9.0, 8.0],
                        "modifiers": [scale("lumi", 1.02, 0.98), scale("jes", 1.3, 0.9)],
                    },
                ],
            },
            {
                "name": "many",
                "samples": [
                    {
                        "name": "top",
                        "data": [50.0] * 3,
                        "modifiers": [scale("jes", 0.8, 1.1), scale("none", 1.0, 1.0)],
                    },
                    {"name": "rest", "data": [5.0] * 3, "modifiers": []},
                ],
            },
        ],
        "observations": [{"name": "few", "data": [10.0, 9.0]}, {"name": "many", "data": [52.0] * 3}],
        "measurements": [{"name": "fit", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
    }
    return open_workspace(spec)[0]


@pytest.mark.parametrize("pull", [-2.5, -1.0, -0.4, 0.0, 0.7, 1.0, 3.0])
def test_rates_are_those_of_pyhf(opened, pull):
    likelihood = HistFactory(opened)
    x = likelihood.at(1.2)
    for name, sign in (("jes", 1.0), ("lumi", -0.5)):
        x[likelihood.names.index(name)] = sign * pull
    wanted = opened.expected_data(x, include_auxdata=False)
    np.testing.assert_allclose(likelihood.rates(x)[0], wanted, rtol=1e-12)
    np.testing.assert_allclose(likelihood.rates(np.stack([x, likelihood.init]))[0][0], wanted, rtol=1e-12)
    np.testing.assert_allclose(likelihood.sample_rates(x).sum(axis=0), wanted, rtol=1e-12)
    _, jacobian = likelihood.rates(x)
    for index in range(len(x)):
        beside = np.stack([x, x])
        beside[:, index] += [1e-6, -1e-6]
        rates = likelihood.rates(beside)[0]
        np.testing.assert_allclose(jacobian[:, index], (rates[0] - rates[1]) / 2e-6, atol=1e-5)
    assert not np.any(jacobian[:, likelihood.names.index("none")])
