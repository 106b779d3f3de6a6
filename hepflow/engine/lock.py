"""The lock of a run folder: one command at a time writes there."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from hepflow.engine.notes import now, read_note
from hepflow.errors import InputError
from hepflow.records import write_json

LOCK, HOLDER = "run.lock", "run.pid.json"


@dataclass(frozen=True)
class Holder:
    """Which process works in a run folder, where, and since when (UTC, ISO 8601)."""

    pid: int
    host: str
    since: str


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep others out of a run folder; the lock falls with the process, however that ends.

    Raises
    ------
    InputError
        If another run works there, and which; if the folder cannot be written to.
    """
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(
            f"{folder}: another run works in this folder ({holder(folder)}); wait for it, or choose another --out"
        ) from None
    except OSError as error:
        raise InputError(
            f"{folder}: the run folder cannot be written to ({error.strerror}); choose another --out"
        ) from None
    try:
        write_json(folder / HOLDER, Holder(os.getpid(), platform.node(), now()))
        yield
    finally:
        (folder / HOLDER).unlink(missing_ok=True)
        lock.release()


def holder(folder: Path) -> str | None:
    """Return who works in a run folder now, in words; None where nobody does."""
    lock = FileLock(folder / LOCK)
    try:
        if (folder / LOCK).is_file():
            lock.acquire(timeout=0)
            lock.release()
        return None
    except (Timeout, OSError) as error:
        who = read_note(folder / HOLDER, Holder)
        if who is not None:
            return f"process {who.pid} on {who.host}, since {who.since}"
        return "a process of which nothing is known" if isinstance(error, Timeout) else None
