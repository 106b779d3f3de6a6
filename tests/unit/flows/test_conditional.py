"""ConditionalDensity: any number of contexts, every architecture, files, chains, and input that cannot be used."""

import copy
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from scipy import stats

from hepflow.errors import ConfigError, InputError
from hepflow.flows import (
    ChainedDensity,
    ConditionalDensity,
    Density,
    TrainingPlan,
    affine_autoregressive,
    flow_matching,
    mixture_autoregressive,
    spline_autoregressive,
    spline_coupling,
)
from hepflow.flows.preprocess import Standardise, standard_preprocessing
from hepflow.sample import Sample
from hepflow.weights import load_weights, save_weights

KINDS = {
    "affine": partial(affine_autoregressive, layers=2, hidden=8),
    "spline": partial(spline_autoregressive, layers=2, hidden=8, bins=5),
    "coupling": partial(spline_coupling, layers=2, hidden=8, bins=5),
    "mixture": partial(mixture_autoregressive, components=3, hidden=8),
    "matching": partial(flow_matching, hidden=8, layers=1, steps=4),
}
PLAN = TrainingPlan(epochs=1, batch_size=64, best_epochs=1)
LEARNED = TrainingPlan(epochs=10, batch_size=256, learning_rate=1e-2, best_epochs=2)


def table(events, contexts, seed=1):
    """Return x (N, 2) and contexts (N, C): the first column follows the first context, the second the first."""
    random = np.random.default_rng(seed)
    context = random.normal(size=(events, contexts))
    first = random.normal(context[:, 0] if contexts else 0.0, 0.5, events)
    return np.stack([first, random.normal(0.8 * first, 0.3)], axis=1), context


def standardised(x, names):
    return Standardise.fit(x)


@pytest.fixture(scope="module")
def pair():
    """A density of two columns given two contexts, hardly trained: four flows of two members."""
    plan = replace(PLAN, epochs=2, best_epochs=2)
    return ConditionalDensity(KINDS["spline"], plan, members=2).fit(*table(600, 2), seed=5)


@pytest.mark.parametrize("contexts", [0, 1, 20])
@pytest.mark.parametrize("kind", KINDS)
def test_every_architecture_with_any_number_of_contexts(kind, contexts, tmp_path):
    x, context = table(300, contexts)
    density = ConditionalDensity(KINDS[kind], PLAN, members=2).fit(
        x, context, np.linspace(0.5, 2, 300), seed=1
    )
    drawn, log_prob = density.sample_and_log_prob(context, seed=2)
    assert drawn.shape == (300, 2)
    assert np.isfinite(log_prob).all()
    assert np.array_equal(log_prob, density.log_prob(drawn, context))
    assert np.array_equal(density.sample(context, seed=2), density.sample(context, seed=2))
    if kind == "mixture":
        with pytest.raises(ConfigError, match="has no normal latent"):
            density.to_latent(x, context)
    else:
        z = density.to_latent(x, context, member=1)
        back = density.from_latent(z, context, member=1)
        np.testing.assert_allclose(back, x, atol=0.1 if kind == "matching" else 2e-3)
    save_weights(tmp_path / "w", density)
    again = load_weights(tmp_path / "w", ConditionalDensity)
    assert (again.names, again.given) == (("x0", "x1"), tuple(f"c{k}" for k in range(contexts)))
    assert np.array_equal(again.log_prob(x, context), density.log_prob(x, context))
    assert np.array_equal(again.sample(context, 3), density.sample(context, 3))


def test_the_mass_of_a_density_is_a_context_that_varies_slowly():
    """The two are one, bit for bit; and what a density keeps in a file is listed here."""
    x, context = table(400, 1)
    mass = 3000 + 100 * context
    slow = ConditionalDensity(KINDS["spline"], PLAN, 2, slowness=3.0).fit(x, mass, seed=4)
    density = Density(KINDS["spline"], PLAN, 2).fit(Sample(mass[:, 0], x, ("a", "b")), seed=4)
    assert np.array_equal(slow.log_prob(x, mass), density.log_prob(x, mass[:, 0]))
    assert np.array_equal(slow.sample(mass, 1), density.sample(mass[:, 0], 1))
    assert set(density.state().settings) == {
        "architecture",
        "preprocessing",
        "plan",
        "members",
        "posterior",
        "features",
        "range",
    }
    quick = ConditionalDensity(KINDS["spline"], PLAN, 2).fit(x, mass, seed=4)
    assert not np.array_equal(slow.log_prob(x, mass), quick.log_prob(x, mass))


