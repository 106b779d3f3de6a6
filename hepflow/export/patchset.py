"""Signals of several masses as one background-only workspace and a pyhf patchset, as likelihoods are published.

Applying the patch of a mass to the background-only workspace gives back the workspace of that mass.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyhf

from hepflow.errors import ConfigError, InputError
from hepflow.records import write_json
from hepflow.stats import open_workspace

Workspace = dict[str, Any]
PLACEHOLDER = "ins0000000"  # pyhf's schema wants a record of HEPData, which exists only after publication


@dataclass(frozen=True, eq=False)
class SignalPatches:
    """A background-only workspace and one patch for each mass.

    Parameters
    ----------
    background_only
        pyhf workspace without signal samples.
    patchset
        pyhf patchset (schema 1.0.0) with label "mass", in GeV.
    """

    background_only: Workspace
    patchset: dict[str, Any]

    def write(self, folder: str | Path) -> tuple[Path, Path]:
        """Write ``background_only.json`` and ``patchset.json`` to a folder, made if need be; return their paths.

        Raises
        ------
        InputError
            If the folder cannot be written to.
        """
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"{folder}: cannot be made a folder for the patchset ({error.strerror})"
            ) from None
        paths = folder / "background_only.json", folder / "patchset.json"
        for path, content in zip(paths, (self.background_only, self.patchset), strict=True):
            write_json(path, content)
        return paths


def signal_patches(
    points: Sequence[tuple[float, Mapping[str, Any]]],
    *,
    description: str = "resonance, one patch for each mass in GeV",
    hepdata: str = PLACEHOLDER,
) -> SignalPatches:
    """Split workspaces into what they share and a patch for each mass.

    Parameters
    ----------
    points
        Mass in GeV and pyhf workspace of each signal; `hepflow.stats.workspace` on one spectrum. Samples that the
        parameter of interest scales are the signal; that parameter may be set otherwise at each mass, and all else
        has to be the same.
    description
        What the patchset is, for its readers.
    hepdata
        INSPIRE number of the HEPData record, such as "ins1234567"; known once the record is made.

    Raises
    ------
    ConfigError
        If there is no point, a mass appears twice or is not a number above zero, or `hepdata` is no such number.
    InputError
        If pyhf refuses a workspace, one has no signal, or the backgrounds differ.
    """
    if not points:
        raise ConfigError("a patchset needs at least one mass and its workspace; got none")
    if not re.fullmatch(r"ins\d{7}", hepdata):
        raise ConfigError(f'hepdata {hepdata!r}: expected "ins" and seven digits, such as "ins1234567"')
    masses = [float(mass) for mass, _ in points]
    for mass in masses:
        if not 0 < mass < float("inf") or masses.count(mass) > 1:
            raise ConfigError(f"mass {mass:g} GeV: expected a finite number above zero that appears once")
    split = [_split(mass, spec) for mass, spec in points]
    background = split[0][0]
    for mass, (other, _) in zip(masses, split, strict=True):
        if other != background:
            raise InputError(
                f"the workspaces of {masses[0]:g} and {mass:g} GeV differ in {_difference(background, other)}, "
                "not in their signal alone: make all of them from one spectrum, or publish each workspace"
            )
    return SignalPatches(
        background,
        {
            "metadata": {
                "name": "signals",
                "description": description,
                "references": {"hepdata": hepdata},
                "digests": {"sha256": pyhf.utils.digest(background)},
                "labels": ["mass"],
            },
            "patches": [
                {"metadata": {"name": _patch_name(mass), "values": [mass]}, "patch": patch}
                for mass, (_, patch) in zip(masses, split, strict=True)
            ],
            "version": "1.0.0",
        },
    )


def _patch_name(mass: float) -> str:
    return f"mass_{mass:.12g}".replace(".", "p").replace("+", "")  # pyhf takes letters, digits and _


def _split(mass: float, spec: Mapping[str, Any]) -> tuple[Workspace, list[dict[str, Any]]]:
    """Return a workspace without what belongs to the signal, and the operations that put it back in place."""
    open_workspace(spec)
    background: Workspace = json.loads(json.dumps(spec))
    patch: list[dict[str, Any]] = []
    poi = background["measurements"][0]["config"]["poi"]
    for index, channel in enumerate(background["channels"]):
        where = f"/channels/{index}/samples"
        patch += _take(channel["samples"], where, lambda one: any(e["name"] == poi for e in one["modifiers"]))
    if not patch:
        raise InputError(
            f"the workspace of {mass:g} GeV names no parameter of interest that scales a sample; it holds no signal"
        )
    for index, measurement in enumerate(background["measurements"]):
        where = f"/measurements/{index}/config/parameters"
        patch += _take(measurement["config"]["parameters"], where, lambda one: one["name"] == poi)
    return background, patch


def _take(entries: list[Any], where: str, of_signal: Callable[[Any], bool]) -> list[dict[str, Any]]:
    """Remove what is of the signal from a list, and return the operations that put it back in its place."""
    taken = [
        {"op": "add", "path": f"{where}/{index}", "value": entry}
        for index, entry in enumerate(entries)
        if of_signal(entry)
    ]
    entries[:] = [entry for entry in entries if not of_signal(entry)]
    return taken


def _difference(one: Workspace, other: Workspace) -> str:
    """Name the part of two workspaces that is not the same in both."""
    for part in ("channels", "observations", "measurements"):
        if [entry["name"] for entry in one[part]] != [entry["name"] for entry in other[part]]:
            return f"the names of their {part}"
        for here, there in zip(one[part], other[part], strict=True):
            if here != there:
                return f"{part.removesuffix('s')} {here['name']!r}"
    return "their version"
