"""Selections: what they mean, and that nothing else than a selection is evaluated."""

import awkward as ak
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hepflow.errors import ConfigError, HepflowError, InputError
from hepflow.features import features
from hepflow.readers import Selection, read

PT = [[900.0, 400.0, 50.0], [700.0], [], [1300.0, 100.0]]
COLUMNS = {
    "FatJet_pt": ak.Array(PT),
    "FatJet_phi": ak.Array([[3.1, -3.1, 0.0], [1.0], [], [0.0, 2.0]]),
    "FatJet.Tau": ak.Array([[[0.5, 0.2]] * 3, [[0.4, 0.4]], [], [[0.1, 0.0]] * 2]),
    "HLT": ak.Array([True, False, True, True]),
    "flag": ak.Array(np.array([0, 1, 2, 3], dtype=np.int32)),
    "MET": ak.Array([10.0, 20.0, np.nan, 0.0]),
}


def passes(text):
    selection = Selection(text)
    return Selection(text).passes({name: COLUMNS[name] for name in selection.names}, 4).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FatJet_pt[:, 0] > 800", [1, 0, 0, 1]),
        ("FatJet_pt[:,0] > 1200 and HLT", [0, 0, 0, 1]),
        ("FatJet_pt[:, 0] > 1200 or HLT", [1, 0, 1, 1]),  # the third has no jet, but passes the trigger
        ("not (FatJet_pt[:, 0] > 800)", [0, 1, 0, 0]),  # undecided where there is no jet: dropped
        ("not HLT", [0, 1, 0, 0]),
        ("~HLT", [0, 1, 0, 0]),
        ("(FatJet_pt[:, 0] > 800) & ~HLT", [0, 0, 0, 0]),
        ("(FatJet_pt[:, 1] > 200) | (flag == 1)", [1, 1, 0, 0]),
        ("FatJet_pt[:, -1] < 200", [1, 0, 0, 1]),
        ("FatJet_pt[:, -2] == 400", [1, 0, 0, 0]),
        ("100 < FatJet_pt[:, 1] <= 400", [1, 0, 0, 0]),
        ("any(FatJet_pt > 1000)", [0, 0, 0, 1]),
        ("all(FatJet_pt > 60)", [0, 1, 1, 1]),
        ("num(FatJet_pt) >= 2", [1, 0, 0, 1]),
        ("count(FatJet_pt[:, :2]) == 2", [1, 0, 0, 1]),
        ("sum(FatJet_pt > 300) >= 2", [1, 0, 0, 0]),
        ("sum(FatJet_pt) > 1350 - 1e-9", [1, 0, 0, 1]),
        ("max(FatJet_pt) - min(FatJet_pt) > 0", [1, 0, 0, 1]),
        ("abs(deltaphi(FatJet_phi[:, 0], FatJet_phi[:, 1])) < 0.1", [1, 0, 0, 0]),
        ("FatJet.Tau[:, 0, 1] / FatJet.Tau[:, 0, 0] < 0.5", [1, 0, 0, 1]),
        ("any(FatJet.Tau[:, :, 1] == 0.4)", [0, 1, 0, 0]),
        ("sqrt(MET) > 3", [1, 1, 0, 0]),  # NaN passes nothing
        ("MET / 0 > 1", [1, 1, 0, 0]),
        ("flag", [0, 1, 1, 1]),
        ("(flag & 2) != 0", [0, 0, 1, 1]),
        ("flag % 2 == 1 and flag ** 2 > 1", [0, 0, 0, 1]),
        ("any(FatJet_pt > MET * 30)", [1, 1, 0, 1]),
        ("-MET < -5", [1, 1, 0, 0]),
        ("HLT and True", [1, 0, 1, 1]),
    ],
)
def test_meaning(text, expected):
    assert passes(text) == [bool(value) for value in expected]


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('touch hepflow_was_here')",
        "().__class__.__bases__[0].__subclasses__()",
        "FatJet_pt.__class__.__init__.__globals__['os']",
        "exec('1')",
        "eval('1')",
        "open('/etc/passwd').read()",
        "(lambda: 1)()",
        "[x for x in FatJet_pt]",
        "{'a': FatJet_pt}",
        "f'{FatJet_pt}'",
        "'text' == FatJet_pt",
        "FatJet_pt if HLT else MET",
        "(x := FatJet_pt)",
        "HLT; import os",
        "import os",
        "x = 1",
        "FatJet_pt[0]",
        "FatJet_pt[HLT]",
        "FatJet_pt[:, HLT]",
        "FatJet_pt[:, 0:3:2]",
        "FatJet_pt[:, 0.5]",
        "FatJet_pt[:, True]",
        "abs(FatJet_pt, out=HLT)",
        "abs(*FatJet_pt)",
        "abs.__call__(HLT)",
        "abs(HLT, HLT)",
        "HLT @ HLT",
        "HLT << 9",
        "HLT is None",
        "HLT in MET",
        "1j > HLT",
        "HLT && FatJet_pt > 3",
        "!HLT",
        "1 > 0",
        "",
        "HLT and",
        "(" * 500 + "HLT" + ")" * 500,
        "-" * 1900 + "MET > 0",
        "HLT" + " " * 3000,
        "HLT\0",
    ],
)
def test_hostile_and_senseless_text_is_refused(text):
    with pytest.raises(ConfigError, match="selection"):
        Selection(text)