def test_without_contexts_a_number_of_events_is_enough():
    x, none = table(600, 0)
    density = ConditionalDensity(KINDS["spline"], PLAN, 1).fit(x, seed=1)
    same = ConditionalDensity(KINDS["spline"], PLAN, 1).fit(x, none, seed=1)
    assert np.array_equal(density.log_prob(x), same.log_prob(x, none))
    assert np.array_equal(density.sample(50, seed=1), same.sample(np.empty((50, 0)), seed=1))
    assert density.sample(0, seed=1).shape == (0, 2)


def test_a_density_without_contexts_is_learned_and_normalised():
    x, _ = table(4000, 0)
    density = ConditionalDensity(KINDS["spline"], LEARNED, 1, standard_preprocessing).fit(x, seed=1)
    fresh, _ = table(4000, 0, seed=2)
    exact = stats.norm.logpdf(fresh[:, 0], 0, 0.5) + stats.norm.logpdf(fresh[:, 1], 0.8 * fresh[:, 0], 0.3)
    assert np.mean(exact - density.log_prob(fresh)) == pytest.approx(0.0, abs=0.05)
    drawn, log_prob = density.sample_and_log_prob(4000, seed=3)
    exact = stats.norm.logpdf(drawn[:, 0], 0, 0.5) + stats.norm.logpdf(drawn[:, 1], 0.8 * drawn[:, 0], 0.3)
    weight = np.exp(exact - log_prob)  # of importance: its mean is the integral of the truth
    assert weight.mean() == pytest.approx(1.0, abs=0.05)


def test_every_row_is_drawn_from_all_members_whatever_the_order_of_contexts():
    """Contexts in turn, as many as there are flows: else each would have flows of its own."""
    x, context = table(600, 1)
    density = ConditionalDensity(KINDS["affine"], PLAN, 2).fit(x, context, seed=1)
    moved = copy.copy(density)
    moved._flows = [copy.deepcopy(flow) for flow in density._flows]
    for number, flow in enumerate(moved._flows):  # flows far apart
        for name, each in flow.named_parameters():
            if name.endswith("final_layer.bias"):
                each.data += 1.0 * number
    asked = np.tile([[0.0], [1.0]], (500, 1))
    drawn, log_prob = moved.sample_and_log_prob(asked, seed=1)
    first, second = drawn[::2, 0], drawn[1::2, 0]
    alone = moved.sample(np.zeros((1000, 1)), seed=3)[:, 0]
    assert stats.ks_2samp(first, alone).pvalue > 1e-3
    assert np.isfinite(log_prob).all()
    assert len(second) == len(first)


def test_outliers_are_left_out():
    x, context = table(600, 1)
    known = ConditionalDensity(KINDS["spline"], PLAN, 1).fit(x, context, seed=1)
    for place in (0, 1):
        far = np.vstack([x, [[1e6, 0.0]] if place == 0 else x[:1]])
        beside = np.vstack([context, context[:1] if place == 0 else [[1e6]]])
        again = ConditionalDensity(KINDS["spline"], PLAN, 1).fit(far, beside, seed=1)
        assert np.array_equal(known.log_prob(x, context), again.log_prob(x, context))


def test_contexts_outside_the_training_are_warned_of(pair):
    _, context = table(100, 2, seed=9)
    context = np.clip(context, -2, 2)
    context[:30, 1] = 50.0
    with pytest.warns(
        UserWarning, match=r"30 of 100 values of c1 lie outside -.*, where the flow was trained"
    ):
        pair.sample(context, seed=1)
    many = np.zeros((5000, 2))
    many[0, 0] = 50.0  # by chance, one
    assert np.isfinite(pair.sample(many, seed=1)).all()


@pytest.fixture(scope="module")
def chained():
    """p(a | c) and p(b | a, c), each of two members."""
    random = np.random.default_rng(1)
    c = random.normal(size=(3000, 1))
    a = random.normal(c, 0.5)
    b = random.normal(a - c, 0.3)
    small = partial(spline_autoregressive, layers=2, hidden=12, bins=5)
    first = ConditionalDensity(small, LEARNED, 2, standard_preprocessing).fit(
        a, c, names=["a"], given=["c"], seed=1
    )
    second = ConditionalDensity(small, LEARNED, 2, standard_preprocessing)
    second.fit(b, np.hstack([a, c]), names=["b"], given=["a", "c"], seed=1)
    return first.chain(second), a, b, c


