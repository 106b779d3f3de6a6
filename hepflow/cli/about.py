"""``hepflow env`` and ``hepflow --cite``."""

from __future__ import annotations

import os
import platform

import click

from hepflow.arithmetic import arithmetic
from hepflow.catalogue import citation
from hepflow.cli import console
from hepflow.version import __version__

PACKAGES = (
    "numpy",
    "scipy",
    "awkward",
    "uproot",
    "h5py",
    "pyarrow",
    "fsspec",
    "hist",
    "matplotlib",
    "mplhep",
    "pyhf",
    "iminuit",
    "torch",
    "nflows",
    "scikit-learn",
    "pydantic",
    "fastjet",
    "pythia8mc",
)


def show_citation(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    """Print the BibTeX entries and leave."""
    if wanted and not context.resilient_parsing:
        console.echo(citation(__version__))
        context.exit()


@click.command("env", epilog=console.example("hepflow env"))
@console.as_json
def environment(as_json: bool) -> None:
    """Show versions and machine, for a bug report.

    The last bits of results depend on vector instructions and threads.
    """
    from hepflow.flows import native

    spline = "portable (no C compiler, or HEPFLOW_NATIVE=0)" if native.library() is None else "compiled"
    values = {
        "hepflow": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": str(os.cpu_count()),
        **arithmetic(),
        "spline": spline,
        **{name: _version(name) for name in PACKAGES},
    }
    if as_json:
        console.print_json(values)
    else:
        console.echo("\n".join(f"{name:<22}{value}" for name, value in values.items()))


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
