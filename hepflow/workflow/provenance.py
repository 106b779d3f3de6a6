"""Provenance: who saw the blinded data of a run, and when."""

from __future__ import annotations

import getpass
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hepflow.errors import ConfigError, InputError
from hepflow.results import Unblinding
from hepflow.storage import write_json

FILE, KEY = "provenance.json", "unblinded"


def unblindings(folder: Path) -> tuple[Unblinding, ...]:
    """Return when the data of a run folder were unblinded, oldest first.

    Raises
    ------
    InputError
        If its ``provenance.json`` is there and cannot be read: it must not be written over.
    """
    return _read(folder)[1]


def record_unblinding(folder: Path, by: str, config_hash: str) -> None:
    """Append to ``provenance.json`` that the data of a run folder are looked at now.

    Parameters
    ----------
    folder
        The run folder.
    by
        Who asks.
    config_hash
        Of the configuration, as `Results.config_hash`.

    Raises
    ------
    InputError
        As for `unblindings`.
    """
    entry = Unblinding(by, datetime.now(UTC).isoformat(timespec="seconds"), config_hash)
    content, before = _read(folder)
    write_json(folder / FILE, {**content, KEY: [asdict(one) for one in (*before, entry)]})


def is_blinded(folder: Path) -> bool:
    """Return whether the last results in a run folder are blinded."""
    try:
        content = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        return any(cut["blind"] for cut in content["cuts"])
    except (OSError, ValueError, KeyError, TypeError):  # no run has got as far as showing anything
        return False


def user_name() -> str:
    """Return the name of the user.

    Raises
    ------
    ConfigError
        If there is none.
    """
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # as in a container without /etc/passwd
        raise ConfigError("the user has no name here; say who unblinds: --unblind-by NAME") from None


def _read(folder: Path) -> tuple[dict[str, Any], tuple[Unblinding, ...]]:
    """Return everything in the file, and the unblindings among it."""
    path = folder / FILE
    if not path.exists():
        return {}, ()
    try:
        content = dict(json.loads(path.read_text(encoding="utf-8")))
        return content, tuple(Unblinding(**entry) for entry in content.get(KEY, ()))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{path} cannot be read ({error}): it says who unblinded this run, and is not written over. Mend it, or "
            "choose another --out"
        ) from None