def test_a_chain_is_the_product_of_its_densities(chained):
    both, a, b, c = chained
    assert both.names == ("a", "b")
    assert both.given == ("c",)
    log_prob = both.first.log_prob(a, c) + both.second.log_prob(b, np.hstack([a, c]))
    assert np.array_equal(both.log_prob(np.hstack([a, b]), c), log_prob)
    z = both.to_latent(np.hstack([a, b]), c, member=1)
    np.testing.assert_allclose(both.from_latent(z, c, member=1), np.hstack([a, b]), atol=1e-3)
    assert np.abs(np.corrcoef(z.T)[0, 1]) < 0.1


def test_samples_of_a_chain_follow_its_density(chained):
    both, *_ = chained
    asked = np.full((6000, 1), 0.7)
    drawn, log_prob = both.sample_and_log_prob(asked, seed=1)
    for found in (drawn, both.sample(asked, seed=2)):
        np.testing.assert_allclose(found.mean(0), [0.7, 0.0], atol=0.06)
        np.testing.assert_allclose(found.std(0), [0.5, np.hypot(0.5, 0.3)], rtol=0.12)
        assert np.corrcoef(found.T)[0, 1] == pytest.approx(0.5 / np.hypot(0.5, 0.3), abs=0.05)
    exact = stats.norm.logpdf(drawn[:, 0], 0.7, 0.5) + stats.norm.logpdf(drawn[:, 1], drawn[:, 0] - 0.7, 0.3)
    assert np.exp(exact - log_prob).mean() == pytest.approx(1.0, abs=0.1)


def test_a_chain_of_chains_and_in_a_file(chained, tmp_path):
    both, a, b, c = chained
    third = ConditionalDensity(KINDS["spline"], PLAN, 1).fit(a + b, np.hstack([a, b, c]), names=["d"], seed=1)
    three = both.chain(third)
    assert three.names == ("a", "b", "d")
    drawn = three.sample(c[:50], seed=1)
    assert drawn.shape == (50, 3)
    save_weights(tmp_path / "w", three)
    again = load_weights(tmp_path / "w", ChainedDensity)
    assert np.array_equal(again.sample(c[:50], seed=1), drawn)
    assert np.array_equal(again.log_prob(drawn, c[:50]), three.log_prob(drawn, c[:50]))


def test_factors_of_a_chain_of_chains_draw_random_numbers_of_their_own():
    """Of columns that know nothing of one another, those that are drawn know nothing either."""
    columns = np.random.default_rng(1).normal(size=(1000, 3))
    a, b, c = (
        ConditionalDensity(KINDS["affine"], PLAN, 1).fit(
            columns[:, [place]], columns[:, :place], names=["abc"[place]], given=tuple("abc"[:place]), seed=1
        )
        for place in range(3)
    )
    chain = a.chain(b).chain(c)
    for drawn in (chain.sample(4000, seed=1), chain.sample_and_log_prob(4000, seed=1)[0]):
        assert np.abs(np.corrcoef(drawn.T) - np.eye(3)).max() < 0.5


def test_what_cannot_be_chained(chained, pair):
    both, *_ = chained
    with pytest.raises(ConfigError, match=r"needs 2 contexts.*: a, c; got a density with c$"):
        both.first.chain(both.first)
    turned = copy.copy(both.second)
    turned.given = ("c", "a")
    with pytest.raises(ConfigError, match="was trained given c, a; expected, in this order, a, c"):
        both.first.chain(turned)
    with pytest.raises(ConfigError, match="has not been trained"):
        ConditionalDensity().chain(pair)
    with pytest.raises(ConfigError, match=r"features a, b: expected x of shape \(5, 2\); got \(5, 3\)"):
        both.log_prob(np.zeros((5, 3)), np.zeros((5, 1)))


