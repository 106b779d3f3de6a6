"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hepflow.errors import InputError

NO_ROOM = tuple(os.strerror(code) for code in (errno.ENOSPC, errno.EDQUOT))
READ_ONLY = os.strerror(errno.EROFS)


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Give a temporary path to write to, which becomes `path` if the block ends well and vanishes otherwise.

    The temporary file stands in the same folder and has the same suffix. It is flushed to the disk before it
    takes the place of `path`, so that a reader sees the old file or the new one, never a part.

    Raises
    ------
    InputError
        If the folder does not exist, or cannot be written to, or the disk is full.

    Examples
    --------
    >>> with atomic_write("counts.txt") as temporary:  # doctest: +SKIP
    ...     temporary.write_text("42")
    """
    target = Path(os.path.realpath(path))  # through a link, so that the link stays one
    if not target.parent.is_dir():
        raise InputError(
            f"{path}: cannot be written: there is no folder {str(target.parent)!r}; create it first"
        )
    if target.is_dir():
        raise InputError(f"{path}: cannot be written: it is a folder; name a file in it")
    if not os.access(target.parent, os.W_OK):
        raise InputError(f"{path}: cannot be written: no permission to write in {str(target.parent)!r}")
    temporary = target.with_name(f".{target.stem}.{os.getpid()}-{secrets.token_hex(4)}{target.suffix}")
    try:
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.replace(target)
        sync(target.parent)
    except Exception as error:
        refuse_disk(path, error)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def refuse_disk(path: str | Path, error: Exception) -> None:
    """Raise an InputError that names the file if the disk is at fault; libraries say so in errors of any class."""
    found = [cause for cause in (*NO_ROOM, READ_ONLY) if cause in str(error)]
    if found:
        remedy = (
            "write elsewhere"
            if found[0] == READ_ONLY
            else "make room, and give the same command again: what was finished stays"
        )
        raise InputError(f"{path}: cannot be written: {found[0].lower()}; {remedy}") from error


def sync(folder: Path) -> None:
    """Have the names in a folder written to the disk."""
    stream = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(stream)
    finally:
        os.close(stream)


def write_text(path: str | Path, text: str) -> None:
    """Write text (UTF-8), whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
