"""Files of an input: what tells whether they have changed, and the pieces that large ones are read in."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hepflow.config.inputs import Input
from hepflow.errors import InputError
from hepflow.readers.branches import friend_file
from hepflow.readers.files import find_files, is_url
from hepflow.studies.analysis.effects import side_of

if TYPE_CHECKING:
    from hepflow.readers.source import Share

ROOT = b"root"  # how its files begin
BLOCK, BLOCKS = 1 << 16, 16  # bytes, and how many of such, that stand for a file
SIZE = 256_000_000  # bytes of a piece: seconds to minutes of work, lost where a worker is killed
SHOWN = 5  # files that changed
MOST = 256  # pieces of an input, about: each is a task and a folder

Fingerprints = dict[str, tuple[int, int, str]]


def whole_files(entry: Input) -> list[str]:
    """Return the files of an input, those of its samples and systematic effects too."""
    return find_files(list(entry.paths))


def fingerprint(paths: Iterable[str]) -> Fingerprints:
    """Return size, time and a hash of blocks of each local file; of a URL nothing but its name is known.

    The files with friend trees of a file are read with it, and stand beside it.
    """
    return {whole_path(one): _known(one) for path in paths for one in (path, *_friends(path))}


def _friends(path: str) -> tuple[str, ...]:
    if is_url(path):
        return ()
    stat = Path(path).stat()
    named = _friends_named(path, (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
    found = (friend_file(path, where) for where in named)
    return tuple(friend for friend in found if friend != path and (is_url(friend) or Path(friend).is_file()))


@cache
def _friends_named(path: str, _changed: tuple[int, int, int]) -> tuple[str, ...]:
    with Path(path).open("rb") as stream:
        if stream.read(4) != ROOT:
            return ()
    from hepflow.readers.root import friends_named  # heavy

    return tuple(friends_named(path))


def whole_path(path: str) -> str:
    """Return the path of a file, the same from wherever the command is given; of a URL itself."""
    return path if is_url(path) else str(Path(path).resolve())


def _known(path: str) -> tuple[int, int, str]:
    if is_url(path):
        return 0, 0, ""
    stat = Path(path).stat()
    return (
        stat.st_size,
        stat.st_mtime_ns,
        _sampled(Path(path), stat.st_size, (stat.st_mtime_ns, stat.st_ctime_ns)),
    )


@cache
def _sampled(path: Path, size: int, _changed: tuple[int, int]) -> str:
    """Return a hash of a file's beginning, end and blocks between: a terabyte is not read to know a file again."""
    hashed = hashlib.blake2b(digest_size=16)
    with path.open("rb") as stream:
        for block in range(BLOCKS):
            stream.seek(max(0, size - BLOCK) * block // (BLOCKS - 1))
            hashed.update(stream.read(BLOCK))
    return hashed.hexdigest()


def check_unchanged(known: Mapping[str, Sequence[Any]]) -> None:
    """Refuse what was read of files that changed meanwhile: it may be half of the old ones and half of the new.

    Raises
    ------
    InputError
        With those whose fingerprint is no longer the one that is `known`.
    """
    changed = [path for path, before in known.items() if _now(path) != tuple(before)]
    if changed:
        raise InputError(
            f"{', '.join(changed[:SHOWN])}{' and others' if len(changed) > SHOWN else ''}: changed while being read; "
            "once nothing writes there any more, give the same command again"
        )


def _now(path: str) -> tuple[int, int, str] | None:
    try:
        return _known(path)
    except OSError:
        return None


def pieces(entry: Input, effect: str | None, known: Mapping[str, Any]) -> list[dict[str, Share]]:
    """Return the pieces of an input, with a systematic effect or without; none where it is small.

    Sizes of files decide on the pieces, nothing is opened; a file on a server, whose size is not asked for, counts as
    one piece.
    """
    paths = [path for _, one in entry.each(side_of(entry, effect)) for path in find_files(list(one.path))]
    sizes = {path: SIZE if is_url(path) else int(known[whole_path(path)][0]) for path in paths}
    found = split(sizes, SIZE, MOST)
    return found if len(found) > 1 else []


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
