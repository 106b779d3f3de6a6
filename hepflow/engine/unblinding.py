"""Unblinding: who looked at data that a study hides, and when."""

from __future__ import annotations

import getpass
from dataclasses import dataclass

from hepflow.errors import ConfigError


@dataclass(frozen=True)
class Unblinding:
    """Who asked to see the blinded data, when (UTC, ISO 8601), and the hash of the configuration."""

    by: str
    at: str
    config_hash: str


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
