"""The training loop: seeds, best epochs, schedules, and losses that run away."""

import copy

import numpy as np
import pytest
import torch

from hepflow.errors import ConfigError, FitError, InputError
from hepflow.training import Members, TrainingPlan, train

PLAN = TrainingPlan(epochs=6, batch_size=32, learning_rate=0.05, best_epochs=3)


def line(events=400, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(events, 2, generator=generator)
    y = x @ torch.tensor([[2.0], [-1.0]]) + 0.1 * torch.randn(events, 1, generator=generator)
    return x, y


def module(seed=0):
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))


def squared(network, x, y):
    return (network(x) - y).square().sum(-1)


def fit(plan=PLAN, seed=1, rows=None, network=None, loss=squared):
    """Train one network; return what the training left and the network in its best epoch."""
    network = module() if network is None else network
    (training,) = train(Members([network], loss), line() if rows is None else rows, plan, [seed], "line")
    network.load_state_dict(training.states[0])
    return training, network


def equal(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_the_seed_decides_the_weights():
    (one, _), (same, _), (other, _) = fit(seed=1), fit(seed=1), fit(seed=2)
    assert one.losses == same.losses
    assert all(equal(a, b) for a, b in zip(one.states, same.states, strict=True))
    assert not any(equal(a, b) for a, b in zip(one.states, other.states, strict=True))


def test_the_global_generator_is_left_alone():
    network = module()
    before = torch.get_rng_state()
    fit(network=network)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("schedule", ["one-cycle", "cosine"])
def test_it_learns(schedule):
    plan = TrainingPlan(epochs=20, batch_size=32, learning_rate=0.05, schedule=schedule, best_epochs=1)
    training, _ = fit(plan)
    assert len(training.losses.training) == len(training.losses.validation) == 20
    assert training.losses.validation[-1] < 0.1 * training.losses.validation[0]


def test_best_epochs_come_first():
    """The states kept are those of the lowest validation losses, in that order."""
    losses, seen = [3.0, 1.0, 4.0, 1.5, 9.0, 2.0, 6.0], []

    def loss(network, x, y):
        if torch.is_grad_enabled():
            return squared(network, x, y)
        seen.append({name: each.clone() for name, each in network.named_parameters()})
        return torch.full((len(x),), losses[len(seen) - 1])

    training, _ = fit(TrainingPlan(epochs=7, batch_size=32, best_epochs=3), loss=loss)
    assert training.losses.validation == tuple(losses)
    assert len(training.states) == 3
    assert all(equal(state, seen[epoch]) for state, epoch in zip(training.states, (1, 3, 5), strict=True))
    assert not equal(seen[1], seen[3])


def test_members_end_in_their_best_epochs():
    members = Members([module(0), module(1)], squared)
    trainings = train(members, line(), PLAN, [1, 2], "line")
    assert [len(training.states) for training in trainings] == [3, 3]
    assert all(equal(members.state(k), training.states[0]) for k, training in enumerate(trainings))


def test_a_member_learns_the_same_whoever_is_beside_it():
    """Seeds, splits and gradients are a member's own; only the order of floating-point sums may differ."""
    together = train(Members([module(0), module(1)], squared), line(), PLAN, [1, 2], "line")
    alone = [train(Members([module(k)], squared), line(), PLAN, [k + 1], "line")[0] for k in (0, 1)]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.losses.validation, other.losses.validation, rtol=1e-4)
    assert not np.allclose(together[0].losses.validation, together[1].losses.validation)


def test_the_networks_themselves_are_left_alone():
    networks = [module(0), module(1)]
    before = copy.deepcopy([network.state_dict() for network in networks])
    train(Members(networks, squared), line(), PLAN, [1, 2], "line")
    assert all(equal(network.state_dict(), state) for network, state in zip(networks, before, strict=True))


def test_masked_parameters_stay_zero():
    mask = torch.ones(8, 2)
    mask[::2] = 0
    (training,) = train(Members([module()], squared, {"0.weight": mask}), line(), PLAN, [1], "line")
    for state in training.states:
        assert not state["0.weight"][::2].any()
        assert state["0.weight"][1::2].all()


