"""Formats: which columns of a file are the large-radius jets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hepflow.errors import ConfigError, did_you_mean

Branch = str | tuple[str, ...]
Layout = Mapping[str, Branch]

MOMENTUM = ("pt", "eta", "phi", "px", "py", "pz", "mass", "energy")
JET_FIELDS = ("pt", "eta", "phi", "mass", "tau1", "tau2", "tau3")


@dataclass(frozen=True)
class Schema:
    """A format: where files of it keep their jets.

    Parameters
    ----------
    about
        One line for people.
    containers
        The kinds of file it comes in, of ROOT, HDF5, Parquet, CSV and NumPy.
    layouts
        For each jet quantity (`MOMENTUM` and tau1-3) the jagged branch, or the flat columns of the first, the
        second jet ...; ``name[2]`` is the element 2 of each jet's array. The first layout that a file can
        serve is taken; none for files that hold no jets as such (``lhco-raw`` particles, ``hepflow``
        features).
    tree
        TTree or RNTuple in ROOT files, the first that is there; without one, the only one.
    unit
        GeV or MeV, of momenta and masses in the file.
    label
        Truth column, used where a file has it.
    """

    about: str
    containers: tuple[str, ...]
    layouts: tuple[Layout, ...] = ()
    tree: tuple[str, ...] = ()
    unit: str = "GeV"
    label: str | None = None


def _prefixed(prefix: str, **names: str) -> Layout:
    return {field: prefix + name for field, name in names.items()}


_PLAIN = {field: field for field in JET_FIELDS}
_FATJET = (_prefixed("FatJet_", **_PLAIN), _prefixed("FatJet.", **_PLAIN))

SCHEMAS: dict[str, Schema] = {
    "nanoaod": Schema("CMS NanoAOD, TTree or RNTuple: FatJet_*", ("ROOT",), _FATJET, tree=("Events",)),
    "physlite": Schema(
        "ATLAS PHYSLITE: AnalysisLargeRJetsAuxDyn.*, in MeV",
        ("ROOT",),
        (
            _prefixed(
                "AnalysisLargeRJetsAuxDyn.",
                **{"pt": "pt", "eta": "eta", "phi": "phi", "mass": "m"},
                **{f"tau{n}": f"Tau{n}_wta" for n in (1, 2, 3)},
            ),
        ),
        tree=("CollectionTree", "EventData"),
        unit="MeV",
    ),
    "delphes": Schema(
        "Delphes: FatJet.*",
        ("ROOT",),
        (
            _prefixed(
                "FatJet.",
                **{"pt": "PT", "eta": "Eta", "phi": "Phi", "mass": "Mass"},
                **{f"tau{n}": f"Tau[5][{n - 1}]" for n in (1, 2, 3)},
            ),
        ),
        tree=("Delphes",),
    ),
    "treemaker": Schema(
        "TreeMaker: JetsAK8 with energy, JetsAK8_NsubjettinessTau*",
        ("ROOT",),
        (
            _prefixed(
                "JetsAK8",
                **{name: f".fCoordinates.f{name.capitalize()}" for name in ("pt", "eta", "phi")},
                energy=".fCoordinates.fE",
                **{f"tau{n}": f"_NsubjettinessTau{n}" for n in (1, 2, 3)},
            ),
        ),
        tree=("PreSelection",),
    ),
    "lhco": Schema(
        "LHC Olympics features: pxj1 pyj1 pzj1 mj1 tau1j1 ..., label",
        ("HDF5", "Parquet"),
        (
            {
                **{f"p{axis}": (f"p{axis}j1", f"p{axis}j2") for axis in "xyz"},
                "mass": ("mj1", "mj2"),
                **{f"tau{n}": (f"tau{n}j1", f"tau{n}j2") for n in (1, 2, 3)},
            },
        ),
        label="label",
    ),
    "lhco-raw": Schema("LHC Olympics events: 700 x (pT, eta, phi), label", ("HDF5",), label="label"),
    "parquet": Schema("Parquet with list columns FatJet_* or a record column FatJet", ("Parquet",), _FATJET),
    "hepflow": Schema(
        "features written by hepflow", ("HDF5", "Parquet", "ROOT", "CSV"), tree=("sample",), label="label"
    ),
    "custom": Schema("columns named by `branches`", ("ROOT", "Parquet", "HDF5")),
    "table": Schema("one row an event: any columns of numbers", ("ROOT", "HDF5", "Parquet", "CSV", "NumPy")),
}
"""The formats that `hepflow.read` knows, by their names."""


def find_schema(name: str) -> Schema:
    """Return a registered format.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    if name not in SCHEMAS:
        raise ConfigError(f"unknown format {name!r}: {did_you_mean(name, SCHEMAS)}")
    return SCHEMAS[name]


def custom_layout(branches: Mapping[str, object]) -> Layout:
    """Check the `branches` of format ``custom`` and return them as a layout.

    Raises
    ------
    ConfigError
        If a quantity is unknown, or the four-momentum is incomplete.
    """
    known = (*MOMENTUM, *JET_FIELDS[4:])
    layout: dict[str, Branch] = {}
    for quantity, branch in branches.items():
        if quantity not in known:
            raise ConfigError(f"branches: unknown jet quantity {quantity!r}; {did_you_mean(quantity, known)}")
        several = (
            isinstance(branch, list | tuple) and len(branch) > 0 and all(isinstance(b, str) for b in branch)
        )
        if not isinstance(branch, str) and not several:
            raise ConfigError(
                f"branches: {quantity}: expected a branch, or a list of one flat column per jet; got "
                f"{branch!r}"
            )
        layout[quantity] = branch if isinstance(branch, str) else tuple(branch)  # type: ignore[arg-type]
    missing = missing_momentum(layout)
    if missing:
        raise ConfigError(
            f"branches: no {' and no '.join(missing)}; expected pt, eta, phi (or px, py, pz) and mass "
            f"(or energy)"
        )
    if len({1 if isinstance(branch, str) else len(branch) + 1 for branch in layout.values()}) > 1:
        raise ConfigError(
            "branches: give one jagged branch for every quantity, or equally long lists for all"
        )
    return layout


def missing_momentum(layout: Mapping[str, object]) -> list[str]:
    """Return the quantities without which these make no four-momentum."""
    cartesian = any(axis in layout for axis in ("px", "py", "pz")) and "pt" not in layout
    wanted = ("px", "py", "pz") if cartesian else ("pt", "eta", "phi")
    missing = [quantity for quantity in wanted if quantity not in layout]
    return missing if "mass" in layout or "energy" in layout else [*missing, "mass"]
