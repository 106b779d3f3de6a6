"""Files that cannot be read: told from wrong requests, and reported all at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hepflow.errors import HepflowError, InputError
from hepflow.sample import SkippedFile

MOST_NAMED = 20  # files named for one cause
ADVICE = (
    "Copy or make them anew; or leave them out: `--skip-bad-files`, `skip_bad_files: true` of the input, "
    "skip_bad_files=True"
)


class DamagedFileError(InputError):
    """A file that nothing asked of it could make readable; one that lacks a branch, say, is none."""


@contextmanager
def reading(file: str, what: str) -> Iterator[None]:
    """Turn whatever a file library raises into a `DamagedFileError` that names the file."""
    try:
        yield
    except (HepflowError, MemoryError):
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[0]
        away = isinstance(error, FileNotFoundError | PermissionError)
        advice = (
            "Check its address, and that you may read it"
            if away
            else "The file may be truncated or damaged: compare its size with the original, and copy it anew"
        )
        raise DamagedFileError(
            f"{file}: cannot be read as {what} ({type(error).__name__}: {reason}). {advice}"
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
