"""Columns that follow from others: named, with what they follow from; and none of those that do not."""

import numpy as np
import pytest

from hepflow.dependent import check_independent, dependent
from hepflow.errors import InputError

NAMES = ("a", "b", "c", "d")


def table(events=2000, **own):
    random = np.random.default_rng(1)
    a, b, c = random.normal(50, 10, events), random.exponential(3, events), random.random(events)
    d = own["d"](a, b, c) if own else random.normal(size=events)
    return np.stack([a, b, c, d], axis=1)


@pytest.mark.parametrize(
    ("d", "message"),
    [
        (lambda a, b, c: a, "feature 'd' is the same as 'a'"),
        (lambda a, b, c: np.float32(b), "feature 'd' is 'b' times a number, plus a number"),
        (lambda a, b, c: 3 - 1e-3 * c, "feature 'd' is 'c' times a number, plus a number"),
        (lambda a, b, c: a - 2 * b, "feature 'd' is a linear combination of 'a', 'b'"),
        (lambda a, b, c: 1e6 + a + b + c, "feature 'd' is a linear combination of 'a', 'b', 'c'"),
        (lambda a, b, c: np.log(b), "feature 'd' is a function of 'b': their order is the same"),
        (lambda a, b, c: 1 / b, "feature 'd' is a function of 'b': their order is the same"),
    ],
)
def test_columns_that_follow_from_others_are_named(d, message):
    assert list(dependent(table(d=d), NAMES)) == [message]
    with pytest.raises(InputError, match=f"{message}.*no density.*Leave out one"):
        check_independent(table(d=d), NAMES)


def test_other_columns_are_left_alone():
    random = np.random.default_rng(2)
    check_independent(table(), NAMES)
    check_independent(table(d=lambda a, b, c: a + 1e-3 * random.normal(size=len(a))), NAMES)  # a narrow ridge
    check_independent(table(d=lambda a, b, c: np.hypot(a, b)), NAMES)
    check_independent(table(d=lambda a, b, c: 0 * a + 5), NAMES)  # constant: said elsewhere
    check_independent(table(d=lambda a, b, c: a)[:5], NAMES)  # too few rows to tell
    check_independent(random.integers(0, 3, (2000, 4)).astype(float), NAMES)


def test_every_fault_is_said_at_once():
    x = np.concatenate([table(), table()[:, :2]], axis=1)
    assert len(list(dependent(x, (*NAMES, "e", "f")))) == 2
