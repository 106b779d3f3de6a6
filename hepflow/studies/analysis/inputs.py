"""Inputs: the files that a configuration names, opened as sources of events."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from hepflow.config.inputs import Input, luminosity_of
from hepflow.readers.files import find_files
from hepflow.readers.normalisation import Normalisation
from hepflow.readers.reading import read
from hepflow.readers.source import Source
from hepflow.studies.analysis.effects import side_of

Luminosity = float | dict[str, float] | None


def open_input(
    entry: Input, luminosity: Luminosity, effect: str | None = None, files: Collection[str] | None = None
) -> Source:
    """Open the files of an input, its samples joined.

    Parameters
    ----------
    entry
        Data, signal, simulation or reference, with paths as they can be opened (`Config.opened`).
    luminosity
        Of the data, fb^-1, or of each period.
    effect
        A systematic effect on it, such as ``jes/up``.
    files
        Open these of its files alone.
    """
    sources = []
    for label, one in entry.each(side_of(entry, effect)):
        paths = list(one.path)
        if files is not None:
            paths = [file for file in find_files(paths) if file in files]
        if paths:
            sources.append(replace(_open_one(one, luminosity, paths), name=label))
    return Source.join(sources)


def _open_one(entry: Input, luminosity: Luminosity, paths: list[str]) -> Source:
    """Open files of one sample."""
    return read(
        paths,
        entry.format,
        tree=entry.tree,
        branches=None if entry.branches is None else {k: _columns(v) for k, v in entry.branches.items()},
        unit=entry.unit,
        weight=entry.weight,
        label_branch=entry.label_branch,
        label=entry.label,
        selection=entry.selection,
        normalisation=_normalisation(entry, luminosity),
        skip_bad_files=entry.skip_bad_files,
    )


def _normalisation(entry: Input, luminosity: Luminosity) -> Normalisation:
    if entry.cross_section is None:
        return Normalisation(scale=entry.scale)
    return Normalisation(entry.cross_section, luminosity_of(luminosity, entry), entry.generated, entry.scale)


def _columns(value: str | tuple[str, ...]) -> str | list[str]:
    return value if isinstance(value, str) else list(value)
