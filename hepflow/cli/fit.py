"""``hepflow fit``: the significance and the limit of any m_jj spectrum, pyhf workspace, or finished run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hepflow.cli import console
from hepflow.cli.run import results_file
from hepflow.cli.summary import summary
from hepflow.errors import ConfigError

if TYPE_CHECKING:
    from hepflow.stats.bump_hunt import BumpHunt

Window = tuple[float, float]
FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(
    epilog=console.example(
        "hepflow fit mjj.csv --signal-region 3300 3700",
        "hepflow fit histograms.root:mjj --signal-region 3300 3700 --signal-mass 3500 --signal-width 120",
        "hepflow fit workspace.json --json",
    )
)
@click.argument("spectrum", metavar="SPECTRUM")
@click.option(
    "--signal-region",
    type=float,
    nargs=2,
    metavar="LOW HIGH",
    help="Signal region of a spectrum, GeV.",
)
@click.option(
    "--sideband",
    "sidebands",
    type=float,
    nargs=2,
    metavar="LOW HIGH",
    multiple=True,
    help="A sideband, GeV, as often as wanted [default: all outside the signal region].",
)
@click.option(
    "--background",
    type=click.Choice(["dijet", "template"]),
    default="dijet",
    show_default=True,
    help="A dijet function fitted to the sidebands, or the shape in --template.",
)
@click.option("--template", metavar="SPECTRUM", help="Expected background events in the same bins.")
@click.option("--signal-mass", type=float, metavar="GEV", help="Mean of a Gaussian signal [default: count].")
@click.option("--signal-width", type=float, metavar="GEV", help="Standard deviation of that signal.")
@click.option(
    "--sqrt-s",
    type=float,
    default=13_000.0,
    show_default=True,
    metavar="GEV",
    help="Collision energy, the scale of the dijet function.",
)
@click.option("--workspace-out", type=FILE, help="Write the pyhf workspace to this file.")
@click.option("--plot", "figure", type=FILE, help="Draw the fit into this file (.pdf or .png).")
@console.as_json
def fit(
    spectrum: str,
    signal_region: Window | None,
    sidebands: tuple[Window, ...],
    background: str,
    template: str | None,
    signal_mass: float | None,
    signal_width: float | None,
    sqrt_s: float,
    workspace_out: Path | None,
    figure: Path | None,
    as_json: bool,
) -> None:
    """Fit an m_jj spectrum or a pyhf workspace.

    SPECTRUM is a CSV file (low, high, count), a hist JSON file or a ROOT histogram; a pyhf workspace; or the
    folder of a finished run, whose results are shown.
    """
    if Path(spectrum).is_dir():
        text = results_file(Path(spectrum)).read_text(encoding="utf-8")
        click.echo(text.rstrip("\n") if as_json else summary(json.loads(text)))
        return
    if (background == "template") != (template is not None):
        raise click.UsageError("--background template and --template SPECTRUM belong together")
    from hepflow.stats import hunt_workspace, is_workspace

    if is_workspace(spectrum):
        if signal_region or sidebands or template or signal_mass or signal_width:
            raise ConfigError(
                f"{spectrum} is a pyhf workspace, which holds its own regions, background and signal; leave "
                "those options out"
            )
        hunt = hunt_workspace(json.loads(Path(spectrum).read_text(encoding="utf-8")))
    else:
        hunt = _hunt(spectrum, signal_region, sidebands, template, signal_mass, signal_width, sqrt_s)

    if workspace_out is not None:
        from hepflow.storage import write_json

        write_json(workspace_out, hunt.workspace)
    if figure is not None:
        from hepflow import plots

        plots.spectrum(hunt).save(figure)
    if as_json:
        console.print_json(hunt.to_dict())
    else:
        click.echo(str(hunt))


def _hunt(
    path: str,
    signal_region: Window | None,
    sidebands: tuple[Window, ...],
    template: str | None,
    signal_mass: float | None,
    signal_width: float | None,
    sqrt_s: float,
) -> BumpHunt:
    """Fit a spectrum, on a dijet function or on a template in the same bins."""
    from hepflow.regions import Windows
    from hepflow.stats import hunt_spectrum, read_spectrum

    edges, counts = read_spectrum(path)
    if signal_region is None:
        raise ConfigError(
            f"{path} holds a spectrum from {edges[0]:g} to {edges[-1]:g} GeV; give --signal-region LOW HIGH "
            "inside it"
        )
    bands = sidebands or ((edges[0], signal_region[0]), (signal_region[1], edges[-1]))
    windows = Windows(signal_region, bands)
    if template is None:
        return hunt_spectrum(
            edges, counts, windows, signal_mass=signal_mass, signal_width=signal_width, sqrt_s=sqrt_s
        )
    same, expected = read_spectrum(template)
    if len(same) != len(edges) or abs(same - edges).max() > 1e-6 * edges[-1]:
        raise ConfigError(f"{template} and {path} have different bins; give the template in the spectrum's")
    return hunt_spectrum(edges, counts, windows, expected, signal_mass=signal_mass, signal_width=signal_width)
