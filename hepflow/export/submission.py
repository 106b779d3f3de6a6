"""A HEPData submission: tables and likelihoods in one archive, checked against HEPData's schemas before it exists."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from hepflow.atomic import atomic_write
from hepflow.errors import ConfigError, InputError
from hepflow.export.hepdata import hepdata_library

if TYPE_CHECKING:
    from hepdata_lib import Table

KINDS = ("HistFactory", "HS3")


def write_submission(
    path: str | Path,
    tables: Sequence[Table],
    *,
    comment: str = "",
    keywords: Mapping[str, Sequence[str | float]] | None = None,
    likelihoods: Mapping[str | Path, str] | None = None,
) -> None:
    """Write an archive that HEPData accepts, checked against its schemas.

    Parameters
    ----------
    path
        The archive, ``*.tar.gz``.
    tables
        As `run_tables` and `scan_tables` return them; no two of one name.
    comment
        Abstract of the record.
    keywords
        For every table, such as ``{"cmenergies": [13000.0], "reactions": ["P P --> JET JET X"]}``.
    likelihoods
        Files to attach -> "HistFactory" (pyhf) or "HS3".

    Raises
    ------
    ConfigError
        If hepdata-lib is not installed, `path` has another suffix, there is no table, two have one name, the kind
        of a likelihood is unknown, or two likelihoods have one file name.
    InputError
        If a file to attach is missing, the archive cannot be written, or it does not satisfy HEPData's schemas.
    """
    _check_arguments(path, tables, likelihoods or {})
    with tempfile.TemporaryDirectory() as name, atomic_write(path) as archive, hepdata_library() as library:
        folder = Path(name)
        resources = [_attached(Path(file), kind, folder) for file, kind in (likelihoods or {}).items()]
        about = {"comment": comment, "data_license": library.Submission.get_license()}
        if resources:
            about["additional_resources"] = resources
        (folder / "submission.yaml").write_text(yaml.safe_dump(about, explicit_start=True), encoding="utf-8")
        for table in tables:  # each adds itself to submission.yaml
            table.keywords = {**(keywords or {}), **table.keywords}
            table.write_output(name)
        _validate(path, name)
        with tarfile.open(archive, "w:gz") as stream:
            for member in sorted(folder.iterdir()):
                stream.add(member, arcname=member.name)


def _check_arguments(
    path: str | Path, tables: Sequence[Table], likelihoods: Mapping[str | Path, str]
) -> None:
    names = [table.name for table in tables]
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"a submission needs tables of different names; got {names}")
    if not str(path).endswith(".tar.gz"):
        raise ConfigError(f"{path}: HEPData takes an archive; give it a name that ends in .tar.gz")
    for file, kind in likelihoods.items():
        if kind not in KINDS:
            raise ConfigError(f"{file}: likelihood of kind {kind!r}; expected one of {KINDS}")
        if not Path(file).is_file():
            raise InputError(f"{file}: no such file to attach to the submission")


def _attached(file: Path, kind: str, folder: Path) -> dict[str, Any]:
    """Copy a likelihood into the submission and return its entry."""
    if (folder / file.name).exists():
        raise ConfigError(
            f"{file}: another likelihood has the same file name; HEPData keeps them in one folder"
        )
    shutil.copyfile(file, folder / file.name)
    return {"location": file.name, "description": f"Likelihood, {kind}", "type": kind}


def _validate(path: str | Path, folder: str) -> None:
    from hepdata_validator.full_submission_validator import FullSubmissionValidator

    validator = FullSubmissionValidator()
    if not validator.validate(directory=folder):
        found = "; ".join(
            message.message.replace(f"{folder}/", "")
            for file in validator.get_messages()
            for message in validator.get_messages(file)
        )
        raise InputError(f"{path}: not written, as HEPData would refuse it: {found}")
