"""Files that are read whole: regular ones, and none that memory could not hold."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from hepflow.errors import InputError

MOST_BYTES = 64 * 2**20  # of a text; parsed, it takes some thirty times as much
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def check_regular(path: str | Path) -> None:
    """Refuse what is no regular file, before anything waits for its contents.

    Raises
    ------
    InputError
        If it is missing, may not be read, or is a folder, a pipe, a socket or a device.
    """
    os.close(_opened(path))


def read_regular(path: str | Path, most: int = MOST_BYTES) -> bytes:
    """Return the bytes of a regular file.

    Raises
    ------
    InputError
        As `check_regular`, or if there are more than `most`.
    """
    with os.fdopen(_opened(path), "rb") as stream:
        return read_stream(stream, path, most)


def read_stream(stream: BinaryIO, where: str | Path, most: int = MOST_BYTES) -> bytes:
    """Return what is left of a stream.

    Raises
    ------
    InputError
        If there is more than `most`, or it cannot be read.
    """
    try:
        raw = stream.read(most + 1)
    except OSError as error:
        raise InputError(f"{where}: cannot be read ({error.strerror or error})") from error
    if len(raw) > most:
        raise InputError(f"{where}: more than {most / 2**20:g} MiB; expected a text that memory can hold")
    return raw


def _opened(path: str | Path) -> int:
    """Return the descriptor of a regular file; what is none is not even opened, as that alone may wait or act."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 (a path that Path refuses gets the same error)
        if stat.S_ISREG(mode):
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            mode = os.fstat(descriptor).st_mode  # it may be another by now
            if stat.S_ISREG(mode):
                return descriptor
            os.close(descriptor)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in its name
        raise InputError(f"{path}: cannot be opened ({getattr(error, 'strerror', None) or error})") from None
    kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "something else")
    raise InputError(f"{path}: is {kind}; expected a file")
