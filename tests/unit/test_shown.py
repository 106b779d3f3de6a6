"""How results look: ten lines at most, and a table; nothing that is long is written out."""

from dataclasses import dataclass, field

import numpy as np
import pytest

import hepflow as hf
from hepflow.records import Record
from hepflow.shown import LINES, WIDTH, show_briefly


@dataclass(frozen=True, eq=False)
class Result:
    name: str
    values: np.ndarray
    nested: dict = field(default_factory=dict)
    nothing: None = None


@dataclass(frozen=True)
class Short:
    x: float
    y: int = 3


@dataclass(frozen=True)
class Own:
    x: float

    def __repr__(self):
        return "mine"


class Plain:
    def __init__(self):
        self.values, self._hidden = np.arange(100.0), 1


for one in (Result, Short, Own, Plain):
    one.__module__ = "hepflow.made_up"
show_briefly([Result, Short, Own, Plain, np.ndarray, 3])


def test_what_is_long_is_told_field_by_field():
    result = Result("<a>", np.arange(5000.0), {f"key{i}": i for i in range(50)})
    lines = repr(result).splitlines()
    assert lines[0] == "Result"
    assert lines[2] == "  values  array of 5000, 0 to 4999"
    assert "nothing" not in repr(result)
    assert max(map(len, lines)) <= WIDTH
    html = result._repr_html_()
    assert "<th>name</th><td>&lt;a&gt;</td>" in html
    assert "array of 5000" in html


def test_what_is_short_or_has_a_text_of_its_own_keeps_it():
    assert repr(Short(1.5)) == "Short(x=1.5, y=3)"
    assert repr(Own(1.0)) == "mine"
    assert repr(Plain()) == "Plain\n  values  array of 100, 0 to 99"
    assert "<table>" in Own(1.0)._repr_html_()


ROOMS = (hf.selection, hf.stats, hf.smooth, hf.methods, hf.export, hf.classifiers, hf.flows, hf.twosample)
NAMED = [getattr(room, name) for room in ROOMS for name in room.__all__]
CLASSES = [one for one in [*NAMED, hf.Sample, hf.Spectrum, hf.Windows, hf.Results] if isinstance(one, type)]


@pytest.mark.parametrize(
    "one", [one for one in CLASSES if not getattr(one, "_is_protocol", False)], ids=lambda one: one.__name__
)
def test_every_public_class_shows_itself(one):
    assert callable(one._repr_html_)


def test_results_fit_ten_lines(falling_spectrum):
    hunt = hf.stats.bump_hunt(falling_spectrum, calculator="asymptotic")
    profile = hf.stats.Profile(*hf.stats.open_workspace(hunt.workspace))
    for result in (
        hunt,
        hunt.spectrum,
        hunt.signal,
        profile,
        hf.stats.discovery(profile),
        hf.methods.Cathode(),
    ):
        lines = repr(result).splitlines()
        assert len(lines) <= LINES
        assert max(map(len, lines)) <= 2 * WIDTH
        assert (
            "<table>" in result._repr_html_()
            or "<svg" in result._repr_html_()
            or "<html>" in result._repr_html_()
        )


@pytest.fixture
def falling_spectrum():
    windows = hf.Windows((3300, 3700), [(2500, 3300), (3700, 5000)])
    edges = windows.edges(50.0)
    expected = 100 * np.exp(-(edges[:-1] - 2500) / 600)
    modes = {f"mode_{k}": 0.02 * expected for k in range(12)}
    return hf.Spectrum(edges, expected.round(), expected, windows, modes, 0.1 * np.sqrt(expected), True)


def test_records_are_told_briefly():
    @dataclass(frozen=True)
    class Made(Record):
        values: tuple[float, ...]

    assert repr(Made(tuple(map(float, range(500))))) == "Made\n  values  500 of float"
    assert "500 of float" in Made(tuple(map(float, range(500))))._repr_html_()
