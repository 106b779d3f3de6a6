"""The pieces that large inputs are read in where several steps run at once, as steps; nothing heavy is loaded."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from hepflow.readers.files import find_files, is_url
from hepflow.readers.source import Share
from hepflow.workflow.config import Config, Input, Varied
from hepflow.workflow.engine.plan import Plan, Step

READING = "reading"
SIZE = 256_000_000  # bytes of a piece: seconds to minutes of work, lost where a worker is killed
MOST = 256  # pieces of an input, about: each is a task and a folder


def joining(config: Config, name: str, made_from: Mapping[str, Any], inputs: Iterable[str]) -> list[Step]:
    """Return the step that has the events of some inputs, and before it those that read them in pieces.

    Parameters
    ----------
    config
        The analysis.
    name, made_from
        Of the step; its key is the same with and without pieces.
    inputs
        As for `entry_of`; those that are not given are passed over.
    """
    there = (what for what in inputs if what.partition("/")[0] in config.inputs.given)
    pieces = [piece for what in there for piece in _pieces(config, what, made_from)]
    after = tuple(piece.name for piece in pieces)
    return [*pieces, Step(name, "features", made_from, after=after)]


def _pieces(config: Config, what: str, whole: Mapping[str, Any]) -> list[Step]:
    """Return a step for each piece of an input; none where it is small, or steps run one after another.

    Sizes of files decide on the pieces, nothing is opened; a file on a server, whose size is not asked for, counts as
    one piece.
    """
    if config.executor.name == "local":
        return []
    entry, side = entry_of(config, what)
    known = whole["files"]
    paths = (path for _, one in entry.each(side) for path in find_files(config.files(one)))
    sizes = {path: SIZE if is_url(path) else known[path][0] for path in paths if path in known}
    pieces = split(sizes, SIZE, MOST)
    if len(pieces) < 2:
        return []
    return [
        Step(
            f"{READING}/{what}/{number:03d}",
            "features",
            {
                "code": whole["code"],
                "input": entry.model_dump(mode="json"),
                "features": whole["features"],
                "files": {file: known[file] for file in shares},
                "shares": shares,
            },
        )
        for number, shares in enumerate(pieces)
    ]


def split(sizes: Mapping[str, int], size: int, most: int) -> list[dict[str, Share]]:
    """Return the pieces of files: of each piece, the share of every file in it.

    Parameters
    ----------
    sizes
        Of the files, in bytes.
    size
        Of a piece, about. Larger files are cut, smaller ones stand together.
    most
        Pieces; with more bytes than these hold, each is larger.
    """
    size = max(size, math.ceil(sum(sizes.values()) / most))
    pieces: list[dict[str, Share]] = []
    room = -1  # bytes left in the last piece
    for file, needed in sizes.items():
        if needed > size:
            of = math.ceil(needed / size)
            pieces += [{file: (number, of)} for number in range(of)]
            room = -1
            continue
        if needed > room:
            pieces.append({})
            room = size
        pieces[-1][file] = (0, 1)
        room -= needed
    return pieces


def pieces_of(plan: Plan, what: str) -> list[str]:
    """Return the names of the steps that read the pieces of an input, in the order of its events."""
    return [step.name for step in plan if step.name.rpartition("/")[0] == f"{READING}/{what}"]


def entry_of(config: Config, what: str) -> tuple[Input, Varied | None]:
    """Return an input by its name; of ``signal/jes/up`` the signal, and what the effect ``jes`` does to it."""
    name, *effect = what.split("/")
    entry = config.inputs.given[name]
    return entry, getattr(entry.variations[effect[0]], effect[1]) if effect else None
