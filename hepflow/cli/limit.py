"""``hepflow limit``: CLs upper limits of a spectrum, a workspace or the cuts of a run, or against the mass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import isnan, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from hepflow.cli import console, options
from hepflow.cli.fit_text import cross_sections_text, limit_text, limits_text, scan_text
from hepflow.cli.hunts import hunt, likelihood
from hepflow.cli.scans import CrossSection, mass_scan
from hepflow.cli.studies import carry_out
from hepflow.cli.targets import note_weights, read_bins, refuse_options
from hepflow.errors import ConfigError, FitError, InputError

if TYPE_CHECKING:
    from hepflow.stats import BumpHunt, CLsScan, Profile

Three = tuple[float, float, float]
RETRAINING = (
    "target",
    "retrain",
    "out",
    "overrides",
    "dry_run",
    "executor",
    "workers",
    "scheduler",
    "as_json",
)


@click.command(
    epilog=console.example(
        "hepflow limit workspace.json --mu 0 3 0.1 --plot cls.pdf",
        "hepflow limit runs/search",
        "hepflow limit mjj.csv --signal-region 3300 3700 --signal-mass 3500 --signal-width 105 --calculator toys",
        "hepflow limit mjj.csv --masses 2500 5000 100 --plot limits.pdf",
        "hepflow limit search.yaml --retrain",
    )
)
@click.argument("target", metavar="TARGET")
@click.option(
    "--mu",
    type=float,
    nargs=3,
    metavar="LOW HIGH STEP",
    help="Signal strengths at which to print and draw CLs.",
)
@options.masses
@options.cross_section
@options.regions
@options.calculator
@options.toys
@click.option(
    "--plot", "figure", type=options.FILE, help="Draw CLs against mu, or with --masses limits against mass."
)
@click.option(
    "--retrain",
    is_flag=True,
    help="TARGET is a configuration: train again with more and more signal, for the efficiency each cut then has.",
)
@click.option("--out", type=options.FOLDER, help="With --retrain: folder [default: runs/NAME-limits].")
@console.overrides
@console.dry_run
@console.execution
@console.as_json
def limit(
    target: str,
    mu: Three | None,
    masses: Three | None,
    width: float,
    signals: tuple[str, ...],
    window: float | None,
    luminosity: float | None,
    efficiency: str | None,
    theory: str | None,
    figure: Path | None,
    retrain: bool,
    out: Path | None,
    overrides: tuple[str, ...],
    dry_run: bool,
    executor: tuple[str, ...],
    as_json: bool,
    **chosen: Any,
) -> None:
    """Set CLs upper limits on the strength of a signal.

    TARGET is a spectrum with --signal-region, or with --masses to set limits against mass; a pyhf workspace; "-" for
    JSON of one of them on standard input; the folder of a finished run, for the limits behind every cut; or with
    --retrain a configuration, for limits that know how the efficiency of a cut depends on the signal in the data.
    """
    if retrain:
        refuse_options("--retrain takes its settings from the configuration", _beside(RETRAINING))
        from hepflow.config import load_search

        settings = load_search(Path(target), (*overrides, *executor), command="hepflow limit --retrain")
        carry_out("limits", settings, out, as_json, dry_run=dry_run)
        return
    retraining = {"--out": out, "--set": overrides, "--dry-run": dry_run}
    refuse_options("these belong to --retrain", retraining | {"--executor, --workers, --scheduler": executor})
    if masses is not None:
        refuse_options("limits against mass fit all bins", _of_one_region(chosen) | {"--mu": mu})
        scanned = {"masses": masses, "width": width, "signals": signals, "window": window}
        section = CrossSection(luminosity, efficiency, theory)
        _against_mass(target, scanned, chosen, section, figure, as_json)
        return
    along: dict[str, object] = {"--signal": signals, "--window": window, "--luminosity": luminosity}
    along |= {"--efficiency": efficiency, "--theory": theory}
    refuse_options("without --masses there is one signal", along)
    if Path(target).is_dir():
        given = {"--mu": mu, "--plot": figure}
        refuse_options(f"{target} is a finished run, and `hepflow plot` draws its limits", given)
        _of_run(Path(target), chosen, as_json)
        return
    found, profile = _hunt(target, chosen)
    scan, reason = _limits(found, profile, chosen, mu, along_mu=mu is not None or figure is not None)
    if as_json:
        console.print_json(_plain(scan, reason, found.signal_unit))
    else:
        console.echo(limit_text(scan, reason, found.signal_unit, along_mu=mu is not None))
    if figure is not None:
        from hepflow import plots

        plots.cls_scan(scan).save(figure)
    console.raise_problems(scan.limit.problems)


def _hunt(target: str, chosen: Mapping[str, Any]) -> tuple[BumpHunt, Profile]:
    """Return the asymptotic bump hunt in a target, which says how many events are expected, and its likelihood."""
    found = hunt(target, **{**chosen, "calculator": "asymptotic", "toys": None})
    return found, likelihood(found, chosen["fit_range"])


def _limits(
    found: BumpHunt,
    profile: Profile,
    chosen: Mapping[str, Any],
    mu: Three | None = None,
    *,
    along_mu: bool = False,
) -> tuple[CLsScan, str]:
    """Return the limits with CLs along the signal strength, where that is wanted or toys give it, and the reason."""
    import numpy as np

    from hepflow.stats import CLsScan, cls_scan, upper_limit, upper_limit_toys
    from hepflow.stats.calculators import choose

    calculator, reason = choose(chosen["calculator"], profile)
    level, toys = chosen["level"], chosen["toys"]
    if calculator == "toys" and mu is not None:
        raise ConfigError(
            f"toys ({reason}) are thrown at signal strengths around the limits; leave --mu out, or take "
            "--calculator asymptotic"
        )
    if calculator == "toys":
        number = {} if toys is None else {"toys": toys}
        scan = upper_limit_toys(profile, level=level, seed=chosen["seed"], **number)
    elif along_mu:
        scan = cls_scan(profile, mu=None if mu is None else options.grid("--mu", mu), level=level)
    else:
        scan = CLsScan(np.zeros(0), np.zeros((0, 6)), upper_limit(profile, level=level))
    return (_blinded(scan), f"{reason}, blinded") if found.blind else (scan, reason)


def _blinded(scan: CLsScan) -> CLsScan:
    """Return CLs without what is observed, which in a blinded workspace are Asimov data."""
    values, errors, limit = scan.values.copy(), scan.limit.errors, scan.limit
    values[:, 0] = nan
    errors = None if errors is None else (nan, *errors[1:])
    return replace(scan, values=values, limit=replace(limit, observed=nan, errors=errors))


def _of_run(folder: Path, chosen: Mapping[str, Any], as_json: bool) -> None:
    files = sorted((folder / "workspaces").glob("*.json"))
    if not files:
        raise InputError(
            f"{folder}: no workspaces/*.json there; expected the folder of a finished `hepflow run`"
        )
    results, strength_one = None, {}
    if (folder / "results.json").exists():
        from hepflow.studies.known import study

        results = study("search").read(folder)
        strength_one = {cut.name: cut.femtobarn for cut in (results.inclusive, *results.cuts)}
    limits, problems = [], []
    for file in files:
        try:
            found, profile = _hunt(str(file), chosen)
            scan, reason = _limits(found, profile, chosen)
        except FitError as error:
            problems.append(f"{file.stem}: {error}")
            continue
        limits.append((found.n_exp, file.stem, scan, reason, found.signal_unit))
        problems += [f"{file.stem}: {problem}" for problem in scan.limit.problems]
    limits.sort(key=lambda one: -one[0])  # from the loosest cut to the tightest
    if as_json:
        console.print_json(
            {
                name: {**_plain(scan, reason, unit), **_in_femtobarn(scan, strength_one.get(name))}
                for _, name, scan, reason, unit in limits
            }
        )
    else:
        console.echo(limits_text([one[1:] for one in limits]))
        if results is not None and results.cross_section is not None:
            rows = [(name, scan.limit, strength_one.get(name)) for _, name, scan, *_ in limits]
            console.echo("\n" + cross_sections_text(rows, results.cross_section))
    console.raise_problems(problems)
    if results is not None:
        console.raise_failed([verdict.name for verdict in results.failed])


def _in_femtobarn(scan: CLsScan, strength_one: float | None) -> dict[str, Any]:
    """Return limits as cross-sections; nothing where it is not known what strength one stands for."""
    if strength_one is None:
        return {}
    observed, expected = scan.limit.observed, scan.limit.expected
    return {
        "cross_section_obs": None if isnan(observed) else observed * strength_one,
        "cross_section_exp": [None if isnan(one) else one * strength_one for one in expected],
    }


def _against_mass(
    target: str,
    scanned: Mapping[str, Any],
    chosen: Mapping[str, Any],
    section: CrossSection,
    figure: Path | None,
    as_json: bool,
) -> None:
    from hepflow.export.records import record

    smooth = {"function": chosen["background"], "sqrt_s": chosen["sqrt_s"], "max_shape": chosen["max_shape"]}
    bins = read_bins(target)
    note_weights(bins)
    scan = mass_scan(bins, **scanned, **smooth)
    found = scan.run(**{name: chosen[name] for name in ("calculator", "toys", "seed", "level")})
    found = section.scaled(scan, found)
    if as_json:
        console.print_json(record(found))
    else:
        console.echo(scan_text(found))
    if figure is not None:
        from hepflow import plots

        plots.brazil(found, theory=section.curve()).save(figure)
    console.raise_problems(found.problems)


def _beside(known: tuple[str, ...]) -> dict[str, object]:
    """Return which options, but for those known, were given on the command line."""
    context = click.get_current_context()
    return {
        one.opts[0]: context.get_parameter_source(one.name or "") is ParameterSource.COMMANDLINE
        for one in context.command.params
        if one.name not in known
    }


def _of_one_region(chosen: Mapping[str, Any]) -> dict[str, object]:
    return {
        "--signal-region": chosen["signal_region"],
        "--sideband": chosen["sidebands"],
        "--background template": chosen["background"] == "template",
        "--template": chosen["template"],
        "--fit-range": chosen["fit_range"] == "all",
        "--signal-mass": chosen["signal_mass"],
        "--signal-width": chosen["signal_width"],
    }


def _plain(found: CLsScan, reason: str, unit: str) -> dict[str, Any]:
    from hepflow.export.records import record

    return {**record(found), "calculator_reason": reason, "signal_unit": unit}
