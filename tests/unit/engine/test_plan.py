"""Plans and keys: what a result depends on, and nothing else."""

import json

import pytest
from steps_for_tests import HERE

from hepflow.engine.plan import Plan, Step, by_name, differences

NUMBERS = f"{HERE}:numbers"


def test_keys_depend_on_all_that_comes_before():
    def plan(first, second):
        return Plan.of(
            [
                Step("one", "a", NUMBERS, {"x": first}),
                Step("two", "b", NUMBERS, {"y": second}, by_name("one")),
            ]
        )

    keys = [plan(1, 2).key("two"), plan(3, 2).key("two"), plan(1, 3).key("two")]
    assert len(set(keys)) == 3
    assert plan(1, 2).key("two") == keys[0]
    assert plan(1, 2).key("one") == plan(1, 3).key("one")


def test_a_step_that_only_saves_work_is_no_part_of_the_key():
    def plan(**options):
        return Plan.of([Step("one", "a", NUMBERS), Step("two", "b", NUMBERS, **options)])

    assert plan(after=("one",)).key("two") == plan().key("two") != plan(needs=by_name("one")).key("two")
    assert plan(after=("one",))["two"].before == ("one",)


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ({"method": {"layers": 5}}, {"method": {"layers": 6}}, ["method.layers: 5 -> 6"]),
        (
            {"code": {"a.py": "1", "b.py": "2"}},
            {"code": {"a.py": "1", "c.py": "2"}},
            ["code of b.py", "code of c.py"],
        ),
        ({"files": {"e.h5": [1, 2, "x"]}}, {"files": {"e.h5": [1, 3, "x"]}}, ["file e.h5"]),
        ({"steps": {"scores": "k"}}, {"steps": {"scores": "l"}}, ["after scores"]),
        ({"seed": 1}, {"seed": 1}, []),
    ],
)
def test_differences_in_words(before, now, said):
    assert differences(before, now) == said


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"made_by": NUMBERS}, {"made_by": "hepflow.errors:did_you_mean"}),
        ({"settings": {"x": 1}}, {"settings": {"x": 2}}),
        ({"files": {"e.h5": (1, 2, "x")}}, {"files": {"e.h5": (1, 3, "x")}}),
        ({"chosen": {"method": "hepflow.errors:X"}}, {"chosen": {"method": "hepflow.regions:Windows"}}),
        ({"needs": {"data": "first"}}, {"needs": {"data": "second"}}),
        ({"needs": {"data": "first"}}, {"needs": {"signal": "first"}}),
    ],
)
def test_all_that_a_result_follows_from_is_in_its_key(one, other):
    def key(**options):
        first, second = (Step(name, "a", NUMBERS, {"n": n}) for name, n in (("first", 1), ("second", 2)))
        return Plan.of([first, second, Step("it", "b", **{"made_by": NUMBERS, **options})]).key("it")

    assert key(**one) != key(**other)
    assert key(**one) == key(**one)


def test_names_and_stages_are_no_part_of_a_key():
    """A result may move; steps that need it find it by what it is to them."""

    def plan(name, stage):
        steps = [Step(name, stage, NUMBERS), Step("it", stage, NUMBERS, needs={"data": name})]
        return Plan.of(steps)

    assert plan("first", "a").key("it") == plan("w/first", "b").key("it")


def test_what_a_step_is_made_from_is_what_json_reads_back():
    files = {"e.h5": (1, 2, "x")}
    step = Step("it", "a", NUMBERS, {"windows": ((1, 2.5),), "none": None}, files=files)
    made_from = Plan.of([step]).made_from("it")
    assert json.loads(json.dumps(made_from)) == made_from
    assert made_from == {
        "windows": [[1, 2.5]],
        "none": None,
        "files": {"e.h5": [1, 2, "x"]},
        "code": {},
        "steps": {},
    }


def test_steps_up_to_a_stage():
    plan = Plan.of(
        [Step(name, stage, NUMBERS) for name, stage in (("one", "a"), ("two", "b"), ("three", "c"))]
    )
    assert plan.until("b", ("a", "b")) == ["one", "two"]
    assert plan.until(None, ("a", "b")) == ["one", "two", "three"]
    assert "two" in plan
    assert "b" not in plan
