"""Selections: what they mean, and that nothing else than a selection is evaluated."""

import ast
import operator

import awkward as ak
import numpy as np
import pytest
import uproot
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
    with pytest.raises(InputError, match=r"& and \| truth values or whole numbers"):
        passes("MET & flag")
    with pytest.raises(InputError, match="need a list per event"):
        passes("sum(MET) > 3")


NARROW = {
    "u8": np.array([0, 1, 3, 255], dtype=np.uint8),
    "i8": np.array([-128, -1, 5, 127], dtype=np.int8),
    "u16": np.array([0, 2, 65535, 40000], dtype=np.uint16),
    "i64": np.array([-(2**40), 1, 7, 2**40], dtype=np.int64),
    "u64": np.array([0, 1, 2**40, 5], dtype=np.uint64),
    "big": np.array([0, 1, 2, 2**63], dtype=np.uint64),
    "half": np.array([1, 2, 60000, 3], dtype=np.float16),
    "x": np.array([0.5, -2.0, 1e6, np.nan]),
    "b": np.array([True, False, True, True]),
    "c": np.array([True, False, False, True]),
}
LISTS = {"v": ak.values_astype(ak.Array([[1, 2], [], [250, 250], [3]]), np.uint8)}


def passes_narrow(text):
    selection = Selection(text)
    columns = {**{name: ak.Array(values) for name, values in NARROW.items()}, **LISTS}
    return selection.passes({name: columns[name] for name in selection.names}, 4).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("u8 - 3 >= 0", [0, 0, 1, 1]),
        ("-u8 < 0", [0, 1, 1, 1]),
        ("u16 - u8 > -200", [1, 1, 1, 1]),
        ("u16 + u16 > 70000", [0, 0, 1, 1]),
        ("i8 * -3 > 200", [1, 0, 0, 0]),
        ("abs(i8) > 100", [1, 0, 0, 1]),
        ("u8 ** 2 == 65025", [0, 0, 0, 1]),
        ("i8 % 200 > 10", [1, 1, 0, 1]),
        ("u64 - 2 < 0", [1, 1, 0, 0]),
        ("sum(v) - 300 > 0", [0, 0, 1, 0]),  # a sum of uint8 is uint64
        ("v[:, 0] * 2 > 255", [0, 0, 1, 0]),
        ("b + c >= 2", [1, 0, 0, 1]),  # two triggers, not True or True
        ("b - c == 1", [0, 0, 1, 0]),
        ("half * 10 > 500000", [0, 0, 1, 0]),
        ("u8 > 300", [0, 0, 0, 0]),
        ("u8 != -1", [1, 1, 1, 1]),
        ("big > -1", [1, 1, 1, 1]),
        ("big > 3", [0, 0, 0, 1]),
        ("big * 1.0 > 3", [0, 0, 0, 1]),
        ("u8 & 256", [0, 0, 0, 0]),
        ("b & u8", [0, 0, 1, 1]),  # a truth value and a number are no bits: 1 & 2 is not false
        ("(u16 > 1) & u16", [0, 1, 1, 1]),
        ("(x < 0) | u8", [0, 1, 1, 1]),
        ("(big & 1) == 1", [0, 1, 0, 0]),
    ],
)
def test_whole_numbers_do_not_wrap_around(text, expected):
    assert passes_narrow(text) == [bool(value) for value in expected]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("big - 1 > 0", "9223372036854775808 is too large to compute with"),
        ("-big < 0", "9223372036854775808 is too large"),
        ("i64 * i64 > 0", r"the result of '\*' is too large for a whole number of 64 bits: 1.21e\+24"),
        ("sum(v) * i64 ** 2 * i64 * 1 > 0 and i64 * 2 ** 62 * i64 > 0 and i64 * i64 > 1", "is too large"),
    ],
)
def test_numbers_without_a_place_in_64_bits_are_refused(text, message):
    with pytest.raises(InputError, match=message):
        passes_narrow(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("u8 >= 2 & i8 == 0", "'(u8 >= 2) & (i8 == 0)', or as Python reads it 'u8 >= (2 & i8) == 0'"),
        ("b & u8 > 2", "'b & (u8 > 2)', or as Python reads it '(b & u8) > 2'"),
        ("u8 > 2 | b", "'(u8 > 2) | b'"),
        ("u8 > 2 & i8 > 1 | u16 == 3", "'(u8 > 2) & (i8 > 1) | (u16 == 3)'"),
        ("u8 & 1 == 1", "'u8 & (1 == 1)', or as Python reads it '(u8 & 1) == 1'"),
        ("~b == c", "'~(b == c)', or as Python reads it '(~b) == c'"),
        ("c and (u8 >= 2\n  & i8 == 0)", "'(u8 >= 2) & (i8 == 0)'"),
        ("any(v > 3 | v < 2)", "'(v > 3) | (v < 2)'"),
        ("(u8 > 1) & b == c", "'(u8 > 1) & (b == c)'"),
    ],
)
def test_comparisons_without_brackets_are_refused(text, shown):
    with pytest.raises(ConfigError) as refused:
        Selection(text)
    assert shown in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "(u8 >= 2) & (i8 == 0)",
        "(u8 & 1) == 1",
        "u8 >= ( 2 & i8 )",
        "(~b) == c",
        "not (b & c)",
        "((u8 & 1)) == 1",
    ],
)
def test_comparisons_with_brackets_pass(text):
    Selection(text)


