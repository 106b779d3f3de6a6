"""The run folder: whose it is, who works in it, and which steps are done, from what and when."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from hepflow.atomic import sync
from hepflow.engine.lock import locked
from hepflow.engine.notes import now, read_note
from hepflow.engine.plan import Plan, differences
from hepflow.errors import InputError
from hepflow.records import read_record, write_json
from hepflow.regular import check_regular

RUN, STEP, CHECKPOINTS = "run.json", "step.json", "checkpoints"
EXPORT = "export"  # what is made of a finished run for others, unless they say where
LAYOUT = 2  # of a run folder: raised where its steps are kept in another way
TEMPORARY = re.compile(r"\..+\.\d+-[0-9a-f]{8}")  # as `replacing` and `atomic_write` name them


@dataclass(frozen=True)
class Owner:
    """Whose a run folder is: what makes the run another than its neighbour, and how its steps are kept."""

    identity: dict[str, Any]
    layout: int = 1  # of folders in which it does not stand


@dataclass(frozen=True)
class StepRecord:
    """What is known of a step that was finished.

    Parameters
    ----------
    key, made_from
        As its `Plan` had them.
    files
        Path in the run folder -> digest.
    seconds
        How long it took.
    made
        When it was finished (UTC, ISO 8601).
    """

    key: str
    made_from: dict[str, Any]
    files: dict[str, str] = field(repr=False)
    seconds: float
    made: str


class RunFolder:
    """A folder that holds one run: its identity, the results of its steps, and what they were made from.

    Parameters
    ----------
    path
        The folder; made if it is missing.
    identity
        What makes this run another than its neighbour (name, seed, inputs, injection); None to look at any run.
    make
        Make the folder if it is missing; without, nothing is written.

    Raises
    ------
    InputError
        If the folder belongs to another run, holds files that no run made, or cannot be written to.
    """

    def __init__(self, path: Path, identity: dict[str, Any] | None, *, make: bool = True) -> None:
        self.path = path
        self._new = self._empty = False
        if path.exists() and not path.is_dir():
            raise InputError(f"{path}: a file stands where the run folder should be; choose another --out")
        marker = path / RUN
        if identity is None:
            if not marker.is_file():
                raise InputError(f"{path}: no run of hepflow there; expected the --out of a `hepflow run`")
            return
        if marker.is_file():
            owner = _owner(marker)
            if owner.layout != LAYOUT:
                raise InputError(
                    f"{path} was made by another version of hepflow, which kept its steps in another way. Choose "
                    "another --out, or remove that folder"
                )
            if identity != owner.identity:
                key, its, own = _difference(owner.identity, identity)
                raise InputError(
                    f"{path} belongs to another run: its {key} is {its!r}, this one's is {own!r}. Choose another "
                    "--out, or remove that folder"
                )
        elif path.is_dir() and any(path.iterdir()) and not _was_run(path):
            raise InputError(f"{path} is not empty and holds no run of hepflow; choose another --out")
        if not make:
            return
        self._empty = path.is_dir()
        self._new = not self._empty or not any(path.iterdir())  # what stood there before is never removed
        try:
            path.mkdir(parents=True, exist_ok=True)
            if not marker.is_file():
                write_json(marker, Owner(identity, LAYOUT))  # first of all: an interrupted run may go on
            (path / "stages").mkdir(exist_ok=True)
        except OSError as error:
            raise InputError(f"{path}: the run folder cannot be made ({error.strerror})") from None

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Give the folder back, as it was found, where its first run fails before a step of it is done.

        An interrupted run keeps it: it may have trained for hours, and goes on.
        """
        try:
            yield
        except Exception:
            if self._new and not self.records() and not (self.path / CHECKPOINTS).exists():
                shutil.rmtree(self.path, ignore_errors=True)
                if self._empty:
                    self.path.mkdir(exist_ok=True)
            raise

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others out of this folder; the lock falls with the process, however that ends.

        Raises
        ------
        InputError
            If another run works here, and which; if the folder cannot be written to, or holds a link out of it.
        """
        refuse_links(self.path)
        with locked(self.path):
            self._sweep()
            yield

    def records(self) -> dict[str, StepRecord]:
        """Return what is known of every step that was finished, the oldest first."""
        stages = self.path / "stages"
        names = [str(path.parent.relative_to(stages)) for path in stages.rglob(STEP)]
        found = {name: self.record(name) for name in names}
        kept = {name: record for name, record in found.items() if record is not None}
        written = {name: (self.of(name) / STEP).stat().st_mtime_ns for name in kept}
        return dict(sorted(kept.items(), key=lambda item: (item[1].made, written[item[0]])))

    def of(self, step: str) -> Path:
        """Return the folder of a step's result."""
        return self.path / "stages" / step

    def record(self, step: str) -> StepRecord | None:
        """Return what is known of a step that was finished; None where it was not, or that cannot be read."""
        record = read_note(self.of(step) / STEP, StepRecord)
        return record if record is not None and all(map(_inside, record.files)) else None

    def todo(self, plan: Plan, step: str) -> str | None:
        """Return why a step is to be made (anew); None where its result is there."""
        record = self.record(step)
        if record is None:
            return "not done yet"
        if record.key != plan.key(step):
            found = differences(record.made_from, plan.made_from(step))
            own = [one for one in found if not one.startswith("after ")]
            return "; ".join(_several(own or found)) or "made by another version"
        missing = [file for file in record.files if not (self.path / file).is_file()]
        if missing:
            return f"{missing[0]} is missing"
        return None

    def damaged(self, step: str) -> str | None:
        """Return which file of a finished step is not as it was written; None where all are."""
        record = self.record(step)
        for file, written in (record.files if record else {}).items():
            if digest(self.path / file) != written:
                return file
        return None

    @contextmanager
    def replacing(self, step: str) -> Iterator[Path]:
        """Give an empty folder, which becomes that of the step if the block ends well and vanishes otherwise."""
        target = self.of(step)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}")
        temporary.mkdir()
        try:
            yield temporary
            old = temporary.with_name(temporary.name + "-old")
            if target.is_dir():
                target.rename(old)
            temporary.rename(target)
            sync(target.parent)
            shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def finish(self, folder: Path, plan: Plan, step: str, seconds: float, files: Iterable[Path]) -> None:
        """Write the record of a step into its folder; `files` are those of the result, wherever they stand."""
        write_json(
            folder / STEP,
            StepRecord(
                key=plan.key(step),
                made_from=plan.made_from(step),
                files={self._final(file, folder, step): digest(file) for file in sorted(files)},
                seconds=round(seconds, 3),
                made=now(),
            ),
        )

    def forget_published(self) -> None:
        """Remove what steps wrote for people to see, and exports of it."""
        for record in self.records().values():
            for file in record.files:
                if PurePath(file).parts[0] != "stages":
                    (self.path / file).unlink(missing_ok=True)
        shutil.rmtree(self.path / EXPORT, ignore_errors=True)

    def forget_checkpoints(self) -> None:
        """Remove the trainings that were kept as they went, once all that needs them is done."""
        shutil.rmtree(self.path / CHECKPOINTS, ignore_errors=True)

    def _final(self, file: Path, folder: Path, step: str) -> str:
        """Return where a file will stand in the run folder."""
        if file.is_relative_to(folder):
            file = self.of(step) / file.relative_to(folder)
        return str(file.relative_to(self.path))

    def _sweep(self) -> None:
        """Remove what a killed run left half-done."""
        for left in [path for path in self.path.rglob(".*") if TEMPORARY.match(path.name)]:
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)