def test_more_best_epochs_than_epochs():
    training, _ = fit(TrainingPlan(epochs=2, batch_size=32, best_epochs=10))
    assert len(training.states) == 2


@pytest.mark.parametrize("steps", range(2, 12))
@pytest.mark.parametrize("schedule", ["one-cycle", "cosine"])
def test_short_schedules(steps, schedule):
    plan = TrainingPlan(epochs=1, batch_size=10, schedule=schedule)
    training, _ = fit(plan, rows=line(int(np.ceil((10 * steps) / 0.9)) + 1))
    assert np.isfinite(training.losses.validation[0])


def test_validation_rows_are_not_trained_on():
    """Rows of the validation split never reach a loss that is differentiated."""
    trained, judged = set(), set()
    x = torch.arange(200.0)[:, None] / 200

    def loss(network, rows):
        (trained if torch.is_grad_enabled() else judged).update(rows[:, 0].tolist())
        return network(rows).square().sum(-1)

    fit(TrainingPlan(epochs=5, batch_size=16), rows=(x,), network=torch.nn.Linear(1, 1), loss=loss)
    assert len(judged) == 20
    assert len(trained) == 180  # the rows that one epoch leaves over come in another
    assert not trained & judged


def test_members_see_only_their_own_rows():
    """Members of unequal shares: each takes as many rows as the smallest has, for training and judging alike."""
    x = torch.arange(301.0)[:, None] / 301
    own = [torch.arange(100), torch.arange(100, 200), torch.arange(200, 301)]
    trained, judged = ({0: set(), 1: set(), 2: set()} for _ in range(2))

    def loss(network, rows):
        number = int(network.bias.detach().round().item()) // 10
        (trained if torch.is_grad_enabled() else judged)[number].update(
            (301 * rows[:, 0]).round().int().tolist()
        )
        return network(rows).square().sum(-1) * 1e-6

    networks = [torch.nn.Linear(1, 1) for _ in own]
    for number, network in enumerate(networks):
        network.bias.data.fill_(10.0 * number + 3)
    plan = TrainingPlan(epochs=8, batch_size=16, learning_rate=1e-4)
    train(Members(networks, loss), (x,), plan, [1, 2, 3], "line", own=own)
    for number, rows in enumerate(own):
        assert trained[number] | judged[number] <= {*rows.tolist()}
        assert (len(trained[number]), len(judged[number])) == (90, 10)
        assert not trained[number] & judged[number]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("bootstrap", [False, True])
def test_rows_of_others_change_nothing(weighted, bootstrap):
    """Bit for bit, be they other rows, of other weights, or such that the gradient overflows."""
    x, y = line(601)
    own = [torch.arange(300), torch.arange(300, 601)]
    weight = 0.5 + torch.rand(601, generator=torch.Generator().manual_seed(5))
    plan = TrainingPlan(epochs=3, batch_size=32, learning_rate=0.05, bootstrap=bootstrap)

    def run(mine, other=1.0, scale=1.0):
        factor = torch.ones(601)
        factor[own[1 - mine]] = other
        weights = weight.where(factor == 1, scale * weight.flip(0)) if weighted else None
        rows = x * factor[:, None], y * factor[:, None]
        members = Members([module(0), module(1)], squared)
        return train(members, rows, plan, [1, 2], "line", weight=weights, own=own)[mine]

    for mine in (0, 1):
        known = run(mine)
        for other, scale in ((0.3, 1.0), (0.3, 7.0), (-1e15, 7.0)):
            again = run(mine, other, scale)
            assert again.losses == known.losses
            assert all(equal(a, b) for a, b in zip(again.states, known.states, strict=True))


def test_rows_of_their_own_are_learned_as_if_there_were_no_others():
    x, y = line(600)
    own = [torch.arange(300), torch.arange(300, 600)]
    together = train(Members([module(0), module(1)], squared), (x, y), PLAN, [1, 2], "line", own=own)
    for number, rows in enumerate(own):
        members = Members([module(number)], squared)
        (alone,) = train(members, (x[rows], y[rows]), PLAN, [number + 1], "line")
        np.testing.assert_allclose(together[number].losses.validation, alone.losses.validation, rtol=1e-4)


