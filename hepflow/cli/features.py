"""``hepflow features``: files to a Sample."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hepflow.cli import console
from hepflow.errors import ConfigError

if TYPE_CHECKING:
    from hepflow.quantity import Quantity

FEATURES = "m_J1,dm_J,tau21_J1,tau21_J2"


@click.command(
    epilog=console.example(
        'hepflow features "mc/*.root" --format nanoaod -o mc.h5',
        "hepflow features ntuple.root --format custom --branch pt=jet_pt --branch eta=jet_eta \\",
        "    --branch phi=jet_phi --branch mass=jet_m --unit MeV --features m_J1,dm_J -o ntuple.parquet",
        "hepflow features dimuons.csv --format table --resonance m_mumu \\",
        "    --features 'iso1,dphi=abs(deltaphi(phi1, phi2))' -o dimuons.h5",
    )
)
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option(
    "--format",
    "format_",
    metavar="FORMAT",
    required=True,
    help="Layout: lhco, lhco-raw, nanoaod, physlite, delphes, treemaker, parquet, hepflow, custom or table.",
)
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write: .h5, .parquet, .root, .csv or .tsv.",
)
@click.option(
    "--features",
    "names",
    metavar="NAME,...",
    default=FEATURES,
    show_default=True,
    help="Features to compute; NAME=EXPRESSION of columns of the files.",
)
@click.option(
    "--resonance",
    metavar="COLUMN",
    help="The variable that is searched, in the place of the dijet mass; NAME=EXPRESSION, too. --unit is its unit.",
)
@click.option("--tree", metavar="NAME", help="TTree or RNTuple to read.")
@click.option(
    "--branch",
    "branches",
    metavar="QUANTITY=COLUMN",
    multiple=True,
    help="Column of a jet quantity, or one per jet: pt=FatJet_pt, pt=pt1,pt2.",
)
@click.option("--unit", type=click.Choice(["GeV", "MeV"]), help="Unit of momenta and masses in the files.")
@click.option("--weight", metavar="COLUMN", help="Event weights.")
@click.option("--label-branch", metavar="COLUMN", help="Truth, 1 for signal.")
@click.option("--label", type=click.IntRange(0, 1), help="Keep only events of this truth.")
@click.option("--selection", metavar="EXPRESSION", help="Keep only events that fulfil this.")
@console.skip_bad_files
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@console.as_json
def features(
    inputs: tuple[str, ...],
    format_: str,
    out: Path,
    names: str,
    resonance: str | None,
    unit: str | None,
    branches: tuple[str, ...],
    force: bool,
    as_json: bool,
    **reading: Any,
) -> None:
    """Compute the features of the events in files.

    INPUT is a file, a glob or a URL. Prints what became of every event; damaged files are all named at once.
    """
    if out.exists() and not force:
        raise ConfigError(f"{out} is there already; name another file, or replace it with --force")
    columns = _columns(branches)

    from hepflow.features import features as compute
    from hepflow.readers.reading import read
    from hepflow.storage import save_sample

    own = format_ == "table"  # whose columns are taken as they are
    source = read(
        inputs[0] if len(inputs) == 1 else list(inputs),
        format_,
        branches=columns,
        unit=None if own else unit,
        **reading,
    )
    searched = None if resonance is None else _asked(resonance, unit if own else "GeV")
    sample = compute(source, [_asked(name) for name in _listed(names)], resonance=searched)
    save_sample(sample, out)
    if as_json:
        skipped = [asdict(file) for file in sample.skipped]
        cutflow = [list(entry) for entry in sample.cutflow]
        console.print_json({"out": str(out), "events": len(sample), "cutflow": cutflow, "skipped": skipped})
        return
    width = max(len(cause) for cause, _ in sample.cutflow)
    console.echo("\n".join(f"{cause:<{width}}  {events:>12,}" for cause, events in sample.cutflow))
    console.echo(f"wrote {out}", err=True)


def _listed(text: str) -> list[str]:
    """Return what stands between the commas that are in no brackets."""
    found, depth = [""], 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    return [one.strip() for one in found]


def _asked(text: str, unit: str | None = "") -> str | Quantity:
    """Return a name, or the quantity that ``NAME=EXPRESSION`` stands for; of a resonant variable with its unit."""
    from hepflow.quantity import Quantity

    computed = re.fullmatch(r"\s*(\w+)\s*=(?!=)\s*(.+)", text, re.DOTALL)
    if computed:
        return Quantity(computed[1], unit=unit or "", expression=computed[2])
    return Quantity(text, unit=unit) if unit else text


def _columns(branches: tuple[str, ...]) -> dict[str, str | list[str]] | None:
    """Return ``quantity=column`` texts as a mapping; several columns, one per jet, stand behind commas."""
    columns: dict[str, str | list[str]] = {}
    for text in branches:
        quantity, _, column = text.partition("=")
        if not column:
            raise ConfigError(f"--branch {text}: expected QUANTITY=COLUMN, such as pt=FatJet_pt")
        columns[quantity] = column.split(",") if "," in column else column
    return columns or None
