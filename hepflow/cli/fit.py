"""``hepflow fit``: the significance and the limit of any mass spectrum, pyhf workspace, or finished run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hepflow.cli import console, options
from hepflow.cli.figures import fit_figures, spectrum_behind, write_figures
from hepflow.cli.fit_text import hunt_text
from hepflow.cli.hunts import hunt, likelihood
from hepflow.cli.targets import refuse_options


@click.command(
    epilog=console.example(
        "hepflow fit mjj.csv --signal-region 3300 3700",
        "hepflow fit histograms.root:mjj --signal-region 3300 3700 --signal-mass 3500 --signal-width 120",
        "hepflow fit mjj.csv --signal-region 3300 3700 --background ua2 --fit-range all --figures figures",
        "hepflow fit workspace.json --json",
        "pyhf prune --channel control workspace.json | hepflow fit -",
    )
)
@click.argument("target", metavar="TARGET")
@options.regions
@options.resonance
@options.calculator
@options.toys
@click.option("--workspace-out", type=options.FILE, help="Write the pyhf workspace to this file.")
@click.option("--plot", "figure", type=options.FILE, help="Draw the spectrum into this file (.pdf or .png).")
@click.option(
    "--figures",
    type=options.FOLDER,
    help="Draw spectrum, F-test, pulls, impacts, correlations, likelihood scan, yields and goodness of fit there.",
)
@console.as_json
def fit(
    target: str,
    workspace_out: Path | None,
    figure: Path | None,
    figures: Path | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Fit a mass spectrum or a pyhf workspace.

    TARGET is a CSV file (low, high, count), a hist JSON file or a ROOT histogram; a pyhf workspace; "-" for JSON of
    one of them on standard input; or the folder of a finished run, whose results are shown (exit code 4 if they
    failed their checks).
    """
    if Path(target).is_dir():
        files = {"--workspace-out": workspace_out, "--plot": figure, "--figures": figures}
        refuse_options(f"{target} is a finished run, which `hepflow plot` draws", files)
        from hepflow.studies.known import study
        from hepflow.studies.search.text import text

        results = study("search").read(Path(target))
        if as_json:
            console.print_json(results.to_dict())
        else:
            console.echo(text(results))
        console.raise_failed([verdict.name for verdict in results.failed])
        return
    found = hunt(target, **chosen)
    if as_json:
        console.print_json(found.to_dict())
    else:
        console.echo(hunt_text(found))
    if workspace_out is not None:
        from hepflow.records import write_json

        write_json(workspace_out, found.workspace)
    if figure is not None:
        from hepflow import plots

        plots.spectrum(found).save(figure)
    if figures is not None:
        profile = likelihood(found, chosen["fit_range"])
        spectrum = spectrum_behind(target) if found.spectrum is None else found.spectrum
        toys, seed = chosen["toys"], chosen["seed"]
        write_figures(figures, fit_figures(found, profile, spectrum, toys=toys, seed=seed))
    console.raise_problems(found.problems)
