"""The version of hepflow, and those of the packages that its results depend on."""

from __future__ import annotations

__version__ = "0.1.0"
PACKAGES = ("numpy", "torch", "nflows", "scikit-learn", "pyhf", "uproot", "awkward", "hist")


def versions() -> dict[str, str]:
    """Return the versions of hepflow and of the packages that results depend on."""
    from importlib.metadata import version  # takes longer than all of `import hepflow`

    return {"hepflow": __version__, **{package: version(package) for package in PACKAGES}}
