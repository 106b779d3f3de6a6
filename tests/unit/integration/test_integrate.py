"""Integrals of known value, their events, and what goes on after a kill."""

import numpy as np
import pytest
import torch

import hepflow as hf
from hepflow.errors import ConfigError, InputError
from hepflow.integration import Channel, Grid, Integrand, PowerLaw, Recipe, camel, ring, two_resonances
from hepflow.weights import save_weights

QUICK = Recipe(rounds=2, steps=20, batch_size=256, layers=2, hidden=8, bins=6, iterations=4, grid=False)


def quick(**options):
    return Recipe(**{**QUICK.plain(), **options})


@pytest.fixture(scope="module")
def two():
    known = two_resonances()
    return hf.integrate(
        known.integrand,
        calls=12_000,
        channels=known.channels,
        channel_weights="equal",
        recipe=quick(steps=60),
    )


def agrees(result, exact):
    assert abs(result.value - exact) < 4.5 * result.error
    assert result.error < 0.2 * abs(exact)


@pytest.mark.parametrize("proposal", ["coupling", "autoregressive"])
@pytest.mark.parametrize("loss", ["variance", "kl"])
def test_a_camel_is_integrated_and_learned(proposal, loss):
    known = camel(2)
    result = hf.integrate(known.integrand, calls=12_000, recipe=quick(proposal=proposal, loss=loss, steps=60))
    agrees(result, known.exact)
    flat = 1.09  # the relative sigma of flat points
    assert result.relative_sigma < 0.6 * flat
    assert result.calls + result.training_calls == 12_000


def test_bounds_are_the_units_of_the_points():
    result = hf.integrate(lambda x: x[:, 0] * x[:, 1], bounds=[(1, 3), (-1, 4)], calls=4000, recipe=QUICK)
    agrees(result, 4 * 7.5)
    x = np.asarray(result.events())
    assert (x.min(axis=0) >= [1, -1]).all()
    assert (x.max(axis=0) <= [3, 4]).all()


def test_one_axis_is_enough():
    result = hf.integrate(lambda x: 3 * x[:, 0] ** 2, 1, calls=4000, recipe=QUICK)
    agrees(result, 1.0)


def test_torch_integrands_get_tensors():
    function = Integrand(lambda x: torch.exp(x.sum(1)), 2, library="torch")
    agrees(hf.integrate(function, calls=4000, recipe=QUICK), (np.e - 1) ** 2)


def test_channel_weights_are_learned(two):
    agrees(two, 1.0)
    assert two.relative_sigma < 0.5
    known = two_resonances()
    fixed = hf.integrate(
        known.integrand,
        calls=12_000,
        channels=known.channels,
        channel_weights="equal",
        recipe=quick(learn_weights=False, steps=60),
    )
    agrees(fixed, 1.0)
    assert fixed.relative_sigma > 2 * two.relative_sigma


def test_given_weights_by_a_function_are_those():
    known = two_resonances()

    def weights(x):
        each = np.stack(
            [np.exp(channel.on(known.integrand.box).forward(x)[1]) for channel in known.channels], axis=1
        )
        return each / each.sum(axis=1, keepdims=True)

    recipe = quick(learn_weights=False)
    given = hf.integrate(
        known.integrand, calls=4000, channels=known.channels, channel_weights=weights, recipe=recipe
    )
    named = hf.integrate(known.integrand, calls=4000, channels=known.channels, recipe=recipe)
    assert given.relative_sigma == pytest.approx(named.relative_sigma, abs=0.02)
    agrees(given, 1.0)


def test_channels_without_a_share_are_left_out_and_told():
    def function(x):
        return np.where(x[:, 0] < 0.5, 1.0, 0.0)

    channels = [Channel(name="flat"), Channel({0: PowerLaw(300.0)}, name="elsewhere")]
    result = hf.integrate(function, 2, calls=4000, channels=channels, recipe=quick(drop=0.01))
    assert result.dropped == ("elsewhere",)
    assert "channels left out" in result.text()
    agrees(result, 0.5)


def left_only(x):
    left = (x[:, 0] < 0.5).astype(float)
    return np.stack([left, 0 * left], axis=1)


def test_weights_have_to_cover_where_the_integrand_is():
    channels = [Channel(name="left"), Channel(name="never")]
    options = {"calls": 4000, "channels": channels, "channel_weights": left_only, "recipe": QUICK}
    agrees(hf.integrate(lambda x: np.where(x[:, 0] < 0.5, 1.0, 0.0), 2, **options), 0.5)
    with pytest.raises(InputError, match="no channel has a weight at"):
        hf.integrate(lambda x: np.ones(len(x)), 2, **options)


