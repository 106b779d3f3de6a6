"""Parts of a source: by file and range of events, and together the whole to the last bit."""

from dataclasses import replace
from fractions import Fraction

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hepflow.errors import ConfigError, InputError
from hepflow.features import collect_features, features, join_features
from hepflow.readers import Normalisation, Source, read
from hepflow.readers.join import join
from hepflow.readers.normalisation import exact_sum
from hepflow.sample import Sample
from hepflow.storage import save_sample

NAMES = ("m_J1", "dm_J", "tau21_J1", "tau21_J2")
SHARES = st.lists(st.integers(1, 9), min_size=3, max_size=3)


def write_rntuple(path, toy):
    with uproot.recreate(path) as file:
        arrays = {name: ak.Array(column) for name, column in toy.items()}
        written = file.mkrntuple("Events", {name: array[:130] for name, array in arrays.items()})
        for start in range(130, 500, 130):
            written.extend({name: array[start : start + 130] for name, array in arrays.items()})


def write_hdf5(path, toy):
    random = np.random.default_rng(5)
    features = random.normal(100, 20, (500, len(NAMES)))
    cutflow = (("events read", 600), ("dropped: tau1 = 0", 100), ("events kept", 500))
    sample = Sample(
        random.uniform(2000, 5000, 500), features, NAMES, random.normal(1, 0.3, 500), cutflow=cutflow
    )
    save_sample(sample, path)


def write_parquet(path, toy):
    table = pa.table(
        {name: ak.to_arrow(ak.Array(column), extensionarray=False) for name, column in toy.items()}
    )
    pq.write_table(table, path, row_group_size=130)


def write_ttree(path, toy):
    with uproot.recreate(path) as file:
        arrays = {name: ak.Array(column) for name, column in toy.items()}
        written = file.mktree("Events", {name: array.type.content for name, array in arrays.items()})
        for start in range(0, 500, 130):
            written.extend({name: array[start : start + 130] for name, array in arrays.items()})


KINDS = {
    "TTree": (write_ttree, "root", {"format": "nanoaod", "weight": "genWeight"}),
    "RNTuple": (write_rntuple, "root", {"format": "nanoaod", "weight": "genWeight"}),
    "HDF5": (write_hdf5, "h5", {"format": "hepflow"}),
    "Parquet": (write_parquet, "parquet", {"format": "parquet", "weight": "genWeight"}),
}


@pytest.fixture(params=KINDS)
def source(request, tmp_path, toy):
    """Three files of one kind, the second with its jets or features in another order of events."""
    write, suffix, options = KINDS[request.param]
    for number in range(3):
        order = np.random.default_rng(number).permutation(500)
        write(
            tmp_path / f"{number}.{suffix}", {name: ak.Array(column)[order] for name, column in toy.items()}
        )
    normalisation = Normalisation(0.5, 2.0, generated=7.0 if suffix == "h5" else None)
    return read(tmp_path / f"*.{suffix}", chunk=60, normalisation=normalisation, **options)


def cut(source, numbers):
    """Return the parts of a source, each file in so many shares."""
    shares = [(file, (n, of)) for file, of in zip(source.files, numbers, strict=True) for n in range(of)]
    return [source.cut(dict([one])) for one in shares]


