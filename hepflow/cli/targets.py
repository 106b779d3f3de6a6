"""What a command is pointed at: a spectrum or a pyhf workspace, in a file or on standard input."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from hepflow.errors import ConfigError, InputError

if TYPE_CHECKING:
    from hepflow.stats.spectra import Bins

STANDARD_INPUT = "-"
Target: TypeAlias = "dict[str, Any] | Bins"


def read_target(name: str) -> Target:
    """Return a pyhf workspace, or the edges and counts of a spectrum; ``-`` reads JSON of either from standard input.

    Raises
    ------
    InputError
        If there is neither.
    """
    from hepflow.stats.spectra import is_workspace, parse_json, read_spectrum

    if name == STANDARD_INPUT:
        return parse_json(sys.stdin.read(), "standard input")
    if is_workspace(name):
        return parse_json(Path(name).read_text(encoding="utf-8"), name)
    return read_spectrum(name)


def read_bins(name: str) -> Bins:
    """Return the edges and counts of a spectrum; ``-`` reads it from standard input.

    Raises
    ------
    InputError
        If there is none.
    """
    found = read_target(name)
    if isinstance(found, dict):
        raise InputError(
            f"{name} is a pyhf workspace; expected an m_jj spectrum (CSV, hist JSON or ROOT TH1)"
        )
    return found


def refuse_options(what: str, given: Mapping[str, object]) -> None:
    """Raise ConfigError if options (by how they are typed) were given that something has no use for."""
    useless = [name for name, value in given.items() if value]
    if useless:
        raise ConfigError(f"{what}; leave {', '.join(useless)} out")
