"""``hepflow compare``: several methods on the same data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hepflow.cli import console
from hepflow.cli.options import FOLDER
from hepflow.cli.tables import aligned, with_error

if TYPE_CHECKING:
    from hepflow.comparison import Comparison, Summary

TRUTH = "*"


def _one_more(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the list of methods as begun, its last name completed to each of those that are not in it yet."""
    from hepflow.workflow.config.methods import BY_NAME

    before, comma, begun = incomplete.rpartition(",")
    others = (name for name in BY_NAME if name not in before.split(","))
    return [f"{before}{comma}{name}" for name in others if name.startswith(begun)]


@click.command(
    epilog=console.example(
        "hepflow compare search.yaml --methods cathode,curtains,cwola,idealized",
        "hepflow compare search.yaml --seeds 5 --scan injection",
    )
)
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--out", type=FOLDER, help="Folder [default: runs/NAME-comparison].")
@click.option(
    "--methods",
    metavar="NAME,NAME",
    shell_complete=_one_more,
    help="Methods, in the place of `compare.methods` [default: all that the inputs allow].",
)
@click.option("--seeds", type=int, metavar="N", help="Repetitions, in the place of `compare.seeds`.")
@click.option(
    "--scan",
    type=click.Choice(["injection"]),
    help="Repeat at each number of events in `compare.injections`.",
)
@console.overrides
@console.skip_bad_files
@console.dry_run
@console.execution
@console.as_json
def compare(
    config: Path,
    out: Path | None,
    methods: str | None,
    seeds: int | None,
    scan: str | None,
    overrides: tuple[str, ...],
    skip_bad_files: bool,
    dry_run: bool,
    executor: tuple[str, ...],
    as_json: bool,
) -> None:
    """Compare methods on the same data, over seeds and injections.

    Significance improvement, closure, sculpting and excess of each, and of their combination. A seed is another draw
    of the injected signal, and another training. The folder keeps what is done: after an interrupt, the same command
    goes on from there.
    """
    from hepflow.workflow.config import load_config

    if methods is not None:
        overrides = (*overrides, f"compare.methods=[{methods}]")
    if seeds is not None:
        overrides = (*overrides, f"compare.seeds={seeds}")
    settings = load_config(config, (*overrides, *executor))
    settings = settings.skipping_bad_files() if skip_bad_files else settings
    out = out or Path("runs") / f"{settings.name}-comparison"
    if dry_run:
        from hepflow.workflow.comparison.compare import dry_run as plan_of

        console.print_plan(plan_of(settings, out, scan=scan is not None), out, as_json)
        return
    try:
        from hepflow.workflow.comparison.compare import compare as compare_methods

        comparison = compare_methods(settings, out, scan=scan is not None)
    except KeyboardInterrupt:
        raise console.InterruptError(
            f"interrupted; what is done stays in {out}, and the same command goes on from there"
        ) from None
    if as_json:
        console.print_json(comparison.to_dict())
    else:
        click.echo(table(comparison))
    click.echo(f"comparison.json, figures and report.html in {out}", err=True)


def table(comparison: Comparison) -> str:
    """Return a comparison as a table for each injection, a method a line: means and errors over seeds."""
    low, high = comparison.regions["signal"]
    lines = [f"{comparison.name}: signal region {low:g}-{high:g} GeV"]
    summaries = comparison.summary()
    for injected in comparison.injections:
        same = [one for one in summaries if one.injected == injected]
        seeds = max(one.seeds for one in same)
        lines += ["", f"{injected} signal events injected, {seeds} seed{'s' if seeds > 1 else ''}"]
        lines += aligned(_rows(same))
    if any(one.uses_truth for one in summaries):
        lines += [f"{TRUTH} looks at truth labels: a reference, not a search"]
    lines += [
        f"{one.title}, seed {one.seed}, {one.injected} injected: {problem}"
        for one in comparison.results
        for problem in one.problems
    ]
    return "\n".join(lines)


def _rows(summaries: list[Summary]) -> list[list[str]]:
    """Return the heading and one row a method."""
    from hepflow.comparison import columns

    shown = columns(summaries)
    rows = [["method", *(column.title for column in shown)]]
    for one in summaries:
        estimates = [column.of(one) for column in shown]
        cells = ["-" if found is None else with_error(found.value, found.error) for found in estimates]
        rows.append([one.title + (TRUTH if one.uses_truth else ""), *cells])
    return rows
