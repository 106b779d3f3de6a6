"""Bytes of a text file to text, where it is certain how they are meant."""

from __future__ import annotations

import json
from pathlib import Path

from hepflow.errors import InputError
from hepflow.regular import read_regular


def read_text(path: str | Path) -> str:
    """Return the text of a JSON file (see `decoded`).

    Raises
    ------
    InputError
        If it cannot be read, or not as the text that it claims to be.
    """
    return decoded(read_regular(path), path)


def decoded(raw: bytes, where: str | Path, *, numbers_only: bool = False) -> str:
    """Return text in UTF-8, or in what its first bytes say: a byte order mark, or the zeros of UTF-16 and UTF-32.

    Parameters
    ----------
    raw
        The bytes of a file that begins with a character of ASCII.
    where
        What messages call it.
    numbers_only
        True where nothing but ASCII has a meaning, as in a table of numbers: bytes that are not UTF-8 are then taken
        for letters of some other alphabet, whichever.

    Raises
    ------
    InputError
        If the bytes are no such text.
    """
    encoding = json.detect_encoding(raw)
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        if numbers_only and encoding == "utf-8" and b"\0" not in raw:
            return raw.decode("latin-1")
        line = raw[: error.start].decode(encoding, errors="replace").count("\n") + 1
        raise InputError(
            f"{where}, line {line}: byte 0x{raw[error.start]:02x} is not {encoding.upper()}; save the file as UTF-8"
        ) from error
