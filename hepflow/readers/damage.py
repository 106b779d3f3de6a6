"""Files that cannot be read: told from wrong requests, and reported all at once."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hepflow.errors import HepflowError, InputError
from hepflow.readers.remote import RemoteError, is_transient
from hepflow.sample import SkippedFile

MOST_NAMED = 20  # files named for one cause
ADVICE = (
    "Copy or make them anew; or leave them out: `--skip-bad-files`, `skip_bad_files: true` of the input, "
    "skip_bad_files=True"
)

AWAY = (FileNotFoundError, PermissionError)  # and what servers answer, which has a `status`
CONTRADICTIONS = (
    *(ValueError, LookupError, OSError, EOFError, RuntimeError, AssertionError),
    *(struct.error, zlib.error),
)
NAMED = (
    "DecompressionError",
    "DeserializationError",
)  # of cramjam and uproot, which need not be loaded for this
LIMITS = (NotImplementedError,)  # which is a RuntimeError
SAID = (
    "is not registered",
    "does not have support",
    "ot implemented",
    "nsupported",
    "ot supported",
    "ncrypted",
    "uproot.dynamic.Unknown",
)


class DamagedFileError(InputError):
    """A file that nothing asked of it could make readable; one that lacks a branch, say, is none."""


class UnsupportedError(InputError):
    """A file that may be whole and holds what is not read here: it is never skipped."""


def unsupported(file: str, what: str, instead: str) -> UnsupportedError:
    """Return the error of what cannot be read though nothing says that it is damaged."""
    return UnsupportedError(f"{file}: not supported: {what}; {instead}")


@contextmanager
def reading(file: str, what: str) -> Iterator[None]:
    """Turn whatever a file library raises into an error that names the file.

    Raises
    ------
    DamagedFileError
        Where the contents contradict themselves, as they do in a damaged file, or where nothing can be had of it.
    UnsupportedError
        Of everything else: a library that does not know a layout is no sign of damage.
    RemoteError
        If its server failed in a way that may pass.
    InputError
        If memory does not suffice, which a wrong number in a damaged file may ask for, too.
    """
    try:
        yield
    except HepflowError:
        raise
    except MemoryError as error:
        raise InputError(
            f"{file}: there is no memory for what it asks for ({error}). Read smaller chunks, or, if it should need "
            "less, compare the file with the original"
        ) from error
    except Exception as error:
        if "://" in file and is_transient(error):
            raise RemoteError(
                f"{file}: its server failed ({type(error).__name__}: {error}). Check the network and the server, and "
                "run the same command again"
            ) from error
        reason = (str(error).strip().splitlines() or [""])[0]
        said = f"{file}: cannot be read as {what} ({type(error).__name__}: {reason})."
        if isinstance(error, AWAY) or isinstance(getattr(error, "status", None), int):
            raise DamagedFileError(f"{said} Check its address, and that you may read it") from error
        limited = isinstance(error, LIMITS) or any(words in reason for words in SAID)
        contradictory = isinstance(error, CONTRADICTIONS) or type(error).__name__ in NAMED
        if contradictory and not limited:
            raise DamagedFileError(
                f"{said} The file may be truncated or damaged: compare its size with the original, and copy it anew"
            ) from error
        raise UnsupportedError(
            f"{said} It holds what is not supported here, or is damaged in a way that looks like that: write it anew "
            "with plain columns, or take it out of the list"
        ) from error


def damaged(file: str, error: Exception, events: int | None = None) -> SkippedFile:
    """Return the record of a file that cannot be read."""
    return SkippedFile(file, str(error).removeprefix(f"{file}: "), events)


def report(bad: Sequence[SkippedFile], files: int, advice: str = ADVICE) -> str:
    """Return one message about all files that cannot be read, of so many: a line a cause."""
    if files == 1:
        return f"{bad[0].file}: {bad[0].cause}"
    causes: dict[str, list[str]] = {}
    for one in bad:
        causes.setdefault(one.cause, []).append(one.file)
    lines = [f"{len(bad):,} of {files:,} files cannot be read:"]
    for cause, names in causes.items():
        more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
        lines.append(f"  {', '.join(names[:MOST_NAMED])}{more}: {cause}")
    return "\n".join([*lines, advice])


def in_cutflow(skipped: Sequence[SkippedFile], files: int) -> tuple[tuple[str, int], ...]:
    """Return the first lines of a cutflow from which files are missing; none where nothing was skipped."""
    if not skipped:
        return ()
    lost = [file.events for file in skipped if file.events is not None]
    known = "" if len(lost) == len(skipped) else ", where they tell"
    events = ((f"events in the skipped files{known}", sum(lost)),) if lost else ()
    return (("files given", files), ("files skipped", len(skipped)), *events)