def check_as_written(path: Path) -> None:
    """Refuse a file in a run folder that is not as the step that made it wrote it; one that no step made is taken.

    Raises
    ------
    InputError
        If somebody changed it.
    """
    folder = path.parent
    if not (folder / RUN).is_file():
        return  # a record by itself, without its run
    for record in RunFolder(folder, None).records().values():
        written = record.files.get(path.name)
        if written is not None and written != digest(path):
            raise InputError(
                f"{path}: changed since it was written (its hash is another than the one recorded); the command that "
                "made it writes it anew. To read it as it is, copy it into a folder of its own"
            )


def _owner(marker: Path) -> Owner:
    try:
        return read_record(marker, Owner)
    except InputError as error:
        raise InputError(
            f"{error}. It says whose run the folder holds. If it is this one's, remove {marker} alone and give the "
            "command again: steps that are this run's stay. Else choose another --out"
        ) from None


def _was_run(folder: Path) -> bool:
    """Tell whether a folder without `RUN` is one of a run: its steps say themselves what they were made from."""
    return any((folder / "stages").rglob(STEP))


def refuse_links(folder: Path) -> None:
    """Raise an InputError if a link in a run folder leads out of it: what is written or removed is the run's own."""
    here = os.path.realpath(folder)
    for path in folder.rglob("*"):
        if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(here):
            raise InputError(
                f"{path}: a link that leads out of the run folder, where nothing is to be written; remove it, or "
                "choose another --out"
            )


def digest(file: Path) -> str:
    """Return a hash of a whole file; an empty text where it cannot be read."""
    try:
        check_regular(file)  # a pipe would be waited for
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "blake2b").hexdigest()[:32]
    except (InputError, OSError):
        return ""


def _several(reasons: list[str]) -> list[str]:
    """Return three reasons, and how many more there are."""
    return reasons if len(reasons) <= 3 else [*reasons[:3], f"and {len(reasons) - 3} more"]


def _inside(file: str) -> bool:
    """Tell whether a path, as a record has it, stays in the run folder."""
    path = PurePath(file)
    return not path.is_absolute() and ".." not in path.parts and "\0" not in file


def _difference(its: Any, own: Any, key: str = "") -> tuple[str, Any, Any]:
    """Return the first key at which two identities differ, dots between its words, and what both have there."""
    if isinstance(its, dict) and isinstance(own, dict):
        for name in {**own, **its}:
            if its.get(name) != own.get(name):
                return _difference(its.get(name), own.get(name), f"{key}.{name}" if key else name)
    return key, its, own