def same(one, other):
    for name in ("mass", "features", "weight"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert (one.cutflow, one.skipped, one.names) == (other.cutflow, other.skipped, other.names)


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(numbers=SHARES)
def test_the_parts_of_a_source_are_the_source(source, numbers):
    parts = cut(source, numbers)
    assert sum(part.num_events for part in parts) == source.num_events == 1500
    collected = [one for part in parts for one in collect_features(part, NAMES)]
    same(join_features(source, NAMES, collected), features(source, NAMES))


def test_a_part_of_several_files(source):
    first, second, third = source.files
    parts = [source.cut({first: (0, 1), second: (0, 2)}), source.cut({second: (1, 2), third: (0, 1)})]
    assert [part.files for part in parts] == [(first, second), (second, third)]
    same(
        join_features(source, NAMES, [one for part in parts for one in collect_features(part, NAMES)]),
        features(source, NAMES),
    )


def test_shares_end_where_blocks_end(source):
    """What can only be read whole is not read twice."""
    blocks = source.parts[0].blocks
    borders = {part.parts[0].entries.start for part in cut(source, [9, 1, 1])[:9]}
    if blocks:
        assert blocks == (0, 130, 260, 390)
        assert borders == set(blocks)
    else:
        assert borders == {500 * n // 9 for n in range(9)}


def test_samples_keep_their_normalisation_in_parts(tmp_path, toy):
    for name in "ab":
        write_ttree(tmp_path / f"{name}.root", toy)
    samples = [
        replace(read(tmp_path / f"{name}.root", "nanoaod", normalisation=Normalisation(xs, 1.0)), name=name)
        for name, xs in (("a", 1.0), ("b", 3.0))
    ]
    whole = Source.join(samples)
    collected = [one for part in cut(whole, [3, 2]) for one in collect_features(part, NAMES)]
    same(join_features(whole, NAMES, collected), features(whole, NAMES))


def test_empty_files_have_no_part_in_it(tmp_path, toy):
    for name, events in (("a", 0), ("b", 500), ("c", 0)):
        write_ttree(tmp_path / f"{name}.root", {key: column[:events] for key, column in toy.items()})
    source = read(tmp_path / "*.root", "nanoaod")
    collected = [one for part in cut(source, [2, 3, 1]) for one in collect_features(part, NAMES)]
    same(join_features(source, NAMES, collected), features(source, NAMES))


@pytest.mark.parametrize("skip", [True, False])
def test_damage_in_one_share_takes_the_whole_file(tmp_path, toy, skip):
    for number in range(3):
        write_ttree(tmp_path / f"{number}.root", toy)
    bad = tmp_path / "1.root"
    with uproot.open(bad) as file:
        baskets = file["Events/FatJet_pt"].member("fBasketSeek")
        start = int(baskets[baskets > 0][-1])
    contents = bytearray(bad.read_bytes())
    contents[start + 60 : start + 200] = bytes(140)
    bad.write_bytes(contents)

    source = read(tmp_path / "*.root", "nanoaod", chunk=60, skip_bad_files=skip)
    parts = cut(replace(source, skip_bad_files=True), [1, 4, 1])
    collected = [one for part in parts for one in collect_features(part, NAMES)]
    assert [one.damage is None for one in collected] == [True, True, True, True, False, True]
    if skip:
        joined, whole = join_features(source, NAMES, collected), features(source, NAMES)
        assert [(one.file, one.events) for one in joined.skipped] == [(str(bad), 500)]
        same(joined, whole)
    else:
        with pytest.raises(InputError, match=r"1\.root: .*cannot be read as ROOT"):
            join_features(source, NAMES, collected)


def test_a_share_that_is_missing_is_not_passed_over(source):
    part = source.cut({source.files[0]: (0, 2)})
    with pytest.raises(InputError, match=r"0\.\w+: \d+ of its 500 events were read; it was changed"):
        join(source, collect_features(part, NAMES))


@pytest.mark.parametrize("share", [(2, 2), (-1, 2), (0, 0)])
def test_shares_that_are_none(source, share):
    with pytest.raises(ConfigError, match=r"expected \(n, N\) with 0 <= n < N"):
        source.cut({source.files[0]: share})


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=50), st.integers(0, 50))
def test_sums_without_rounding(values, middle):
    """Against rational numbers; and however the values are grouped."""
    array = np.array(values, dtype=float)
    assert exact_sum(array) == sum(map(Fraction, values), Fraction(0))
    assert exact_sum(array[:middle]) + exact_sum(array[middle:]) == exact_sum(array)


def test_a_sum_over_several_blocks():
    values = np.full((1 << 20) + 3, 0.1)
    assert exact_sum(values) == len(values) * Fraction(0.1)
    assert exact_sum(-values) == -len(values) * Fraction(0.1)


def test_sums_beyond_all_numbers():
    with pytest.raises(InputError, match="add up to inf"):
        Normalisation(1.0, 1.0).factor(exact_sum(np.full(10, 1e308)))
