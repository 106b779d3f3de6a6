"""What a report is made of: sections of text, tables, figures and listings, as plain records for the templates.

Every text is escaped when the page is made, but for the `Markup` that hepflow itself writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: ClassVar[str] = "text"


@dataclass(frozen=True)
class Fact:
    """A number that the reader came for: what it is, the number, and what to know beside it."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Facts:
    """Numbers in large type."""

    facts: tuple[Fact, ...]
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True)
class Table:
    """A table; the first cell of each row is its heading. `folded` tables open on a click."""

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    folded: bool = False
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Picture:
    """A figure as a data URI, its size in CSS pixels, its caption, and in `alt` what its numbers say."""

    uri: str
    width: int
    height: int
    caption: str
    alt: str

    @property
    def wide(self) -> bool:
        """Whether it has panels side by side, and wants the room of two."""
        return self.width > 1.5 * self.height


@dataclass(frozen=True)
class Gallery:
    """Figures beside each other, as many as there is room for."""

    pictures: tuple[Picture, ...]
    kind: ClassVar[str] = "gallery"


@dataclass(frozen=True)
class Notes:
    """A list of things to know, `grave` where they put the numbers in doubt."""

    items: tuple[str, ...]
    grave: bool = False
    kind: ClassVar[str] = "notes"


@dataclass(frozen=True)
class Listing:
    """Text as it stands in a file, to read or to copy."""

    title: str
    text: str
    folded: bool = True
    kind: ClassVar[str] = "listing"


Block: TypeAlias = Text | Facts | Table | Gallery | Notes | Listing


@dataclass(frozen=True)
class Section:
    """A heading, and what stands below it."""

    name: str  # in links
    title: str
    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, name: str, title: str, *blocks: Block | None) -> Section:
        """Return a section of the blocks that there are; a table without rows is none."""
        there = (block for block in blocks if block is not None)
        return cls(name, title, tuple(one for one in there if not isinstance(one, Table) or one.rows))

    @classmethod
    def warnings(cls, notes: Sequence[str]) -> Section:
        """Return the section of all that puts the numbers in doubt."""
        block = Notes(tuple(notes), grave=True) if notes else Text("None.")
        return cls.of("warnings", "Warnings and problems", block)

    @property
    def grave(self) -> int:
        """Number of its notes that put the numbers in doubt."""
        return sum(len(block.items) for block in self.blocks if isinstance(block, Notes) and block.grave)


@dataclass(frozen=True)
class Page:
    """A whole report; sections without a block are left out."""

    title: str
    about: str
    sections: tuple[Section, ...]
