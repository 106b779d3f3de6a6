"""Transport: known displacements are found, undone, and found again from the same seed."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from scipy import stats

from hepflow.errors import ConfigError, InputError
from hepflow.flows import (
    Density,
    Transport,
    affine_autoregressive,
    mixture_autoregressive,
    spline_autoregressive,
    spline_coupling,
)
from hepflow.flows.apart import fit_apart
from hepflow.flows.preprocess import logit_preprocessing
from hepflow.flows.transport import TransportMembers, start_at_identity, transport_apart
from hepflow.sample import Sample
from hepflow.training import TrainingPlan

FLOW = partial(spline_autoregressive, layers=2, hidden=16, bins=6)
MAP = partial(spline_coupling, layers=4, hidden=8, bins=6)
PLAN = TrainingPlan(epochs=5, batch_size=250, learning_rate=1e-2, best_epochs=1)
QUICK = replace(PLAN, epochs=1, batch_size=64)
NAMES = ("a", "b")
SHIFT = 30.0  # GeV


def gaussian(events, seed, shift=0.0):
    """Two correlated Gaussians of width 50 and 30 GeV; the first moves by `shift` at 3500 GeV, in step with mass."""
    random = np.random.default_rng(seed)
    mass = random.uniform(2500, 5000, events)
    first = random.normal(300, 50, events)
    second = random.normal(0.5 * first, 30)
    return Sample(mass, np.stack([first + shift * mass / 3500, second], axis=1), NAMES)


def density(members=1, plan=QUICK):
    both = np.concatenate([gaussian(4000, 1).features, gaussian(4000, 2, SHIFT).features])
    common = logit_preprocessing(both, NAMES)
    return Density(FLOW, plan, members, lambda *_: common)


def unmoved(found, expected):
    """Whether events are the same, within single precision, but for a few outside the bounds of the preprocessing."""
    return np.isclose(found, expected, rtol=0, atol=0.1).all(axis=1).mean() > 0.995


@pytest.fixture(scope="module")
def base():
    return density(plan=PLAN).fit(gaussian(5000, 3), seed=1)


@pytest.fixture(scope="module")
def quick():
    """A base density of two members, hardly trained."""
    return density(members=2).fit(gaussian(600, 3), seed=1)


@pytest.fixture(scope="module")
def learned(base):
    return Transport(MAP, PLAN).fit(gaussian(5000, 4, SHIFT), base, seed=2)


@pytest.mark.parametrize("mass", [2800.0, 3500.0, 4700.0])
def test_a_displacement_is_found_and_undone(learned, mass):
    m = np.full(4000, mass)
    fresh = gaussian(4000, 5).features
    moved = learned.inverse(fresh, m)
    assert np.mean(moved[:, 0] - fresh[:, 0]) == pytest.approx(SHIFT * mass / 3500, abs=4.0)
    assert np.mean(moved[:, 1] - fresh[:, 1]) == pytest.approx(0.0, abs=3.0)
    assert stats.kstest(moved[:, 0], stats.norm(300 + SHIFT * mass / 3500, 50).cdf).statistic < 0.08
    assert unmoved(learned.forward(moved, m), fresh)


def test_a_target_mass_decides_where_an_event_arrives():
    """A feature that is a tenth of the mass goes up by a tenth of the way that an event is carried in mass."""
    random = np.random.default_rng(1)
    mass = random.uniform(2500, 5000, 5000)
    features = np.stack([random.normal(0.1 * mass, 30), random.normal(0, 20, len(mass))], axis=1)
    sample = Sample(mass, features, NAMES)
    moving = Density(FLOW, PLAN, 1).fit(sample, seed=1)
    transport = Transport(MAP, PLAN).fit(sample, moving, seed=1, target=random.permutation(mass))
    at_3000 = np.abs(mass - 3000) < 100
    for target in (2700.0, 3500.0, 4500.0):
        moved = transport.forward(features[at_3000], mass[at_3000], np.full(at_3000.sum(), target))
        assert moved[:, 0].mean() == pytest.approx(0.1 * target, abs=15.0)
        assert moved[:, 0].std() == pytest.approx(30, rel=0.25)


@pytest.mark.parametrize("architecture", [MAP, FLOW])
@pytest.mark.parametrize("context", [1, 2])
def test_the_identity_is_the_start(architecture, context):
    flow = architecture(3, context)
    start_at_identity(flow, 3, context)
    x = 3 * torch.randn(200, 3, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        moved, log_determinant = flow._transform(x, torch.ones(200, context))
    torch.testing.assert_close(moved, x, rtol=0, atol=1e-5)
    torch.testing.assert_close(log_determinant, torch.zeros(200), rtol=0, atol=1e-5)


def test_the_loss_at_the_identity_is_the_base_densitys(quick):
    """-log p of the base, and no distance to pay for."""
    maps = [MAP(2, 1) for _ in range(2)]
    for each in maps:
        start_at_identity(each, 2, 1)
    x = torch.randn(2, 50, 2, generator=torch.Generator().manual_seed(1))
    m = torch.linspace(-0.5, 0.5, 50)[None, :, None].expand(2, -1, -1)
    with torch.no_grad():
        losses = TransportMembers(maps, quick.best_flows, penalty=10.0).losses(x, m, m)
        exact = torch.stack(
            [-flow.log_prob(*rows) for flow, *rows in zip(quick.best_flows, x, m, strict=True)]
        )
    torch.testing.assert_close(losses, exact, rtol=1e-4, atol=1e-4)


def test_a_penalty_keeps_events_near(base, learned):
    paying = Transport(MAP, PLAN, penalty=10.0).fit(gaussian(5000, 4, SHIFT), base, seed=2)
    fresh = gaussian(2000, 5)
    far, near = (
        np.abs(t.inverse(fresh.features, fresh.mass) - fresh.features)[:, 0].mean() for t in (learned, paying)
    )
    assert near < 0.6 * far


def test_the_seed_decides(quick):
    sample = gaussian(600, 4, SHIFT)
    state = torch.get_rng_state()
    one, again, other = (Transport(MAP, QUICK).fit(sample, quick, seed=seed) for seed in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), state)
    moved = [t.forward(sample.features, sample.mass) for t in (one, again, other)]
    assert np.array_equal(moved[0], moved[1])
    assert not np.array_equal(moved[0], moved[2])


def test_a_map_for_each_member_of_the_base(quick):
    sample = gaussian(600, 4, SHIFT)
    before = quick.log_prob(sample.features, sample.mass)
    transport = Transport(MAP, replace(QUICK, epochs=2, best_epochs=2)).fit(sample, quick, seed=5)
    assert np.array_equal(before, quick.log_prob(sample.features, sample.mass))  # the base stays
    assert len(transport.trainings) == 2
    assert np.bincount(transport.member_of(1000)).tolist() == [500, 500]
    moved = transport.forward(sample.features, sample.mass)
    assert unmoved(transport.inverse(moved, sample.mass), sample.features)


def test_weights_count(quick):
    sample = gaussian(600, 4, SHIFT)
    weight = np.random.default_rng(1).uniform(0, 2, 600)
    plain, equal, weighted = (
        Transport(MAP, QUICK)
        .fit(replace(sample, weight=w), quick, seed=5)
        .forward(sample.features, sample.mass)
        for w in (np.ones(600), np.full(600, 3.0), weight)
    )
    assert np.array_equal(plain, equal)
    assert not np.array_equal(plain, weighted)


def test_a_checkpoint_goes_on_with_the_same_base_only(quick, tmp_path):
    sample = gaussian(600, 4, SHIFT)
    transport, where = Transport(MAP, QUICK), {"seed": 5, "checkpoint": tmp_path / "transport.safetensors"}
    first = transport.fit(sample, quick, **where).forward(sample.features, sample.mass)
    assert np.array_equal(first, transport.fit(sample, quick, **where).forward(sample.features, sample.mass))
    other = density(members=2).fit(gaussian(600, 3), seed=2)
    with pytest.raises(ConfigError, match="a checkpoint of another training: its settings has base density"):
        transport.fit(sample, other, **where)
    with pytest.raises(ConfigError, match=r"penalty = 0\.0, this one's 1.0"):
        replace(transport, penalty=1.0).fit(sample, quick, **where)


def test_no_events(quick):
    transport = Transport(MAP, QUICK).fit(gaussian(600, 4), quick, seed=5)
    assert transport.forward(np.zeros((0, 2)), np.zeros(0)).shape == (0, 2)


@pytest.mark.parametrize(
    "architecture",
    [partial(spline_autoregressive, layers=3, hidden=8), partial(affine_autoregressive, layers=2, hidden=8)],
)
def test_an_architecture_that_cannot_start_at_the_identity(quick, architecture):
    with pytest.raises(ConfigError, match="cannot start at the identity; use spline_coupling"):
        Transport(architecture, QUICK).fit(gaussian(600, 4), quick, seed=5)
    assert Transport(architecture, QUICK, identity=False).fit(gaussian(600, 4), quick, seed=5).trainings


def test_bad_use(quick):
    sample = gaussian(600, 4)
    x, m = sample.features, sample.mass
    with pytest.raises(ConfigError, match="has not been trained; call fit first"):
        Transport().forward(x, m)
    with pytest.raises(ConfigError, match="Density has not been trained"):
        Transport().fit(sample, Density(), seed=1)
    with pytest.raises(InputError, match="cannot train a network in batches of 64"):
        Transport(MAP, QUICK).fit(sample.select(slice(90)), quick, seed=1)
    with pytest.raises(ConfigError, match="trained without target masses; give none"):
        Transport(MAP, QUICK).fit(sample, quick, seed=1).forward(x, m, m)
    with pytest.raises(ConfigError, match="trained with target masses; give some"):
        Transport(MAP, QUICK).fit(sample, quick, seed=1, target=m).forward(x, m)
    mixture = replace(quick, architecture=partial(mixture_autoregressive, hidden=8)).fit(sample, seed=1)
    with pytest.raises(ConfigError, match="expected a base density of spline or affine layers"):
        Transport(MAP, QUICK).fit(sample, mixture, seed=1)


TWO = replace(QUICK, epochs=2)


def pieces(second=0.0):
    """Two samples, one larger by an event; of another displacement the second."""
    return [gaussian(301, 7, SHIFT), gaussian(300, 8, second)]


def carried(samples, seed=5, targets=None, **options):
    bases = fit_apart(density(members=2), samples, seed=1)
    return transport_apart(Transport(MAP, TWO), samples, bases, seed, targets=targets, **options)


def moved(transport, target=False):
    fresh = gaussian(200, 9)
    return transport.forward(fresh.features, fresh.mass, np.full(200, 3500.0) if target else None)


@pytest.mark.parametrize("target", [False, True])
def test_one_transport_apart_is_that_of_fit(quick, target):
    sample = pieces()[0]
    aim = np.random.default_rng(1).permutation(sample.mass) if target else None
    targets = None if aim is None else [aim]
    (found,) = transport_apart(Transport(MAP, TWO), [sample], [quick], 5, targets=targets)
    known = Transport(MAP, TWO).fit(sample, quick, 5, target=aim)
    assert np.array_equal(moved(found, target), moved(known, target))
    assert [one.losses for one in found.trainings] == [one.losses for one in known.trainings]


@pytest.mark.parametrize("target", [False, True])
def test_each_transport_learns_from_its_own_sample_and_base_alone(target):
    """Bit for bit: the other's events, weights, base and targets change nothing."""
    samples = pieces()
    known = carried(samples, targets=[one.mass[::-1] for one in samples] if target else None)
    assert [len(one.trainings) for one in known] == [2, 2]
    for changed in (0, 1):
        others = list(samples)
        weight = np.linspace(0.5, 5.0, len(samples[changed]))
        others[changed] = replace(samples[changed], features=samples[changed].features + 40, weight=weight)
        aims = [one.mass[::-1] for one in samples]
        aims[changed] = np.roll(aims[changed], 3)
        again = carried(others, targets=aims if target else None)
        alike = [
            np.array_equal(moved(one, target), moved(other, target))
            for one, other in zip(known, again, strict=True)
        ]
        assert alike == [number != changed for number in (0, 1)]


