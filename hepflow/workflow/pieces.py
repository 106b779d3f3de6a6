"""Events of the inputs, read at once or joined of the pieces that other processes read."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import h5py
import numpy as np

from hepflow.errors import HepflowError
from hepflow.features import collect_features, features, join_features
from hepflow.readers import Source
from hepflow.readers.collect import Collected
from hepflow.readers.source import Share
from hepflow.sample import Sample, SkippedFile
from hepflow.storage import read_json, write_hdf5, write_json
from hepflow.workflow.build import open_input
from hepflow.workflow.config import Config
from hepflow.workflow.engine.plan import Plan
from hepflow.workflow.engine.work import Work
from hepflow.workflow.piece_steps import READING, pieces_of

FILES, ROWS = "files.json", "rows.h5"
log = logging.getLogger("hepflow.workflow")


def read_features(work: Work, config: Config, what: str) -> Sample:
    """Return the events of an input, the same to the bit with and without pieces.

    Parameters
    ----------
    work
        Whose plan has the pieces, if any, and whose folder what was read of them.
    config
        The analysis.
    what
        The input, as for `hepflow.workflow.piece_steps.entry_of`.
    """
    names = tuple(config.features)
    source = open_input(config, what)
    pieces = pieces_of(work.plan, what)
    if not pieces:
        return features(source, names)

    def gave(step: str) -> list[Collected]:
        if work.folder.todo(work.plan, step) is None:
            return _keep(work, step, source, names)
        return _collect(
            work, step, source, names
        )  # not kept: another step may join this piece at the same time

    return join_features(source, names, (one for step in pieces for one in gave(step)))


def read_piece(work: Work, config: Config, step: str) -> None:
    """Read one piece and keep what it gave.

    Where that fails nothing is kept: the step that joins the pieces then reads it, and says what is wrong with all
    files at once, as a reading without pieces would.
    """
    what = step.removeprefix(f"{READING}/").rpartition("/")[0]
    try:
        source = open_input(config.skipping_bad_files(), what, _shares(work.plan, step))
        _keep(work, step, source, tuple(config.features))
    except HepflowError as error:
        log.info("%s: left to be read when the pieces are joined: %s", step, error)


def _keep(work: Work, step: str, source: Source, names: tuple[str, ...]) -> list[Collected]:
    """Return what a piece of a source gave, read now and kept, or before."""
    return work.keep(step, lambda: _collect(work, step, source, names), _save, _load)


def _collect(work: Work, step: str, source: Source, names: tuple[str, ...]) -> list[Collected]:
    """Read a piece of a source."""
    return collect_features(source.cut(_shares(work.plan, step)), names, progress=False)


def _shares(plan: Plan, step: str) -> Mapping[str, Share]:
    shares: Mapping[str, Share] = plan[step].made_from["shares"]
    return shares


def _save(folder: Path, collected: Sequence[Collected]) -> None:
    files = []
    with write_hdf5(folder / ROWS) as file:
        for number, one in enumerate(collected):
            for name, values in (one.rows or {}).items():
                file[f"{number}/{name}"] = values
            told = {"file": one.file, "num_events": one.num_events, "cutflow": one.cutflow}
            damage = None if one.damage is None else asdict(one.damage)
            files.append({**told, "sum_of_weights": str(one.sum_of_weights), "damage": damage})
    write_json(folder / FILES, files)


def _load(folder: Path) -> list[Collected]:
    with h5py.File(folder / ROWS) as file:
        return [
            Collected(
                file=one["file"],
                num_events=one["num_events"],
                rows={name: np.asarray(values) for name, values in file.get(str(number), {}).items()} or None,
                cutflow=tuple((cause, events) for cause, events in one["cutflow"]),
                sum_of_weights=Fraction(one["sum_of_weights"]),
                damage=None if one["damage"] is None else SkippedFile(**one["damage"]),
            )
            for number, one in enumerate(read_json(folder / FILES))
        ]
