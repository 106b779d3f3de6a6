"""Densities and transports in files: whatever they compute, they compute again to the last bit."""

from functools import partial

import numpy as np
import pytest

from hepflow import ConfigError, InputError
from hepflow.flows import (
    Density,
    TrainingPlan,
    Transport,
    affine_autoregressive,
    flow_matching,
    mixture_autoregressive,
    spline_autoregressive,
    spline_coupling,
)
from hepflow.flows.architectures import ARCHITECTURES
from hepflow.flows.latents import Latents
from hepflow.flows.preprocess import logit_preprocessing
from hepflow.flows.states import chosen, described
from hepflow.weights import State, load_weights, save_weights

PLAN = TrainingPlan(epochs=2, batch_size=128, best_epochs=2)
FLOWS = {
    "spline": partial(spline_autoregressive, layers=2, hidden=8),
    "affine": partial(affine_autoregressive, layers=2, hidden=8),
    "coupling": partial(spline_coupling, layers=2, hidden=8),
    "mixture": partial(mixture_autoregressive, components=2, hidden=8),
    "matching": partial(flow_matching, layers=1, hidden=8, steps=2),
}


@pytest.fixture(scope="module")
def sample(toy):
    return toy.background(600, seed=1)


@pytest.fixture(scope="module")
def density(sample):
    return Density(FLOWS["spline"], PLAN, members=2).fit(sample, seed=1)


def again(kept, folder):
    save_weights(folder / "w.safetensors", kept)
    return load_weights(folder / "w.safetensors", type(kept))


@pytest.mark.parametrize("name", FLOWS)
def test_every_architecture(name, sample, tmp_path):
    trained = Density(FLOWS[name], PLAN, members=2).fit(sample, seed=1)
    back = again(trained, tmp_path)
    x, m = sample.features[:200], sample.mass[:200]
    np.testing.assert_array_equal(back.log_prob(x, m), trained.log_prob(x, m))
    np.testing.assert_array_equal(back.sample(m, seed=4), trained.sample(m, seed=4))
    np.testing.assert_array_equal(back.member_of(9), trained.member_of(9))
    if name != "mixture":
        np.testing.assert_array_equal(back.to_latent(x, m, 1), trained.to_latent(x, m, 1))
    assert (back.members, back.plan, back.names) == (2, PLAN, sample.names)


def test_a_loaded_density_is_trained_anew_in_the_same_way(density, sample, tmp_path):
    back = again(density, tmp_path).fit(sample, seed=1)
    np.testing.assert_array_equal(
        back.log_prob(sample.features, sample.mass), density.log_prob(sample.features, sample.mass)
    )


def test_preprocessing_with_options(sample, tmp_path):
    trained = Density(FLOWS["spline"], PLAN, 1, partial(logit_preprocessing, logarithm={"m_J1"}))
    trained.fit(sample, seed=1)
    back = again(trained, tmp_path)
    np.testing.assert_array_equal(
        back.log_prob(sample.features, sample.mass), trained.log_prob(sample.features, sample.mass)
    )
    assert back.preprocessing.keywords == {"logarithm": ["m_J1"]}


@pytest.mark.parametrize("target", [False, True])
def test_transports(density, sample, toy, target, tmp_path):
    source = toy.background(600, seed=2)
    aim = np.full(600, 3500.0) if target else None
    trained = Transport(FLOWS["coupling"], PLAN).fit(source, density, seed=1, target=aim)
    back = again(trained, tmp_path)
    for way in ("forward", "inverse"):
        np.testing.assert_array_equal(
            getattr(back, way)(source.features, source.mass, aim),
            getattr(trained, way)(source.features, source.mass, aim),
        )
    np.testing.assert_array_equal(back.member_of(9), trained.member_of(9))


def test_latents(density, sample, toy, tmp_path):
    other = Density(FLOWS["coupling"], PLAN, members=2).fit(toy.background(600, seed=2), seed=2)
    there = Latents(other, density)
    np.testing.assert_array_equal(
        again(there, tmp_path).forward(sample.features, sample.mass),
        there.forward(sample.features, sample.mass),
    )


def test_functions_by_name():
    bound = partial(partial(spline_autoregressive, layers=2, hidden=8), hidden=16)
    text = described(bound, ARCHITECTURES)
    assert text == {"function": "spline_autoregressive", "options": {"layers": 2, "hidden": 16}}
    assert chosen(text, ARCHITECTURES, State()).keywords == {"layers": 2, "hidden": 16}
    assert chosen(described(spline_coupling, ARCHITECTURES), ARCHITECTURES, State()) is spline_coupling
    assert all(
        one in ARCHITECTURES.values()
        for one in (affine_autoregressive, mixture_autoregressive, flow_matching)
    )


def test_functions_that_no_file_can_name(density, tmp_path):
    with pytest.raises(
        ConfigError, match=r"<lambda> cannot be kept in a file; expected one of affine_autoreg"
    ):
        described(lambda features, context: None, ARCHITECTURES)
    with pytest.raises(ConfigError, match="the option base is a Flow, which no file can keep"):
        described(partial(spline_autoregressive, base=density.best_flows[0]), ARCHITECTURES)
    with pytest.raises(ConfigError, match="has not been trained"):
        save_weights(tmp_path / "w", Density())
    with pytest.raises(ConfigError, match="has not been trained"):
        save_weights(tmp_path / "w", Transport())


def changed(state, **settings):
    return State({**state.settings, **settings}, state.arrays, state.parts)


def test_states_that_make_no_sense(density):
    state = density.state()
    one = {"function": "spline_autoregressive", "options": {"layers": 2, "hidden": 8}}
    for settings, message in (
        ({"members": 3}, "4 flows of 3 members"),
        ({"members": 0}, "4 flows of 0 members"),
        ({"features": ["a", "b"]}, "Standardise|columns|shape"),
        ({"architecture": {**one, "function": "system"}}, "no function 'system' here"),
        ({"architecture": {**one, "options": {"layers": 10**9}}}, "more than its parameters have room for"),
        ({"architecture": {**one, "options": {"layers": 3}}}, "too many, or missing"),
        ({"architecture": {**one, "options": {"layers": 2, "hidden": 16}}}, r"expected float32, \(4, "),
    ):
        with pytest.raises((InputError, ValueError), match=message):
            Density.from_state(changed(state, **settings))
    name = next(iter(state.arrays))
    spoiled = State(state.settings, {**state.arrays, name: state.arrays[name] * np.nan}, state.parts)
    with pytest.raises(InputError, match="not finite"):
        Density.from_state(spoiled)
    swapped = State(state.settings, state.arrays, {**state.parts, "context": density})
    with pytest.raises(InputError, match="part 'context' is a Density; expected a Standardise"):
        Density.from_state(swapped)
