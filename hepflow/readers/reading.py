"""Files to a Source: found, told apart by their first bytes, opened, and their columns checked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from numbers import Integral
from pathlib import Path
from typing import TypeVar

from hepflow.errors import ConfigError, InputError
from hepflow.readers.columns import need_column
from hepflow.readers.damage import DamagedFileError, damaged, report
from hepflow.readers.delimited import csv_text, open_csv
from hepflow.readers.events import EventFile, Jets, expression_columns, optional_column, stored_features
from hepflow.readers.expressions import Selection
from hepflow.readers.files import container, find_files
from hepflow.readers.hdf5 import PARTICLES, hdf5_text, open_hdf5
from hepflow.readers.jets import find_jets
from hepflow.readers.normalisation import AS_IN_THE_FILES, Normalisation
from hepflow.readers.npy import open_npy
from hepflow.readers.parquet import open_parquet, parquet_text
from hepflow.readers.particles import ParticleJets
from hepflow.readers.remote import RemoteError
from hepflow.readers.root import open_root, root_text
from hepflow.readers.schemas import JET_FIELDS, SCHEMAS, Layout, Schema, custom_layout, find_schema
from hepflow.readers.source import Chunk, Field, Source, SourceFile
from hepflow.readers.table import Table, events_per_chunk
from hepflow.sample import Cutflow, SkippedFile
from hepflow.shown import show_briefly
from hepflow.storage import About

Opened = TypeVar("Opened")
OTHERS = "Those that do not hold what was asked for are read apart, or left out of the list"
log = logging.getLogger("hepflow.readers")


def read(
    path: str | Path | Iterable[str | Path],
    format: str,
    *,
    tree: str | None = None,
    branches: Mapping[str, str | list[str]] | None = None,
    unit: str | None = None,
    weight: str | None = None,
    label_branch: str | None = None,
    label: int | None = None,
    selection: str | None = None,
    chunk: int | str = "16 MB",
    normalisation: Normalisation = AS_IN_THE_FILES,
    skip_bad_files: bool = False,
) -> Source:
    """Open files of events; the events themselves are read, chunk by chunk, when one iterates.

    Parameters
    ----------
    path
        Path, glob or URL, or a list of them. URLs go through fsspec (root://, https://, s3:// ...).
    format
        One of `SCHEMAS`: nanoaod, physlite, delphes, treemaker, lhco, lhco-raw, parquet, hepflow, custom, table.
    tree
        TTree or RNTuple of a ROOT file, key of an HDF5 file; None takes the format's own.
    branches
        Where the jets stand, for format ``custom``: pt, eta, phi, mass (or px, py, pz; or energy), tau1,
        tau2, tau3, each a branch with one list per event, or a list of flat columns, one per jet. For another
        format it replaces single branches, as in ``{"mass": "FatJet_msoftdrop"}``.
    unit
        GeV or MeV, of the file; None takes the format's own. What comes out is always GeV.
    weight
        Branch of the event weight. ``name[0]`` is the first entry of a branch that holds several per event.
    label_branch
        Branch of the truth; None takes the format's own, such as ``label`` for lhco.
    label
        Keep only events of this truth value; the others are counted in the cutflow.
    selection
        Keep only events that pass, as in ``"FatJet_pt[:, 0] > 1200 and HLT_PFJet500"``; see `Selection`.
    chunk
        Events, or memory of the columns as stored (``"16 MB"``), read at a time.
    normalisation
        Cross-section, luminosity and sum of generated weights, for the yield expected in data.
    skip_bad_files
        Leave damaged files out; `Source.skipped` and the cutflow say which, and what is lost.

    Returns
    -------
    Source
        Iterate over it, or hand it to `hepflow.features`.

    Raises
    ------
    ConfigError
        If the arguments make no sense: an unknown format or unit, a selection that is no expression.
    InputError
        If files are missing, damaged, not supported or of another kind, or lack the tree or a branch (all that do
        so are named, each with the cause); if one is given twice, a server cannot be reached, or there is no event
        at all.

    Examples
    --------
    >>> import hepflow as hf
    >>> from hepflow.demo import config_path
    >>> source = hf.read(config_path().with_name("signal.h5"), format="lhco", selection="mj1 > 100")
    >>> cutflow = dict(hf.features(source, ["m_J1", "tau21_J1"]).cutflow)
    >>> cutflow["events read"], cutflow["dropped: selection: mj1 > 100"], cutflow["events kept"]
    (8000, 679, 7321)
    """
    schema = find_schema(format)
    if unit not in (None, "GeV", "MeV"):
        raise ConfigError(f"unit {unit!r}: expected GeV or MeV")
    if label is not None and (isinstance(label, bool) or not isinstance(label, Integral)):
        raise ConfigError(
            f"label {label!r}: expected a whole number, such as 0 for background and 1 for signal"
        )
    if label is not None and not (label_branch or schema.label):
        raise ConfigError(
            f"label={label}: format {format!r} has no truth column of its own; name one with label_branch"
        )
    events_per_chunk(chunk, 1.0)
    schema = _with_branches(replace(schema, unit=unit or schema.unit), format, branches)
    condition = Selection(selection) if selection is not None else None
    if format == "hepflow" and normalisation.cross_section is not None and normalisation.number is None:
        raise ConfigError(
            "cross_section: files of format 'hepflow' hold what was left after a selection; give generated, the "
            "sum of the weights of all generated events"
        )
    if format == "table" and unit is not None:
        raise ConfigError(
            f"unit {unit!r}: a table's columns are taken as they are; convert by an expression, such as "
            "{name: pt, expression: pt / 1000}; of a resonant variable give the unit, as in "
            "hepflow.Quantity('m_mumu', unit='MeV'), or in the configuration resonance: {column: m_mumu, unit: MeV}"
        )
    files = find_files(path)

    def open_one(file: str) -> tuple[Table, EventFile | None]:
        table = _open(file, format, schema, tree)
        if not table.num_events:
            return table, None  # the empty output of a job may lack branches too
        jets, features, cutflow, about = _contents(table, format, schema, branches or {})
        truth = optional_column(label_branch, schema.label, table, "label_branch, the truth")
        if label is not None and truth is None:
            raise InputError(
                f"{file}: no truth column {schema.label!r} to keep label={label} by; leave label out"
            )
        weights = optional_column(weight, "weight" if about else None, table, "weight")
        generated = weights
        if isinstance(normalisation.generated, str):
            name = normalisation.generated
            generated = need_column(name, table, "generated") if name else None
        own = EventFile(
            table=replace(table, cutflow=cutflow),
            jets=jets,
            features=features,
            weight=weights,
            generated=generated,
            label=truth,
            keep_label=label,
            selection=condition,
            names=expression_columns(condition, jets, table),
            about=about,
        )
        if format == "table":  # of whose columns none has to be asked for
            named = [one.name for one in (weights, generated, truth) if one]
            table.refuse([*named, *(column for column in own.names.values() if column)])
        else:
            own.columns(JET_FIELDS[:4] if jets else None)
        return table, own

    found, skipped = _each(files, open_one, skip_bad_files)
    filled = [own for _, own in found if own]
    described = files[0] if len(files) == 1 else f"{len(files)} files, {files[0]} to {files[-1]}"
    if not filled:
        raise InputError(f"{described}: zero entries; nothing to read. Check the step that wrote it")
    fields = _common_columns(filled) if format == "table" else _common_fields(filled)
    about = filled[0].about
    return Source(
        parts=tuple(
            SourceFile(
                table.file, table.num_events, partial(own.chunks, size=chunk), own.columns, table.blocks
            )
            if own
            else SourceFile(table.file, table.num_events, _nothing)
            for table, own in found
        ),
        description=f"{format}: {described}",
        jet_fields=fields if filled[0].jets else (),
        columns=() if filled[0].jets else fields,
        resonance=about.resonance if about else None,
        quantities=about.quantities if about else (),
        normalisation=normalisation,
        skipped=skipped,
        skip_bad_files=skip_bad_files,
    )


def _each(
    files: list[str], open_one: Callable[[str], Opened], skip: bool
) -> tuple[list[Opened], tuple[SkippedFile, ...]]:
    """Open every file; those that cannot be read come in one error, or, with `skip`, the damaged ones beside."""
    found: list[Opened] = []
    bad: list[SkippedFile] = []
    kinds: set[type[InputError]] = set()
    for file in files:
        try:
            found.append(open_one(file))
        except RemoteError:
            raise  # a server that is away is not asked a thousand times
        except InputError as error:
            bad.append(damaged(file, error))
            kinds.add(type(error))
    if bad and not (skip and kinds == {DamagedFileError} and found):
        kind = kinds.pop() if len(kinds) == 1 else InputError
        raise kind(report(bad, len(files), *([] if kind is DamagedFileError else [OTHERS])))
    for one in bad:
        log.warning("%s: skipped: %s", one.file, one.cause)
    return found, tuple(bad)


def _nothing(only: Collection[Field] | None, start: int, stop: int) -> Iterator[Chunk]:
    return iter(())


def _with_branches(schema: Schema, format: str, branches: Mapping[str, str | list[str]] | None) -> Schema:
    """Put the user's branches into the schema's layouts; for format ``custom`` they are the layout."""
    if format == "custom":
        if not branches:
            raise ConfigError(
                "format 'custom' needs branches, such as "
                "{pt: Jet_pt, eta: ..., phi: ..., mass: ..., tau1: ...}"
            )
        return replace(schema, layouts=(custom_layout(branches),))
    if not branches:
        return schema
    if not schema.layouts:
        raise ConfigError(f"format {format!r} takes no branches")
    layouts: list[Layout] = [{**layout, **branches} for layout in schema.layouts]  # type: ignore[dict-item]
    return replace(schema, layouts=tuple(custom_layout(layout) for layout in layouts))


def _open(file: str, format: str, schema: Schema, tree: str | None) -> Table:
    """Open a file as the kind that it is, if the format comes in that kind."""
    kind = container(file)
    if kind not in schema.containers:
        fitting = ", ".join(repr(name) for name, other in SCHEMAS.items() if kind in other.containers)
        raise InputError(
            f"{file}: a {kind} file, but format {format!r} is read from {' or '.join(schema.containers)}; "
            f"formats for {kind}: {fitting}"
        )
    if kind == "ROOT":
        return open_root(file, tree, schema.tree)
    if kind == "HDF5":
        return open_hdf5(file, tree)
    return {"Parquet": open_parquet, "CSV": open_csv, "NumPy": open_npy}[kind](file)


def open_table(file: str, tree: str | None = None) -> Table:
    """Open a file of any kind as a table of its columns.

    Raises
    ------
    InputError
        If it is no file that is read here.
    """
    return _open(file, "table", SCHEMAS["table"], tree)


def _contents(
    table: Table, format: str, schema: Schema, branches: Mapping[str, object]
) -> tuple[Jets | None, dict[str, str], Cutflow, About | None]:
    """Return how to make jets, or, for files of columns, these, and what files of hepflow say of themselves."""
    if format == "hepflow":
        texts = {"ROOT": root_text, "HDF5": hdf5_text, "Parquet": parquet_text, "CSV": csv_text}
        return None, *stored_features(texts[container(table.file)](table.file, "hepflow"), table)
    if format == "table":
        return None, {name: name for name in table.names}, (), None
    if format == "lhco-raw":
        need_column(PARTICLES, table, "2100 unnamed columns: 700 x (pT, eta, phi)")
        return ParticleJets(), {}, (), None
    for quantity, branch in branches.items():
        for name in [branch] if isinstance(branch, str) else list(branch):  # type: ignore[call-overload]
            need_column(name, table, f"branches: {quantity}")
    return find_jets(schema.layouts, table, schema.unit), {}, (), None


def _common_columns(parts: list[EventFile]) -> tuple[str, ...]:
    """Return the columns that the tables of every file have; what else a file has cannot be asked for."""
    return tuple(name for name in parts[0].features if all(name in part.features for part in parts))


def _common_fields(parts: list[EventFile]) -> tuple[str, ...]:
    """Return what the events of every file have, which must be the same."""
    fields = [part.jets.fields if part.jets else tuple(part.features) for part in parts]
    for part, own in zip(parts, fields, strict=True):
        odd = sorted(set(own) ^ set(fields[0]))
        if odd:
            raise InputError(
                f"{part.table.file} and {parts[0].table.file} differ in {', '.join(odd)}; "
                "read them apart, or leave one out"
            )
    return fields[0]


show_briefly([Chunk, Normalisation, Schema, Selection, Source])
