"""The two leading jets of each event, found in flat arrays: the hot path of reading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LeadingJets:
    """The two jets of highest pT of each event that has two.

    Parameters
    ----------
    columns
        Jet fields of all jets, flat.
    first, second
        Where in them the leading and the subleading jet stand, shape (M,).
    events
        Which events those are, shape (M,); None if all.
    """

    columns: dict[str, NDArray[Any]]
    first: Indices
    second: Indices
    events: Indices | None


def leading_jets(jets: ak.Array) -> LeadingJets:
    """Find the two leading jets of each event.

    A jet whose pT is NaN or infinite counts as leading, so that its event is seen to be bad; one with pT <= 0
    is padding and counts as none. Jets of equal pT keep the order of the file.

    Parameters
    ----------
    jets
        One list of records per event with a field ``pt``.
    """
    layout = ak.to_layout(jets)
    if not isinstance(layout, ak.contents.ListOffsetArray) or not isinstance(
        layout.content, ak.contents.RecordArray
    ):
        layout = ak.to_layout(ak.to_packed(ak.from_regular(jets, axis=1))).to_ListOffsetArray64(True)
    records = layout.content
    columns = {name: np.asarray(ak.to_numpy(records[name])) for name in records.fields}
    offsets = np.asarray(layout.offsets)
    pt = columns["pt"]
    enough = np.diff(offsets) >= 2
    events = None if enough.all() else np.flatnonzero(enough)
    first = offsets[:-1] if events is None else offsets[events]
    second = first + 1
    disordered = _disordered(pt, offsets)
    if len(disordered):
        own = np.arange(len(enough)) if events is None else events
        rows = np.searchsorted(own, disordered)
        first, second = first.copy(), second.copy()
        first[rows], second[rows] = _sorted(pt, offsets, disordered)
    padding = pt[second] <= 0
    if padding.any():
        own = np.arange(len(enough)) if events is None else events
        first, second, events = first[~padding], second[~padding], own[~padding]
    return LeadingJets(columns, first, second, events)


def _disordered(pt: NDArray[Any], offsets: Indices) -> Indices:
    """Return the events whose jets do not stand in descending pT (a NaN counts as disorder)."""
    ordered = pt[:-1] >= pt[1:]
    inner = offsets[1:-1]
    ordered[inner[(inner > offsets[0]) & (inner < offsets[-1])] - 1] = True  # from one event to the next
    ordered[: offsets[0]] = ordered[max(offsets[-1] - 1, 0) :] = True
    where = np.flatnonzero(~ordered)
    return np.unique(np.searchsorted(offsets, where, side="right") - 1)


def _sorted(pt: NDArray[Any], offsets: Indices, events: Indices) -> tuple[Indices, Indices]:
    """Return where the two leading jets of these events stand."""
    counts = offsets[events + 1] - offsets[events]
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    jets = np.repeat(offsets[events] - starts, counts) + np.arange(counts.sum())
    key = np.where(np.isfinite(pt[jets]), -pt[jets], -np.inf)
    jets = jets[np.lexsort((key, np.repeat(events, counts)))]
    return jets[starts], jets[starts + 1]
