"""CSV spectra: a cell that is missing, or a byte that is another, gives the right numbers or says where it stands."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hepflow.errors import InputError
from hepflow.stats import read_spectrum

EDGES = np.array([2500.0, 2600.0, 2700.0, 2900.0])
COUNTS = np.array([400.0, 300.0, 150.0])
ROWS = ["2500,2600,400,20.0", "2600,2700,300,17.3", "2700,2900,150,12.2"]
TABLE = "\n".join(["low,high,count,stat", *ROWS]) + "\n"


@pytest.fixture
def read(tmp_path):
    """Return a function that writes text or bytes as CSV and reads it."""

    def read(content, encoding="utf-8", **options):
        path = tmp_path / "mjj.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return read_spectrum(path, **options)

    return read


def is_right(bins):
    edges, counts = bins
    return np.array_equal(edges, EDGES) and np.array_equal(counts, COUNTS)


@pytest.mark.parametrize(
    "text",
    [
        TABLE,
        "# low, high, and count; of 2018\n" + TABLE,
        TABLE.replace(",", "\t").replace("low\t", "# a comment, with a comma\nlow\t"),
        TABLE.replace(",", " "),
        TABLE.replace(",", ";"),
        TABLE.replace("\n", " # GeV, events\n"),
        TABLE.replace("\n", "\r\n"),
        TABLE.replace("\n", "\r"),
        "low,high,,count\n2500,2600,0,400\n2600,2700,1,300\n2700,2900,2,150\n",
        TABLE.replace("20.0", "").replace("12.2", ""),  # an error that is missing is none that is wanted
        "\n".join(f"{i},{row}" for i, row in enumerate(["low,high,count,stat", *ROWS])).removeprefix(
            "0"
        ),  # an index
        "low,high,count\n2500,2600,400,\n2600,2700,300,\n2700,2900,150,\n,,,\n",
        "m_low,m_high,events\n2500,2600,400\n2600,2700,300\n2700,2900,150\n",
        "low,high,events,error\n2500,2600,400,1\n2600,2700,300,1\n2700,2900,150,1\n",
        '"low","high","count"\n"2500","2600","4.0e2"\n"2600","2700","300"\n"2700","2900","150"\n',
    ],
)
def test_good_tables(read, text):
    assert is_right(read(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TABLE.replace("300,", ","), r"mjj.csv, line 3: no count; expected a number"),
        (TABLE.replace("2600,2700", ",2700"), r"line 3: no low"),
        (TABLE.replace("2600,2700,300,", "2600,2700,"), r"line 3: 3 cells, '2600 2700 17.3'; expected 4"),
        (TABLE.replace("300", "3oo"), r"line 3: count is '3oo'; expected a number"),
        (TABLE.replace("300", "3_00"), r"line 3: count is '3_00'"),
        (TABLE.replace("300", "\N{ARABIC-INDIC DIGIT THREE}00"), r"line 3: count is '.00'"),
        (TABLE.replace("300", "nan"), r"line 3: nan events in bin 2600-2700"),
        (TABLE.replace("300", "inf"), r"line 3: inf events in bin 2600-2700"),
        (
            TABLE.replace("2900", "inf"),
            r"line 4: bin 2700 to inf; expected finite edges \(leave bins of under- and",
        ),
        (TABLE.replace("2500", "-inf"), r"line 2: bin -inf to 2600; expected finite edges"),
        (TABLE.replace("count", "error"), r"no column count among low, high, error, stat; expected a header"),
        (TABLE.replace("stat", "count"), r"2 columns that may be the count among low, high, count, count"),
        (TABLE.replace("count,stat", "data,background"), r"2 columns that may be the count"),
        ("low,high,error\n2500,2600,20\n", r"no column count among low, high, error"),
        ("low,high,\n2500,2600,20\n", r"no column count among low, high, \(no name\)"),
        ("mass,count,error\n2500,2600,20\n", r"no column low among mass, count, error"),
        (
            "2500,2600,400,20\n2600,2700,300,17\n",
            r"line 1: 4 cells.*expected 3 \(low edge, high edge, count; further",
        ),
        ("0,2500,2600,400\n", r"line 1: 4 cells"),
        ("2500 2600 400\n2600 2700\n", r"line 2: 2 cells, '2600 2700'; expected 3"),
        ("2500,2600,400 300\n", r"line 1: count is '400 300'"),
        ("2500,0;2600,0;400\n", r"line 1: low is '2500,0'"),
        ('"2500,2600,400\n', r"no column low among 2500,2600,400; expected a header"),
    ],
)
def test_bad_tables(read, text, message):
    with pytest.raises(InputError, match=message):
        read(text)


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"]
)
def test_encodings(read, encoding):
    comment = (
        "# Spektrum f\u00fcr m_jj, 40 \u00b5b\n"
        if encoding in ("latin-1", "cp1252")
        else "# \u03bc \U0001d54a \u2028\n"
    )
    assert is_right(read(comment + TABLE, encoding))


def test_bytes_that_end_lines_elsewhere(read):
    assert is_right(read(b"# from 2016 \x85 2018 \x0c\n" + TABLE.encode()))  # an ellipsis in cp1252


def test_bytes_that_are_no_text(read):
    with pytest.raises(InputError, match="line 1: byte 0x00 is not UTF-16"):
        read("\ufeff".encode("utf-16-le") + b"\x00\xdc1\0")  # half of a pair
    with pytest.raises(InputError, match=r"line 3: count is '3\\xa000'"):
        read(TABLE.replace("300", "3\xa000"), "latin-1")


def test_errors_are_read_where_they_are_wanted(read):
    data, template = read(TABLE), read(TABLE, errors=True)
    assert data.variances is None
    np.testing.assert_allclose(template.errors, [20.0, 17.3, 12.2])
    np.testing.assert_array_equal(template.values, COUNTS)
    with pytest.raises(InputError, match="line 3: no error"):
        read(TABLE.replace("17.3", ""), errors=True)
    with pytest.raises(InputError, match=r"2 columns of errors, error, stat; expected one, error"):
        read(
            TABLE.replace("count", "count,error").replace("00,", "00,1,").replace("50,", "50,1,"), errors=True
        )


def by_hand(text):
    """Return low edges, high edges and counts of a table of commas; None where it is none that may be read."""
    rows = [[cell.strip(' "') for cell in line.split(",")] for line in text.splitlines() if line.strip(' ,"')]
    header = ["low", "high", "count"]
    if rows and "low" in rows[0]:
        header = rows.pop(0)
    if any(header.count(name) != 1 for name in ("low", "high", "count")):
        return None
    try:
        if any(len(row) != len(header) for row in rows):
            return None
        columns = [[float(row[header.index(name)]) for row in rows] for name in ("low", "high", "count")]
    except ValueError:
        return None
    return columns


CHARACTERS = list(',\n\t;# "0195.-eExn\u00fc\0')
CHANGES = st.tuples(
    st.sampled_from(["drop", "put", "twice", "cut"]), st.floats(0, 1), st.sampled_from(CHARACTERS)
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(CHANGES, min_size=1, max_size=3))
def test_corrupted_tables_are_read_right_or_refused(tmp_path_factory, changes):
    text = TABLE
    for kind, where, character in changes:
        at = int(where * len(text))
        text = {
            "drop": text[:at] + text[at + 1 :],
            "put": text[:at] + character + text[at + 1 :],
            "twice": text[:at] + text[at : at + 5] + text[at:],
            "cut": text[:at],
        }[kind]
    path = tmp_path_factory.mktemp("corrupted") / "mjj.csv"
    path.write_text(text, encoding="utf-8", newline="")
    try:
        edges, counts = read_spectrum(path)
    except InputError as refused:
        assert str(path) in str(refused)  # noqa: PT017
        return
    low, high, count = by_hand(re.sub(r"(^|(?<=\s))#.*", "", text, flags=re.MULTILINE))
    np.testing.assert_array_equal(edges, [*low, high[-1]])
    np.testing.assert_allclose(edges[1:-1], high[:-1], rtol=1e-9)
    np.testing.assert_array_equal(counts, count)