def test_each_transport_leads_to_its_own_base():
    samples = [gaussian(3001, 4), gaussian(3000, 5)]
    ends = [gaussian(3000, 6, SHIFT), gaussian(3000, 7, -SHIFT)]
    bases = fit_apart(density(plan=PLAN), ends, seed=1)
    for transport, shift in zip(
        transport_apart(Transport(MAP, PLAN), samples, bases, seed=2), (SHIFT, -SHIFT), strict=True
    ):
        fresh = gaussian(3000, 8)
        change = transport.forward(fresh.features, fresh.mass) - fresh.features
        assert change[:, 0].mean() == pytest.approx(shift * fresh.mass.mean() / 3500, abs=8.0)


def test_transports_apart_go_on_where_they_were_stopped(tmp_path):
    samples, path = pieces(), tmp_path / "maps.safetensors"
    known, steps, step = carried(samples), [], torch.optim.AdamW.step
    bases = fit_apart(density(members=2), samples, seed=1)

    def run():
        return transport_apart(Transport(MAP, TWO), samples, bases, 5, checkpoint=path)

    def stopped(self, *arguments, **options):
        steps.append(1)
        if len(steps) == 6:  # the second epoch
            raise KeyboardInterrupt
        return step(self, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", stopped)
        with pytest.raises(KeyboardInterrupt):
            run()
    assert path.exists()
    for _ in range(2):  # once it goes on, once it is read
        assert all(np.array_equal(*map(moved, pair)) for pair in zip(known, run(), strict=True))
    with pytest.raises(ConfigError, match="a checkpoint of another training"):
        transport_apart(Transport(MAP, TWO), samples, bases[::-1], 5, checkpoint=path)
