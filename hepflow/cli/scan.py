"""``hepflow scan``: local and global significance of a resonance against its mass."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hepflow.cli import console, options
from hepflow.cli.figures import scan_figures, write_figures
from hepflow.cli.fit_text import bias_text, f_test_lines, scan_text
from hepflow.cli.scans import CrossSection, mass_scan
from hepflow.cli.targets import note_weights, read_bins
from hepflow.errors import FitError

if TYPE_CHECKING:
    from hepflow.smooth import SmoothFit
    from hepflow.stats import BiasTest, BumpHunterResult, MassScan, Scan
    from hepflow.stats.calculators import Calculator

Result = TypeVar("Result")


@click.command(
    epilog=console.example(
        "hepflow scan mjj.csv",
        "hepflow scan mjj.csv --masses 2500 5000 50 --width 0.04 --window 0.4 --limits --figures figures",
        "hepflow scan mjj.csv --signal 2000=s2000.csv --signal 4000=s4000.csv --bias --export results",
    )
)
@click.argument("spectrum", metavar="SPECTRUM")
@options.masses
@options.cross_section
@click.option(
    "--function",
    type=click.Choice(options.FUNCTIONS),
    default=options.FUNCTIONS[0],
    show_default=True,
    help="Smooth function of the background.",
)
@options.smoothness
@options.resonance
@options.calculator
@click.option(
    "--toys",
    type=int,
    default=1000,
    show_default=True,
    metavar="N",
    help="Spectra to throw for the global p-value; 0 for none.",
)
@click.option("--limits", is_flag=True, help="Set upper limits, too.")
@click.option(
    "--bias", is_flag=True, help="Test the function against others; the spurious signal enters the fits."
)
@click.option(
    "--bumphunter",
    is_flag=True,
    help="Run BumpHunter on the fit without signal, too; its toys are fitted like the data.",
)
@click.option("--figures", type=options.FOLDER, help="Draw p-values, fits, toys and limits there.")
@click.option(
    "--export",
    "folder",
    type=options.FOLDER,
    help="Write JSON records, a pyhf patchset (without --window) and HEPData tables there.",
)
@console.as_json
def scan(
    spectrum: str,
    calculator: Calculator,
    seed: int,
    level: float,
    toys: int,
    limits: bool,
    bias: bool,
    bumphunter: bool,
    luminosity: float | None,
    efficiency: str | None,
    theory: str | None,
    figures: Path | None,
    folder: Path | None,
    resonance: str | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Scan a mass spectrum for a resonance, mass by mass.

    SPECTRUM is a CSV file (low, high, count), a hist JSON file, a ROOT histogram, or "-" for hist JSON on standard
    input. Each mass is fitted with a smooth function and a signal together. Without --masses they are round numbers a
    width apart.
    """
    from hepflow.stats import bias_test, global_significance
    from hepflow.stats.toys import check_toys

    if toys:
        check_toys(toys)
    section = CrossSection(luminosity, efficiency, theory)
    bins, problems = read_bins(spectrum, resonance=resonance), []
    note_weights(bins)
    scanned = mass_scan(bins, **chosen)
    smooth = scanned.background()
    if not smooth.adequate:
        logging.getLogger("hepflow.cli").warning(
            "the %s function does not describe the spectrum (p = %.1g): unless the largest excess is why, narrow the "
            "spectrum, start above the trigger's turn-on, or take --window",
            smooth.function.name,
            smooth.p_value,
        )

    def attempt(what: str, wanted: bool, compute: Callable[[], Result]) -> Result | None:
        try:
            return compute() if wanted else None
        except FitError as error:
            problems.append(f"{what}: {error}")
            return None

    tested = attempt("bias test", bias, lambda: bias_test(scanned, seed=seed))
    problems += () if tested is None else tested.problems
    fitted = scanned if tested is None else mass_scan(bins, **chosen, spurious=tested.size)
    found = fitted.run(limits=limits, level=level, calculator=calculator, seed=seed)
    overall = attempt(
        "global p-value", toys > 0, lambda: global_significance(fitted, found, toys=toys, seed=seed)
    )
    bump = attempt("BumpHunter", bumphunter, lambda: _bumphunter(fitted, seed))
    found = replace(found, global_significance=overall, problems=(*found.problems, *problems))
    found = section.scaled(fitted, found)
    if as_json:
        console.print_json(_plain(found, smooth, tested, bump))
    else:
        console.echo(_text(found, smooth, tested, bump))
    if figures is not None:
        write_figures(figures, scan_figures(fitted, found, tested, bump, section))
    if folder is not None:
        _export(folder, fitted, {"scan": found, "bias": tested, "bumphunter": bump})
    console.raise_problems(found.problems)


def _bumphunter(scan: MassScan, seed: int) -> BumpHunterResult:
    from hepflow.stats import SmoothToys, bumphunter

    smooth = scan.background()
    expected = scan.expected(smooth)
    fits = SmoothToys(scan.edges, expected, smooth, max_shape=scan.max_shape, exposure=scan.exposure)
    return bumphunter(scan.edges, scan.counts, expected, refit=fits.expected, seed=seed)


def _text(found: Scan, smooth: SmoothFit, tested: BiasTest | None, bump: BumpHunterResult | None) -> str:
    lines = [scan_text(found), "", *f_test_lines(smooth)]
    if tested is not None:
        lines += ["", bias_text(tested)]
    if bump is not None:
        lines += ["", f"BumpHunter: {bump}"]
    return "\n".join(lines)


def _plain(
    found: Scan, smooth: SmoothFit, tested: BiasTest | None, bump: BumpHunterResult | None
) -> dict[str, Any]:
    from hepflow.export.records import record

    beside = {"bias": tested, "bumphunter": bump}
    function = {
        "function": smooth.function.name,
        "shape_parameters": smooth.n_shape,
        "tests": [vars(test) for test in smooth.tests],
    }
    return {
        **record(found),
        "smooth": function,
        **{name: record(result) for name, result in beside.items() if result is not None},
    }


def _export(folder: Path, scan: MassScan, results: dict[str, Any]) -> None:
    """Write the likelihood of each mass, a record of each result and, where they can be made, tables for HEPData."""
    from hepflow.export import scan_tables, signal_patches, write_record, write_submission

    folder.mkdir(parents=True, exist_ok=True)
    if scan.half_range is None:
        signal_patches(scan.workspaces()).write(folder)
    for name, result in results.items():
        if result is not None:
            write_record(folder / f"{name}.json", result)
    if util.find_spec("hepdata_lib") is None:
        logging.getLogger("hepflow.cli").warning(
            "no HEPData tables: they need hepdata-lib, pip install 'hepflow[hepdata]'"
        )
    else:
        write_submission(folder / "submission.tar.gz", scan_tables(results["scan"]))
    console.echo(f"records in {folder}", err=True)
