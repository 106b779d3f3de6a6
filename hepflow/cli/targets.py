"""What a command is pointed at: a spectrum or a pyhf workspace, in a file or on standard input."""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from hepflow.errors import ConfigError, InputError
from hepflow.regular import read_stream

if TYPE_CHECKING:
    from hepflow.stats.bins import Bins

STANDARD_INPUT = "-"
Target: TypeAlias = "dict[str, Any] | Bins"


def read_target(name: str, *, errors: bool = False) -> Target:
    """Return a pyhf workspace, or the bins of a spectrum; ``-`` reads JSON of either from standard input.

    Raises
    ------
    InputError
        If there is neither.
    """
    from hepflow.stats.encoding import decoded, read_text
    from hepflow.stats.spectra import is_workspace, parse_json, read_spectrum

    if name == STANDARD_INPUT:
        stream = getattr(sys.stdin, "buffer", None) or io.BytesIO(sys.stdin.read().encode())
        raw = read_stream(stream, "standard input")
        return parse_json(decoded(raw, "standard input"), "standard input")
    if is_workspace(name):
        return parse_json(read_text(name), name)
    return read_spectrum(name, errors=errors)


def read_bins(name: str, *, errors: bool = False, resonance: str | None = None) -> Bins:
    """Return the bins of a spectrum, with `errors` also those of a CSV file; ``-`` reads it from standard input.

    Its mass is called as `resonance` says, or else as the file does.

    Raises
    ------
    InputError
        If there is none.
    ConfigError
        If `resonance` is no name, or has another unit than GeV.
    """
    found = read_target(name, errors=errors)
    if isinstance(found, dict):
        raise InputError(f"{name} is a pyhf workspace; expected a mass spectrum (CSV, hist JSON or ROOT TH1)")
    return named(found, resonance)


def named(bins: Bins, resonance: str | None) -> Bins:
    """Return bins whose mass is called as an option says, if it was given.

    Raises
    ------
    ConfigError
        If it is no name, or has another unit than GeV.
    """
    from hepflow.quantity import of_axis

    if resonance is None:
        return bins
    wanted = of_axis("", resonance)
    if wanted.unit != "GeV" or not re.search(r"\w", resonance):
        raise ConfigError(
            f"--resonance {resonance!r}: expected a name or a label, such as m_mumu; masses are in GeV"
        )
    return bins.called(wanted)


def note_weights(bins: Bins) -> None:
    """Say of a weighted spectrum that its effective events are tested."""
    if bins.exposure is not None or abs(bins.weight - 1.0) > 1e-6:
        logging.getLogger("hepflow.cli").warning(
            "%s is weighted: numbers of events and signal strengths count its effective events, (sum w)^2 / sum w^2, "
            "of mean weight %.4g",
            bins.where,
            bins.weight,
        )


def refuse_options(what: str, given: Mapping[str, object]) -> None:
    """Raise ConfigError if options (by how they are typed) were given that something has no use for."""
    useless = [name for name, value in given.items() if value]
    if useless:
        raise ConfigError(f"{what}; leave {', '.join(useless)} out")