def by_hand(node, row):
    """Return what an expression makes of one event, in Python's own numbers."""
    value = lambda child: by_hand(child, row)  # noqa: E731
    match node:
        case ast.Constant(value=constant):
            return constant
        case ast.Name(id=name):
            return row[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -value(operand)
        case ast.UnaryOp(operand=operand):
            return not value(operand)
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(value(part) for part in parts)
        case ast.BoolOp(values=parts):
            return any(value(part) for part in parts)
        case ast.Call(args=[argument]):
            return abs(value(argument))
        case ast.BinOp(left=left, op=op, right=right):
            symbol = {
                ast.Add: operator.add,
                ast.Sub: operator.sub,
                ast.Mult: operator.mul,
                ast.Mod: operator.mod,
            }
            return symbol[type(op)](value(left), value(right))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            symbol = {ast.Lt: operator.lt, ast.GtE: operator.ge, ast.Eq: operator.eq, ast.NotEq: operator.ne}
            return symbol[type(op)](value(left), value(right))
    raise AssertionError(ast.dump(node))


NUMBERS = st.recursive(
    st.sampled_from(["u8", "i8", "u16", "u64", "b", "x", "half"]) | st.integers(-300, 70_000).map(str),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda parts: f"({' '.join(parts)})"),
        inner.map(lambda one: f"(-{one})"),
        inner.map(lambda one: f"abs({one})"),
        st.tuples(inner, st.integers(1, 999)).map(lambda parts: f"({parts[0]} % {parts[1]})"),
    ),
    max_leaves=4,
)
CONDITIONS = st.recursive(
    st.tuples(NUMBERS, st.sampled_from(["<", ">=", "==", "!="]), NUMBERS).map(" ".join),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: f"({' '.join(parts)})"),
        inner.map(lambda one: f"(not ({one}))"),
    ),
    max_leaves=3,
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(CONDITIONS)
def test_expressions_mean_what_python_says_of_each_event(text):
    tree = ast.parse(text, mode="eval").body
    rows = [{name: values[i].item() for name, values in NARROW.items()} for i in range(4)]
    try:
        found = passes_narrow(text)
    except ConfigError as refused:
        assert "names no column" in str(refused)  # noqa: PT017
        return
    except InputError as refused:
        assert "too large" in str(refused)  # noqa: PT017
        return
    assert found == [bool(by_hand(tree, row)) for row in rows]


@pytest.mark.parametrize("kind", ["mktree", "mkrntuple"])
def test_narrow_columns_of_a_file(tmp_path, kind):
    path = tmp_path / "events.root"
    fields = ("pt", "eta", "phi", "mass")
    jets = {name: np.full(32, 900.0 if name == "pt" else 0.1) for name in fields}
    columns = {f"{name}{i}": column for name, column in jets.items() for i in (1, 2)}
    columns["LHE_Njets"] = np.tile(np.arange(8, dtype=np.uint8), 4)
    with uproot.recreate(path) as file:
        if kind == "mktree":
            file.mktree("Events", {name: values.dtype for name, values in columns.items()}).extend(columns)
        else:
            file.mkrntuple("Events", columns)
    branches = {name: [f"{name}1", f"{name}2"] for name in fields}
    chosen = {"tree": "Events", "branches": branches, "unit": "GeV", "selection": "LHE_Njets - 3 >= 0"}
    source = read(path, "custom", **chosen)
    assert len(features(source, ["m_J1"])) == 20


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
