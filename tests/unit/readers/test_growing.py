"""Columns that grow chunk by chunk."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hepflow.readers.growing import GrowingColumns


@given(st.lists(st.integers(0, 40), max_size=8), st.integers(0, 400))
def test_chunks_are_joined_in_their_order(lengths, unused):
    mass = np.arange(sum(lengths), dtype=np.float64)
    columns = GrowingColumns(len(mass) + unused)
    for chunk in np.split(mass, np.cumsum(lengths)):
        columns.add({"mass": chunk, "features": np.stack([chunk, -chunk], axis=1).astype(np.float32)})
    rows = columns.rows()
    if not len(mass):
        assert rows is None
        return
    assert np.array_equal(rows["mass"], mass)
    assert rows["features"].dtype == np.float32
    assert np.array_equal(rows["features"], np.stack([mass, -mass], axis=1).astype(np.float32))


@pytest.mark.parametrize(("kept", "held"), [(10, 10), (900, 1000)])
def test_few_events_do_not_hold_on_to_the_room_of_many(kept, held):
    columns = GrowingColumns(1000)
    columns.add({"mass": np.ones(kept)})
    rows = columns.rows()
    assert len(rows["mass"] if rows["mass"].base is None else rows["mass"].base) == held
