"""Overlap: events that are to judge a model must not be among those that it was trained on."""

from __future__ import annotations

import numpy as np

from hepflow.errors import ConfigError, InputError
from hepflow.sample import Sample


def check_no_overlap(evaluation: Sample, *trained: Sample) -> None:
    """Refuse an evaluation sample with events of a sample that was trained on.

    The same event has the same mass and features, to the last bit; weight and label are not compared.

    Raises
    ------
    InputError
        With the number of such events, and the first of them.
    ConfigError
        If the features differ, so that events cannot be compared.
    """
    seen: set[bytes] = set()
    for sample in trained:
        if sample.names != evaluation.names:
            raise ConfigError(
                f"overlap: the evaluation sample has the features {evaluation.names}, a trained-on one has "
                f"{sample.names}; expected the same"
            )
        seen.update(_keys(sample))
    shared = [row for row, key in enumerate(_keys(evaluation)) if key in seen]
    if shared:
        row, mass = shared[0], evaluation.mass[shared[0]]
        raise InputError(
            f"{len(shared):,} of the {len(evaluation):,} evaluation events were trained on (first: row {row}, "
            f"{evaluation.resonance.name} {mass:g} GeV); expected none: take them out of one of the samples"
        )


def _keys(sample: Sample) -> list[bytes]:
    """Return mass and features of each event as bytes, N of them."""
    table = np.column_stack([sample.mass, sample.features]) + 0.0  # which makes -0 and 0 the same
    keys: list[bytes] = table.view(np.dtype((np.void, table.dtype.itemsize * table.shape[1])))[:, 0].tolist()
    return keys
