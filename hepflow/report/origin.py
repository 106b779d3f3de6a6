"""How a record was made: versions, times, who unblinded, and the files of the folder that say the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from hepflow.engine.unblinding import Unblinding
from hepflow.report import numbers
from hepflow.report.blocks import Block, Listing, Section, Table, Text

FILES = {"config.yaml": "Configuration", "provenance.json": "Provenance"}
LONGEST = 100_000  # characters of a file that are shown


class Recorded(Protocol):
    """A record that says how it was made."""

    @property
    def config_hash(self) -> str:
        """Of the configuration."""

    @property
    def versions(self) -> Mapping[str, str]:
        """Of the packages behind it."""


def versions(found: Mapping[str, str]) -> Table | None:
    """Return the versions of the packages."""
    rows = tuple((name, str(version)) for name, version in found.items())
    return Table("Versions", ("package", "version"), rows) if rows else None


def timing(seconds: Mapping[str, float]) -> Table | None:
    """Return the wall time of each stage, and of all."""
    if not seconds:
        return None
    rows = [(stage, numbers.duration(taken)) for stage, taken in seconds.items()]
    return Table(
        "Wall time", ("stage", "time"), (*rows, ("all stages", numbers.duration(sum(seconds.values()))))
    )


def unblindings(found: Iterable[Unblinding]) -> Table | None:
    """Return when the data were looked at, by whom, and with which configuration."""
    rows = tuple((one.at, one.by, one.config_hash) for one in found)
    return Table("The data were unblinded", ("at (UTC)", "by", "configuration"), rows) if rows else None


def section(record: Recorded, folder: Path, seed: int | None, *more: Block | None) -> Section:
    """Return how a record was made: configuration, seed, what else the study tells, versions, and the files."""
    seeded = "" if seed is None else f", seed {seed}"
    return Section.of(
        "made",
        "How it was made",
        Text(f"Configuration {record.config_hash}{seeded}."),
        *more,
        versions(record.versions),
        *listings(folder),
    )


def listings(folder: Path) -> list[Listing]:
    """Return configuration and provenance as they stand in the folder, where they are there."""
    return [
        Listing(f"{title} ({name})", _shortened(read(folder / name), name))
        for name, title in FILES.items()
        if (folder / name).is_file()
    ]


def read(path: Path) -> str:
    """Return the text of a file; what cannot be read says so in its place, as the numbers stand without it."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _shortened(text: str, name: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}\n... ({len(text) - LONGEST:,} characters more in {name})"