def test_channels_of_a_group_share_a_proposal():
    channels = [Channel(name="a", group="g"), Channel({0: PowerLaw(1.0)}, "b", "g"), Channel(name="c")]
    result = hf.integrate(lambda x: 2 * x[:, 0], 2, calls=6000, channels=channels, recipe=QUICK)
    agrees(result, 1.0)
    assert result.sampler.groups == (0, 0, 1)
    assert len(result.sampler.proposals) == 2


def test_signed_integrands_say_so():
    result = hf.integrate(lambda x: x[:, 0] - 0.25, 2, calls=6000, recipe=QUICK)
    agrees(result, 0.25)
    assert result.negative_share == pytest.approx(0.1, abs=0.02)  # 1/32 of 1/32 + 9/32
    assert "negative share" in result.text()
    events = result.unweighted(500)
    assert 0.03 < np.mean(events.weight < 0) < 0.2
    assert events.weight.sum() == pytest.approx(result.value)


def test_events_have_the_integral_and_the_density_of_the_integrand(two):
    for events in (two.events(), two.events(5000), two.events(5000, evaluate=False)):
        assert events.weight.sum() == pytest.approx(two.value, rel=0.02)
    events = two.unweighted(3000)
    assert len(events) == 3000
    near = np.abs(events["x0"] - 0.25) < 0.01  # one width to either side: half of one resonance
    exact = (
        0.5 * np.diff(two.sampler.mappings[0].maps[0].forward(np.array([0.24, 0.26]), 0, 1)[0])[0]
        + 0.5 * 0.02
    )
    assert near.mean() == pytest.approx(exact, abs=5 * np.sqrt(exact / 3000))
    assert np.mean(events.weight > 1.0001 * events.weight.min()) < 0.05
    assert two.efficiency(0.001) > two.efficiency()


def test_drawing_without_the_integrand_does_not_call_it(two):
    calls = two.sampler.integrand.function
    object.__setattr__(two.sampler.integrand, "function", None)
    assert len(two.events(100, evaluate=False)) == 100
    object.__setattr__(two.sampler.integrand, "function", calls)


def test_the_same_seed_gives_the_same_bits_and_another_others():
    first, again, other = (
        hf.integrate(ring().integrand, calls=4000, recipe=QUICK, seed=seed).value for seed in (1, 1, 2)
    )
    assert first == again != other


class KilledError(Exception):
    pass


@pytest.mark.parametrize("after", [700, 1500, 2400, 3600])
def test_a_killed_run_goes_on_with_the_same_bits(tmp_path, after):
    known = two_resonances()
    options = {"calls": 4000, "channels": known.channels, "channel_weights": "equal", "recipe": QUICK}
    whole = hf.integrate(known.integrand, **options)
    seen = 0

    def dies(x):
        nonlocal seen
        seen += len(x)
        if seen > after:
            raise KilledError
        return known.integrand(x)

    file = tmp_path / "state.safetensors"
    with pytest.raises(KilledError):
        hf.integrate(Integrand(dies, 2), checkpoint=file, **options)
    assert file.exists() == (after >= 1000)
    calls = 0

    def counted(x):
        nonlocal calls
        calls += len(x)
        return known.integrand(x)

    resumed = hf.integrate(Integrand(counted, 2), checkpoint=file, **options)
    assert (resumed.value, resumed.error) == (whole.value, whole.error)
    np.testing.assert_array_equal(resumed.weight, whole.weight)
    np.testing.assert_array_equal(resumed.events(100).features, whole.events(100).features)
    assert calls < 4000 or after < 1000


def test_files_of_others_are_refused(tmp_path):
    file = tmp_path / "state.safetensors"
    hf.integrate(ring().integrand, calls=4000, recipe=QUICK, checkpoint=file)
    with pytest.raises(
        ConfigError, match=r"state.safetensors: .*its calls is 4000, this one's 5000. Remove it"
    ):
        hf.integrate(ring().integrand, calls=5000, recipe=QUICK, checkpoint=file)
    save_weights(file, Grid.flat(2))
    with pytest.raises(InputError, match="holds a Grid; expected a Progress"):
        hf.integrate(ring().integrand, calls=4000, recipe=QUICK, checkpoint=file)
    file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(InputError, match=r"state.safetensors"):
        hf.integrate(ring().integrand, calls=4000, recipe=QUICK, checkpoint=file)


def test_a_file_of_another_function_is_refused(tmp_path):
    file = tmp_path / "state.safetensors"
    known = two_resonances()
    options = {"calls": 4000, "channels": known.channels, "recipe": QUICK, "checkpoint": file}
    whole = hf.integrate(known.integrand, **options)
    with pytest.raises(ConfigError, match=r"state.safetensors: an integration of another function"):
        hf.integrate(Integrand(lambda x: 1.001 * known.integrand(x), 2), **options)
    assert hf.integrate(Integrand(lambda x: known.integrand(x), 2), **options).value == whole.value


