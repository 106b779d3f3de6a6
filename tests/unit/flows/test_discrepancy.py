"""A discrepancy in the loss: its value by hand, its slope, what it does to a training, and files."""

from functools import partial

import numpy as np
import pytest
import torch

from hepflow.errors import ConfigError
from hepflow.flows import ConditionalDensity, TrainingPlan, mixture_autoregressive, spline_autoregressive
from hepflow.flows.bijections import Standardise
from hepflow.flows.discrepancy import WIDTHS, Discrepancy, discrepancy
from hepflow.weights import load_weights, save_weights

NAMES = ("a", "b")
TINY = partial(spline_autoregressive, layers=1, hidden=4)
PLAN = TrainingPlan(epochs=2, batch_size=64)


def table(events=300, seed=1):
    """Two columns whose difference is narrow."""
    random = np.random.default_rng(seed)
    a = random.normal(0, 1, events)
    return np.stack([a, a + random.normal(0, 0.05, events)], axis=1)


def test_the_unbiased_estimate_by_hand():
    x, y = torch.tensor([0.0, 1.0]), torch.tensor([0.0, 3.0])

    def kernel(d):
        return np.mean([w**2 / (w**2 + d**2) for w in WIDTHS])

    expected = kernel(1) + kernel(3) - 2 * (kernel(0) + kernel(3) + kernel(1) + kernel(2)) / 4
    assert float(discrepancy(x, y)) == pytest.approx(expected, rel=1e-5)


def test_samples_of_one_distribution_have_none_and_of_two_have_some():
    random = torch.Generator().manual_seed(1)
    first, second = (torch.randn(1000, generator=random) for _ in range(2))
    assert abs(float(discrepancy(first, second))) < 4e-3
    assert float(discrepancy(first, 1.5 * second)) > 0.01


def test_the_loss_and_its_slope():
    """The slope of the loss in the parameters is that of differences, samples through numpy and all."""
    x = table()
    aside = Discrepancy({"relative": ["b", "a"]}, 5.0)
    torch.manual_seed(1)
    members = aside.members([TINY(2, 0).double()], x, NAMES, Standardise.fit(x)).double()
    rows = torch.from_numpy(Standardise.fit(x).forward(x)[0])[None]

    def loss():
        torch.manual_seed(2)  # the same draws
        return members.losses(rows).mean()

    (slope,) = torch.autograd.grad(loss(), members.table)
    random = torch.Generator().manual_seed(3)
    way = torch.randn(members.table.shape, generator=random, dtype=torch.float64) * members.mask
    with torch.no_grad():
        members.table += 1e-5 * way
        high = loss()
        members.table -= 2e-5 * way
        low = loss()
    assert float((slope * way).sum()) == pytest.approx(float(high - low) / 2e-5, rel=1e-3)


def test_a_density_is_trained_with_it_and_kept(tmp_path):
    aside = Discrepancy({"relative": ["b", "a"]})
    plain = ConditionalDensity(TINY, PLAN, 1).fit(table(), names=NAMES, seed=1)
    density = ConditionalDensity(TINY, PLAN, 1, discrepancy=aside).fit(table(), names=NAMES, seed=1)
    assert (density.log_prob(table()) != plain.log_prob(table())).any()
    save_weights(tmp_path / "w.safetensors", density)
    back = load_weights(tmp_path / "w.safetensors", ConditionalDensity)
    np.testing.assert_array_equal(back.log_prob(table()), density.log_prob(table()))
    again = back.fit(table(), names=NAMES, seed=1)
    np.testing.assert_array_equal(again.log_prob(table()), density.log_prob(table()))


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ConfigError, match="weight -1; expected a number above zero"):
        Discrepancy({"relative": ["b", "a"]}, -1)
    with pytest.raises(ConfigError, match="relative: no feature 'c'"):
        ConditionalDensity(TINY, PLAN, 1, discrepancy=Discrepancy({"relative": ["b", "c"]})).fit(
            table(), names=NAMES
        )
    with pytest.raises(ConfigError, match="mixture_autoregressive draws without a slope"):
        ConditionalDensity(
            mixture_autoregressive, PLAN, 1, discrepancy=Discrepancy({"relative": ["b", "a"]})
        ).fit(table(), names=NAMES)
