"""The run folder: which stages are done, with which settings and which code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import hepflow
from hepflow.errors import InputError
from hepflow.storage import write_json

RUN = "run.json"


class RunFolder:
    """A folder that holds one run: its identity, the results of its stages, and what they were made from.

    Parameters
    ----------
    path
        The folder; made if it is missing.
    identity
        What makes this run another than its neighbour (name, seed, inputs, injection).

    Raises
    ------
    InputError
        If the folder belongs to another run, or holds files that no run made.
    """

    def __init__(self, path: Path, identity: dict[str, Any]) -> None:
        self.path = path
        if path.exists() and not path.is_dir():
            raise InputError(f"{path}: a file stands where the run folder should be; choose another --out")
        marker = path / RUN
        if marker.is_file():
            theirs = _read(marker).get("identity", {})
            differing = [key for key in {**identity, **theirs} if identity.get(key) != theirs.get(key)]
            if differing:
                key = differing[0]
                raise InputError(
                    f"{path} belongs to another run: its {key} is {theirs.get(key)!r}, this one's is "
                    f"{identity.get(key)!r}. Choose another --out, or remove that folder"
                )
        elif path.is_dir() and any(path.iterdir()):
            raise InputError(f"{path} is not empty and holds no run of hepflow; choose another --out")
        try:
            path.mkdir(parents=True, exist_ok=True)
            if not marker.is_file():
                write_json(marker, {"identity": identity})  # first of all: an interrupted run may go on
            (path / "stages").mkdir(exist_ok=True)
        except OSError as error:
            raise InputError(f"{path}: the run folder cannot be made ({error.strerror})") from None

    def file(self, name: str) -> Path:
        """Return where a stage keeps a file."""
        return self.path / "stages" / name

    def is_done(self, stage: str, key: str) -> bool:
        """Return whether a stage was finished with this key."""
        marker = self.file(f"{stage}.json")
        return marker.is_file() and _read(marker).get("key") == key

    def seconds(self, stage: str) -> float:
        """Return how long a finished stage took."""
        return float(_read(self.file(f"{stage}.json"))["seconds"])

    def begin(self, stage: str) -> None:
        """Forget an older result of a stage before its files are replaced."""
        self.file(f"{stage}.json").unlink(missing_ok=True)

    def finish(self, stage: str, key: str, seconds: float) -> None:
        """Mark a stage as done; the last thing written, so that an interrupted stage never counts."""
        write_json(self.file(f"{stage}.json"), {"key": key, "seconds": round(seconds, 3)})


def stage_key(before: str, settings: Any) -> str:
    """Return the key of a stage: of the stage before it, its settings, and the code."""
    text = json.dumps([before, settings, _code()], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def fingerprint(paths: Iterable[str]) -> list[tuple[str, int, int]]:
    """Return name, size and time of each local file; of a URL its name alone."""
    found = []
    for path in paths:
        local = Path(path)
        stat = local.stat() if local.is_file() else None
        found.append((path, stat.st_size if stat else 0, stat.st_mtime_ns if stat else 0))
    return found


@cache
def _code() -> str:
    """Return a hash of the package's own code: results of older code are not taken for those of today's."""
    digest = hashlib.sha256()
    folder = Path(hepflow.__file__).parent
    for file in sorted([*folder.rglob("*.py"), *folder.rglob("*.c")]):
        digest.update(str(file.relative_to(folder)).encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