def test_the_smallest_share_decides_whether_there_are_enough():
    with pytest.raises(InputError, match="line: 50 events cannot train a network in batches of 32"):
        train(
            Members([module(0), module(1)], squared),
            line(500),
            PLAN,
            [1, 2],
            "line",
            own=[torch.arange(50), torch.arange(50, 500)],
        )


def test_a_share_whose_weights_have_no_sum():
    weight = torch.ones(400)
    weight[200:] = -1.0
    weight[:200] = 3.0
    own = [torch.arange(200), torch.arange(200, 400)]
    members = Members([module(0), module(1)], squared)
    with pytest.raises(InputError, match="line: the event weights add up to -200; expected a positive"):
        train(members, line(400), PLAN, [1, 2], "line", weight=weight, own=own)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_not_finite(value):
    x, y = line()
    y[17] = value
    with pytest.raises(
        FitError, match=r"line: the loss of epoch 1 is not finite .* smaller learning_rate than 0.05"
    ):
        fit(rows=(x, y))


def test_a_loss_that_becomes_infinite_later():
    with pytest.raises(FitError, match="loss of epoch"):
        fit(TrainingPlan(epochs=5, batch_size=32, learning_rate=1e38, clip=1e38))


@pytest.mark.parametrize(("events", "batch"), [(0, 8), (20, 32), (63, 32)])
def test_too_few_rows(events, batch):
    plan = TrainingPlan(epochs=1, batch_size=batch)
    with pytest.raises(
        InputError, match=rf"line: {events} events cannot train .* batches of {batch}; expected at least"
    ):
        fit(plan, rows=line(events))


def test_gradients_are_clipped():
    """A huge loss trains as a large one does: all that is left of either gradient is its direction."""
    large, huge = (fit(loss=lambda *rows, size=size: size * squared(*rows))[0] for size in (1e4, 1e30))
    for one, other in zip(large.states, huge.states, strict=True):
        for name in one:
            torch.testing.assert_close(one[name], other[name], rtol=0, atol=1e-4)
    plain, _ = fit(loss=squared)
    assert not torch.allclose(plain.states[0]["0.weight"], large.states[0]["0.weight"], atol=1e-2)


def test_an_average_of_the_parameters_is_judged_and_kept():
    seen = []

    def loss(network, x, y):
        if not torch.is_grad_enabled():
            seen.append({name: each.clone() for name, each in network.named_parameters()})
        return squared(network, x, y)

    plan = TrainingPlan(epochs=4, batch_size=32, learning_rate=0.05, average=0.95, best_epochs=4)
    averaged, _ = fit(plan, loss=loss)
    assert all(any(equal(state, judged) for judged in seen) for state in averaged.states)
    plain, _ = fit(TrainingPlan(epochs=4, batch_size=32, learning_rate=0.05, best_epochs=4))
    assert averaged.losses.training == plain.losses.training  # the average leaves the training itself alone
    assert averaged.losses.validation != plain.losses.validation


def test_patience_stops_early():
    losses = iter([3.0, 2.0, 2.5, 2.4, 2.3, 1.0])

    def loss(network, x, y):
        if torch.is_grad_enabled():
            return squared(network, x, y)
        return torch.full((len(x),), next(losses))

    training, _ = fit(TrainingPlan(epochs=6, batch_size=32, patience=3), loss=loss)
    assert training.losses.validation == pytest.approx((3.0, 2.0, 2.5, 2.4, 2.3))


def test_each_member_ends_by_its_own_patience():
    """What a member keeps is the same whoever trains on beside it."""
    judged = torch.tensor([[3.0, 3.0], [2.0, 2.9], [2.5, 2.8], [2.4, 2.7], [1.0, 2.6], [0.9, 2.5]])
    epochs = iter(judged)

    class Judged(Members):
        def losses(self, *columns):
            found = super().losses(*columns)
            return found if torch.is_grad_enabled() else next(epochs)[:, None].expand_as(found)

    plan = TrainingPlan(epochs=6, batch_size=32, patience=2, best_epochs=5)
    first, second = train(Judged([module(0), module(1)], squared), line(), plan, [1, 2], "line")
    assert first.losses.validation == pytest.approx((3.0, 2.0, 2.5, 2.4))
    assert second.losses.validation == pytest.approx(judged[:, 1].tolist())
    assert (len(first.states), len(second.states)) == (4, 5)