@pytest.mark.parametrize("text", ["9**9**9**9 > MET", "9**9**9*MET > 0", "10**400 > MET", "MET % 0 > 1 / 0"])
def test_numbers_that_explode_are_refused(text):
    with pytest.raises(InputError, match=r"selection .* cannot be evaluated on MET: float64"):
        passes(text)


@settings(deadline=None)
@given(st.text(alphabet="FatJet_pHLMEf0123456789.,:[]()+-*/%&|~<>=! andornt'\"\\{}@\n", max_size=60))
def test_any_text_gives_a_mask_or_a_clear_error(text):
    try:
        selection = Selection(text)
        result = selection.passes({name: COLUMNS.get(name, COLUMNS["MET"]) for name in selection.names}, 4)
    except HepflowError as refused:
        result = refused
    assert "selection" in str(result) if isinstance(result, HepflowError) else result.shape == (4,)


def test_helpful_words():
    with pytest.raises(ConfigError, match=r"write 'and', 'or', 'not' for &&"):
        Selection("HLT && MET > 3")
    with pytest.raises(ConfigError, match="unknown function 'numb': did you mean 'num'"):
        Selection("numb(FatJet_pt) > 1")
    with pytest.raises(ConfigError, match=r"index \[0\]: expected ':' for the events"):
        Selection("FatJet_pt[0] > 3")
    with pytest.raises(
        InputError, match=r"gives var \* bool; expected one truth value per event: pick a jet"
    ):
        passes("FatJet_pt > 3")
    with pytest.raises(InputError, match=r"Comparisons beside & and \| need brackets"):
        passes("FatJet_pt[:, 0] > 3 & MET > 1")
    with pytest.raises(InputError, match="need a list per event"):
        passes("sum(MET) > 3")


def test_selection_in_a_file(tree_file, toy):
    text = "jets.pt[:, 0] > 500 and HLT_PFJet500"
    leading = ak.fill_none(ak.firsts(toy["FatJet_pt"]), 0)
    kept = np.asarray(leading > 500) & toy["HLT_PFJet500"]
    for chunk in (50, 10_000):
        sample = features(read(tree_file, "nanoaod", selection=text, chunk=chunk), ["m_J1"])
        assert sample.cutflow[:2] == (
            ("events read", 500),
            (f"dropped: selection: {text}", int((~kept).sum())),
        )
    own = next(read(tree_file, "nanoaod", selection="jets.tau3[:, 0] > 0.2").chunks(["pt"]))
    assert own.events["jets"].fields == ["pt"]  # what only the selection needs is not handed on


def test_names_that_the_file_does_not_have(tree_file):
    with pytest.raises(
        InputError, match=r"no branch 'HLT_PFJet5000' for the selection; did you mean 'HLT_PFJet500'"
    ):
        read(tree_file, "nanoaod", selection="HLT_PFJet5000")
    with pytest.raises(InputError, match=r"no branch 'jets.ptt' for the selection; did you mean 'jets.pt'"):
        read(tree_file, "nanoaod", selection="jets.ptt[:, 0] > 3")