X, C = table(200, 2)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"x": X[:, 0]}, ConfigError, r"two dimensions; got shape \(200,\); a single column is x\[:, None\]"),
        ({"context": C[:, 0]}, ConfigError, r"a single column is context\[:, None\]"),
        ({"context": C[:100]}, ConfigError, r"got \(200, 2\), \(100, 2\) and \(200,\)"),
        ({"weight": np.ones(100)}, ConfigError, r"and \(100,\)"),
        ({"x": np.empty((200, 0))}, ConfigError, "D at least 1"),
        ({"x": X.astype(str)}, ConfigError, "expected numbers in x; got an array of <U"),
        ({"names": ["a"]}, ConfigError, "expected 2 names, each once"),
        ({"names": ["a", "a"]}, ConfigError, "expected 2 names, each once"),
        ({"given": ["a", "b", "c"]}, ConfigError, "expected 2 names, each once"),
        (
            {"x": np.where(X[3, 0] == X, np.nan, X), "names": ["a", "b"]},
            InputError,
            "feature 'a' holds NaN .* in 1 of 200",
        ),
        (
            {"context": np.where(C[3, 1] == C, np.inf, C)},
            InputError,
            "context 'c1' holds NaN or inf.* in 1 of 200",
        ),
        (
            {"context": np.column_stack([C[:, 0], np.ones(200)])},
            InputError,
            "context 'c1' is 1 in every training",
        ),
        ({"x": np.column_stack([X[:, 0], np.ones(200)])}, InputError, "feature 'x1' is 1 in every training"),
        ({"x": X[:0], "context": C[:0]}, InputError, "no events"),
        ({"x": X[:60], "context": C[:60]}, InputError, "60 events cannot train"),
        ({"weight": np.full(200, np.nan)}, InputError, "event weights add up to nan"),
        ({"weight": -np.ones(200)}, InputError, "event weights add up to -200"),
    ],
)
def test_tables_that_cannot_be_learned(given, error, message):
    arguments = {"x": X, "context": C, **given}
    with pytest.raises(error, match=message):
        ConditionalDensity(KINDS["spline"], PLAN, 1).fit(**arguments, seed=1)


def test_a_constant_column_is_named_by_any_preprocessing():
    bad = np.column_stack([X[:, 0], np.ones(200)])
    with pytest.raises(InputError, match=r"feature 'x1' holds NaN or infinite .*a constant column"):
        ConditionalDensity(KINDS["spline"], PLAN, 1, standardised).fit(bad, C, seed=1)


@pytest.mark.parametrize("options", [{"members": 0}, {"slowness": 0.0}, {"slowness": np.nan}])
def test_settings_that_cannot_be(options):
    with pytest.raises(ConfigError, match="expected at least one member, and a slowness above zero"):
        ConditionalDensity(KINDS["spline"], PLAN, **options).fit(X, C, seed=1)


@pytest.mark.parametrize("context", [C[:, :1], None, np.empty((200, 0)), np.zeros((200, 3))])
def test_contexts_of_another_width_at_use(pair, context):
    uses = [
        lambda: pair.log_prob(X, context),
        lambda: pair.to_latent(X, context),
        lambda: pair.from_latent(X, context),
    ]
    for use in [*uses, *([lambda: pair.sample(context, 1)] if context is not None else [])]:
        with pytest.raises(ConfigError, match=r"trained with 2 contexts \(c0, c1\); got"):
            use()


def test_bad_rows_at_use(pair):
    with pytest.raises(ConfigError, match=r"features x0, x1: expected x of shape \(200, 2\).*got \(200, 1\)"):
        pair.log_prob(X[:, :1], C)
    with pytest.raises(
        ConfigError, match=r"expected x of shape \(200, 2\) beside 200 contexts; got \(100, 2\)"
    ):
        pair.log_prob(X[:100], C)
    with pytest.raises(InputError, match="feature 'x1' holds NaN"):
        pair.log_prob(np.where(X[3, 1] == X, np.nan, X), C)
    with pytest.raises(InputError, match="context 'c0' holds NaN"):
        pair.sample(np.where(C[3, 0] == C, np.nan, C), 1)
    with pytest.raises(ConfigError, match="members 0 to 1; got 2"):
        pair.to_latent(X, C, member=2)
    with pytest.raises(ConfigError, match="-3 events"):
        pair.sample(-3, 1)
    with pytest.raises(ConfigError, match="has not been trained"):
        ConditionalDensity().sample(C, 1)
    assert pair.log_prob(np.full((1, 2), np.inf), np.zeros((1, 2))).tolist() == [-np.inf]
    assert torch.is_grad_enabled()