def test_grids_come_first_where_vegas_is():
    pytest.importorskip("vegas")
    known = camel(2, 0.05)
    for proposal in ("vegas", "coupling"):
        result = hf.integrate(
            known.integrand, calls=20_000, recipe=quick(proposal=proposal, grid=True, steps=40)
        )
        agrees(result, known.exact)
        assert "VEGAS grid" in result.described


def test_pulls_are_those_of_a_normal_distribution():
    known = camel(2)
    recipe = quick(rounds=1, steps=10)
    results = [hf.integrate(known.integrand, calls=3000, recipe=recipe, seed=seed) for seed in range(40)]
    pulls = np.array([(one.value - known.exact) / one.error for one in results])
    assert 0.7 < np.sqrt(np.mean(pulls**2)) < 1.3
    assert 0.5 < np.mean([one.chi2 / one.dof for one in results]) < 1.5


BAD_VALUES = {
    "nan": (lambda x: np.where(x[:, 0] > 0.5, np.nan, 1.0), "the integrand is nan at .*not finite at"),
    "infinite": (lambda x: 1 / np.zeros(len(x)), "the integrand is inf at"),
    "column": (lambda x: x[:, :1], r"shape \(.*, 1\) for .* expected \(.*,\), one value a point"),
    "scalar": (lambda x: 1.0, r"shape \(\) for"),
    "complex": (lambda x: np.exp(1j * x[:, 0]), "complex128; expected real numbers"),
    "zero": (lambda x: np.zeros(len(x)), "zero at all of the first .* points"),
}


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("what", BAD_VALUES)
def test_values_that_are_none_are_refused(what):
    function, message = BAD_VALUES[what]
    with pytest.raises(InputError, match=message):
        hf.integrate(function, 2, calls=4000, recipe=QUICK)


def flat(x):
    return np.ones(len(x))


BAD_ARGUMENTS = {
    "no dim": (lambda: hf.integrate(flat), "dim is None"),
    "dim zero": (lambda: hf.integrate(flat, 0), "dim is 0"),
    "reversed": (
        lambda: hf.integrate(flat, bounds=[(0, 1), (2, 1)]),
        "axis 1 runs from 2 to 1.*are they reversed",
    ),
    "infinite": (
        lambda: hf.integrate(flat, bounds=[(0, np.inf)]),
        "axis 0 runs from 0 to inf; expected finite",
    ),
    "dim mismatch": (
        lambda: hf.integrate(flat, 3, bounds=[(0, 1), (0, 1)]),
        "bounds of 2 axes, but dim is 3",
    ),
    "bounds shape": (lambda: hf.integrate(flat, bounds=[0, 1]), r"bounds of shape \(2,\)"),
    "twice": (lambda: hf.integrate(camel(2).integrand, 3), "it has 2 axes with bounds of its own"),
    "no function": (lambda: hf.integrate(3, 2), "3 is a int; expected a function"),
    "calls": (
        lambda: hf.integrate(flat, 2, calls=1000),
        "1,000 calls leave .* for each (grid|iteration); expected at least 100",
    ),
    "no calls": (lambda: hf.integrate(flat, 2, calls=0), "0 calls"),
    "proposal": (lambda: hf.integrate(flat, 2, proposal="couplin"), "did you mean 'coupling'"),
    "loss": (lambda: hf.integrate(flat, 2, loss="var"), "no loss 'var'"),
    "both": (lambda: hf.integrate(flat, 2, loss="kl", recipe=QUICK), "loss beside a recipe"),
    "rounds": (lambda: Recipe(rounds=0), "rounds is 0; expected at least 1"),
    "training": (lambda: Recipe(training=1.0), r"training is 1.0; expected a share in \(0, 1\)"),
    "library": (lambda: Integrand(flat, 2, library="jax"), "library 'jax'"),
    "weights": (
        lambda: hf.integrate(
            flat, 2, calls=4000, channel_weights="learned", channels=[Channel()] * 2, recipe=QUICK
        ),
        "channel weights 'learned'; expected 'densities', 'equal'",
    ),
    "weights' shape": (
        lambda: hf.integrate(
            flat, 2, calls=4000, channel_weights=flat, channels=[Channel()] * 2, recipe=QUICK
        ),
        r"channel weights of shape \(.*,\); expected",
    ),
    "events": (lambda: hf.integrate(flat, 2, calls=4000, recipe=QUICK).events(0), "0 events"),
}


@pytest.mark.parametrize("what", BAD_ARGUMENTS)
def test_arguments_that_make_no_sense_are_refused(what):
    call, message = BAD_ARGUMENTS[what]
    with pytest.raises(ConfigError, match=message):
        call()