def test_a_few_steps_without_a_finite_loss_are_left_out_and_counted():
    calls = []

    def loss(network, x, y):
        calls.append(torch.is_grad_enabled())
        bad = torch.is_grad_enabled() and sum(calls) == 5
        return squared(network, x, y) * (float("nan") if bad else 1.0)

    training, _ = fit(rows=line(2000), loss=loss)
    assert training.losses.skipped == 1
    assert np.isfinite(training.losses.training).all()
    assert training.losses.validation[-1] < 0.5 * training.losses.validation[0]


def test_one_member_that_fails_takes_no_other_with_it():
    """Gradients of a member are its own, also those that are not finite."""

    def loss(network, x, y):
        wild = network[0].weight[0, 0] > 0.3 and torch.is_grad_enabled()
        return squared(network, x, y) * (float("inf") if wild else 1.0)

    torch.manual_seed(0)
    networks = [module(seed) for seed in range(8)]
    good = next(n for n in networks if n[0].weight[0, 0] < 0)
    bad = next(n for n in networks if n[0].weight[0, 0] > 0.3)
    with pytest.raises(FitError, match="steps had no finite loss"):
        train(Members([good, bad], loss), line(), PLAN, [1, 2], "line")


@pytest.mark.parametrize("sign", ["positive", "mixed"])
def test_weights_count(sign):
    """Weights that prefer one of two lines: the network learns that one."""
    x = torch.linspace(-1, 1, 800)[:, None]
    first = torch.arange(800) % 2 == 0
    y = torch.where(first[:, None], x, -x)
    weight = torch.where(first, 1.0, 1e-3 if sign == "positive" else -0.01)
    torch.manual_seed(1)
    members = Members([torch.nn.Linear(1, 1)], squared)
    plan = TrainingPlan(epochs=20, batch_size=32, learning_rate=0.05, best_epochs=1)
    (training,) = train(members, (x, y), plan, [1], "line", weight=weight)
    assert training.states[0]["weight"].item() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("schedule", ["one-cycle", "cosine", "constant"])
def test_rates(schedule):
    """At the start, half-way up, at the peak, half-way down and at the end: cosines between them."""
    plan = TrainingPlan(schedule=schedule, warm_up=0.2)
    rates = [plan.rate(step, 101) for step in range(101)]
    first = 0.04 if schedule == "one-cycle" else 0.0
    fallen = (1.0, 1.0) if schedule == "constant" else (0.5, 0.0)
    wanted = (first, 0.5 + 0.5 * first, 1.0, *fallen)
    assert [rates[step] for step in (0, 10, 20, 60, 100)] == pytest.approx(wanted, abs=1e-5)
    assert max(rates) == rates[20]
    momenta = [plan.momentum(step, 101) for step in (0, 20, 100)]
    assert momenta == pytest.approx([0.946, 0.85, 0.95] if schedule == "one-cycle" else [0.9] * 3, abs=1e-6)
    assert TrainingPlan(schedule=schedule, warm_up=0).rate(0, 101) == 1.0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("batch_size", 0),
        ("best_epochs", 0),
        ("learning_rate", 0.0),
        ("warm_up", 1.0),
        ("validation_fraction", 0.0),
        ("validation_fraction", 1.0),
        ("average", 1.0),
    ],
)
def test_numbers_that_cannot_be(name, value):
    with pytest.raises(ConfigError, match=f"TrainingPlan: {name} is {value}; expected"):
        TrainingPlan(**{name: value})


@pytest.mark.parametrize("device", ["cuda:77", "abacus"])
def test_a_device_that_is_not_there(device):
    with pytest.raises(ConfigError, match=f"no device '{device}' here; expected one of cpu"):
        TrainingPlan(device=device)
