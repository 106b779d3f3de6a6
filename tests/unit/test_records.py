"""Records: what is written is read again, and anything else is told with its file and key."""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from hepflow.errors import ConfigError, InputError
from hepflow.records import Record, read_json, read_record, without_nan, write_json


@dataclass
class Point:
    x: float
    where: Path


def test_write_json(tmp_path):
    value = {
        "a": np.float64(0.1),
        "b": np.arange(3),
        "c": [Point(1.5, Path("p"))],
        4: (True, None, np.int8(3)),
    }
    write_json(tmp_path / "v.json", value)
    plain = {"a": 0.1, "b": [0, 1, 2], "c": [{"x": 1.5, "where": "p"}], "4": [True, None, 3]}
    assert json.loads((tmp_path / "v.json").read_text()) == plain
    for bad, message in (
        (np.nan, r"\$.a\[1\] is nan, which JSON cannot hold"),
        ({1}, r"\$.a\[1\] is \{1\} \(set\)"),
    ):
        with pytest.raises(ConfigError, match=message):
            write_json(tmp_path / "v.json", {"a": [0, bad]})
    assert json.loads((tmp_path / "v.json").read_text()) == plain


@dataclass(frozen=True)
class Inner:
    values: tuple[float, ...]
    note: str | None = None


@dataclass(frozen=True)
class Outer(Record):
    schema: ClassVar[str] = "hepflow-outer-1"
    remedy: ClassVar[str] = "make it anew"
    name: str
    count: int
    inner: tuple[Inner, ...] = ()


FOUND = Outer("a", 2, (Inner((1.0, 1e-300, 0.1)), Inner((), "none")))


def test_what_is_written_is_read_again(tmp_path):
    FOUND.write(tmp_path / "outer.json")
    assert json.loads((tmp_path / "outer.json").read_text("utf-8"))["schema"] == "hepflow-outer-1"
    assert Outer.from_json(tmp_path / "outer.json") == FOUND
    write_json(tmp_path / "inner.json", FOUND.inner)
    assert read_record(tmp_path / "inner.json", tuple[Inner, ...]) == FOUND.inner


def test_keys_may_be_added_and_left_out(tmp_path):
    """What a later hepflow writes is read by this one, and what an earlier one wrote as well."""
    content = FOUND.to_dict()
    del content["inner"]
    write_json(tmp_path / "outer.json", {**content, "later": [1]})
    assert Outer.from_json(tmp_path / "outer.json") == replace(FOUND, inner=())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"count": "2"}, "count: Input should be a valid integer"),
        ({"count": 2.5}, "count: "),
        ({"count": True}, "count: "),
        ({"name": None}, "name: Input should be a valid string"),
        ({"inner": {"a": 1}}, "inner: "),
        ({"inner": [{"values": [1, "x"]}]}, r"inner\.0\.values\.1: "),
        ({"inner": [{}]}, r"inner\.0\.values: Field required"),
    ],
)
def test_a_value_of_another_type_is_named(tmp_path, change, said):
    write_json(tmp_path / "outer.json", {**FOUND.to_dict(), **change})
    with pytest.raises(InputError, match=rf"outer\.json: damaged: .*{said}.*; make it anew"):
        Outer.from_json(tmp_path / "outer.json")


def test_only_some_of_many_problems_are_told(tmp_path):
    write_json(tmp_path / "inner.json", [{}] * 10)
    with pytest.raises(InputError, match=r"2\.values: Field required; and 7 more\)"):
        read_record(tmp_path / "inner.json", tuple[Inner, ...])


@pytest.mark.parametrize(
    "text", ["", "{", "[1", "[" * 100_000, "NaN", '{"a": Infinity}', "\0", "9" * 10_000, "\ud800"]
)
def test_what_is_no_json(tmp_path, text):
    path = tmp_path / "outer.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(InputError, match=r"outer\.json: cannot be read as JSON"):
        read_json(path)
    with pytest.raises(InputError, match=r"outer\.json: cannot be read as hepflow-outer-1"):
        Outer.from_json(path)


@pytest.mark.parametrize(
    "content", [[], 3, None, "x", {}, {"schema": ["hepflow-outer-1"]}, {"schema": "other"}]
)
def test_another_schema(tmp_path, content):
    write_json(tmp_path / "outer.json", content)
    with pytest.raises(InputError, match=r"outer\.json: expected schema 'hepflow-outer-1', found "):
        Outer.from_json(tmp_path / "outer.json")


def test_no_file(tmp_path):
    with pytest.raises(InputError, match=r"none\.json: cannot be read as hepflow-outer-1 \(no such file"):
        Outer.from_json(tmp_path / "none.json")


def test_numbers_come_back_to_the_last_bit(tmp_path):
    values = tuple(
        math.ldexp(1 + number / 7, exponent) for number in range(7) for exponent in (-1000, 0, 900)
    )
    write_json(tmp_path / "inner.json", Inner(values))
    assert read_record(tmp_path / "inner.json", Inner).values == values


def test_without_nan():
    class Result:
        def to_dict(self):
            return {"x": np.array([1.0, np.inf])}

    value = {
        "a": (math.nan, 1),
        "b": [Result()],
        "c": Point(-math.inf, "p"),
        "d": np.float64("nan"),
        "e": True,
    }
    plain = {"a": [None, 1], "b": [{"x": [1.0, None]}], "c": {"x": None, "where": "p"}, "d": None, "e": True}
    assert without_nan(value) == plain


@pytest.mark.parametrize(
    ("digits", "value"),
    [
        *(("12", 12), ("-12", -12), (str(2**63 - 1), 2**63 - 1), (str(-(2**63)), -(2**63))),
        *((str(2**63), 2.0**63), ("9" * 20, 1e20)),
    ],
)
def test_integers_beyond_64_bits_are_doubles(tmp_path, digits, value):
    (tmp_path / "x.json").write_text(digits)
    found = read_json(tmp_path / "x.json")
    assert found == value
    assert type(found) is type(value)
