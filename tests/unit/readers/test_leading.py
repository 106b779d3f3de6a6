"""The two leading jets against a plain Python search."""

import awkward as ak
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hepflow.readers.leading import leading_jets

PT = st.one_of(st.sampled_from([0.0, -1.0, np.nan, np.inf, 5.0]), st.floats(0.125, 1e4, width=32))


def by_hand(event):
    order = sorted(range(len(event)), key=lambda i: (-event[i] if np.isfinite(event[i]) else -np.inf, i))
    return None if len(event) < 2 or event[order[1]] <= 0 else tuple(order[:2])


def found(jets):
    leading = leading_jets(jets)
    events = range(len(jets)) if leading.events is None else leading.events
    index = leading.columns["index"]
    return {
        int(e): (int(index[i]), int(index[j]))
        for e, i, j in zip(events, leading.first, leading.second, strict=True)
    }


@settings(deadline=None)
@given(st.lists(st.lists(PT, max_size=5), max_size=12), st.integers(0, 5), st.booleans())
def test_against_a_search_by_hand(events, skip, sort):
    if sort:
        events = [sorted(event, key=lambda pt: -pt if np.isfinite(pt) else -np.inf) for event in events]
    counts = np.array([len(event) for event in events], dtype=np.int64)
    flat = np.array([pt for event in events for pt in event], dtype=np.float32)
    index = np.array([i for event in events for i in range(len(event))], dtype=np.int64)
    jets = ak.unflatten(ak.zip({"pt": flat, "index": index}), counts)[skip:]  # offsets need not begin at zero
    expected = {e: by_hand(list(map(float, event))) for e, event in enumerate(events[skip:])}
    assert found(jets) == {event: pair for event, pair in expected.items() if pair}


@pytest.mark.parametrize("how", [lambda j: j[[2, 0, 1]], lambda j: j[[True, False, True]], lambda j: j[1:]])
def test_selected_and_reordered_events(how):
    jets = ak.Array(
        [[{"pt": 3.0, "index": 0}, {"pt": 9.0, "index": 1}], [], [{"pt": 2.0, "index": i} for i in range(3)]]
    )
    selected = how(jets)
    expected = {e: by_hand([jet["pt"] for jet in event]) for e, event in enumerate(ak.to_list(selected))}
    assert found(selected) == {event: pair for event, pair in expected.items() if pair}


def test_regular_arrays():
    jets = ak.zip({"pt": np.array([[1.0, 2.0], [4.0, 3.0]]), "index": np.array([[0, 1], [0, 1]])})
    assert found(jets) == {0: (1, 0), 1: (0, 1)}
