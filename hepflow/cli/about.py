"""``hepflow env`` and ``hepflow --cite``."""

from __future__ import annotations

import os
import platform
from importlib import metadata

import click

from hepflow import __version__
from hepflow.cli import console

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

CITATION = """\
@software{hepflow,
  title   = {hepflow: resonant anomaly searches from files to a p-value},
  author  = {{The hepflow authors}},
  version = {VERSION},
  year    = {2026}
}

% CATHODE, the background template
@article{cathode,
  author  = {Hallin, Anna and Isaacson, Joshua and Kasieczka, Gregor and Krause, Claudius and Nachman,
             Benjamin and Quadfasel, Tobias and Schlaffer, Matthias and Shih, David and Sommerhalder, Manuel},
  title   = {Classifying anomalies through outer density estimation},
  eprint  = {2109.00546},
  archivePrefix = {arXiv}
}

% Neural spline flows, its density
@article{neural_spline_flows,
  author  = {Durkan, Conor and Bekasov, Artur and Murray, Iain and Papamakarios, George},
  title   = {Neural Spline Flows},
  eprint  = {1906.04032},
  archivePrefix = {arXiv}
}

% Boosted trees as the classifier
@article{boosted_trees,
  author  = {Finke, Thorben and Hein, Marie and Kasieczka, Gregor and Kr{\\"a}mer, Michael and M{\\"u}ck,
             Alexander and Prangchaikul, Parada and Quadfasel, Tobias and Shih, David and
             Sommerhalder, Manuel},
  title   = {Tree-based algorithms for weakly supervised anomaly detection},
  eprint  = {2309.13111},
  archivePrefix = {arXiv}
}

% pyhf, the statistical model
@article{pyhf_joss,
  author  = {Heinrich, Lukas and Feickert, Matthew and Stark, Giordon and Cranmer, Kyle},
  title   = {pyhf: pure-Python implementation of HistFactory statistical models},
  journal = {Journal of Open Source Software},
  volume  = {6},
  number  = {58},
  pages   = {2823},
  year    = {2021},
  doi     = {10.21105/joss.02823}
}"""


def show_citation(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    """Print the BibTeX entries and leave."""
    if wanted and not context.resilient_parsing:
        click.echo(CITATION.replace("VERSION", __version__))
        context.exit()


@click.command("env", epilog=console.example("hepflow env"))
@console.as_json
def environment(as_json: bool) -> None:
    """Show versions and machine, for a bug report."""
    values = {
        "hepflow": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": str(os.cpu_count()),
        **{name: _version(name) for name in PACKAGES},
    }
    if as_json:
        console.print_json(values)
    else:
        click.echo("\n".join(f"{name:<14}{value}" for name, value in values.items()))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
