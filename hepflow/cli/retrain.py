"""``hepflow limit CONFIG --retrain``: limits for which the analysis is trained again, as text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hepflow.cli import console
from hepflow.cli.tables import aligned, band, number, with_error

if TYPE_CHECKING:
    from hepflow.searches import CutLimits, RetrainedLimits
    from hepflow.workflow.config import Config


def retrain(
    path: Path, out: Path | None, settings: tuple[str, ...], as_json: bool, *, dry_run: bool = False
) -> None:
    """Set limits with a configuration, and print them.

    Parameters
    ----------
    path
        The configuration.
    out
        Folder; None for ``runs/NAME-limits``.
    settings
        Values that replace those of the configuration, ``key=value``.
    as_json
        Print JSON in place of the table.
    dry_run
        Print which steps would be made, and why; make none.

    Raises
    ------
    FitError
        Once the others are printed, if some limits could not be set.
    """
    from hepflow.workflow.config import load_config

    config = load_config(path, settings)
    out = out or Path("runs") / f"{config.name}-limits"
    if dry_run:
        _show_plan(config, out, as_json)
        return
    try:
        from hepflow.workflow.many.retrain import retrained_limits

        found = retrained_limits(config, out)
    except KeyboardInterrupt:
        raise console.InterruptError(
            f"interrupted; what is done stays in {out}, and the same command goes on from there"
        ) from None
    if as_json:
        console.print_json(found.to_dict())
    else:
        click.echo(retrained_text(found))
    click.echo(f"limits.json, figures and report.html in {out}", err=True)
    problems = [f"eps_B {cut.background_efficiency:g}: {one}" for cut in found.cuts for one in cut.problems]
    console.raise_problems([*found.problems, *problems])


def _show_plan(config: Config, out: Path, as_json: bool) -> None:
    """Print what limits would take, and what of that nobody knows before the events are read."""
    from hepflow.workflow.many import retrain

    steps = retrain.dry_run(config, out)
    console.print_plan(steps, out, as_json)
    if config.limit.injections is None and steps["features"] is not None:
        click.echo(
            f"not listed: {len(retrain.DEFAULT)} x {config.limit.seeds} trainings with signal. How many events each "
            "injects follows from the data, which are not read yet, or stands in `limit.injections`",
            err=True,
        )


def retrained_text(limits: RetrainedLimits) -> str:
    """Return the limits behind every cut as a table, and the efficiencies that they come from as another."""
    low, high = limits.signal
    nominal = f"; at strength one, {limits.nominal:.6g} events" if limits.nominal else ""
    lines = [
        f"{limits.name}: {limits.method}, signal region {low:g}-{high:g} GeV, seed {limits.seed}",
        f"{100 * limits.level:g} % CLs upper limits on signal events of any mass and score{nominal}",
        "",
    ]
    rows = [["cut", "observed", "expected (68 %)", "not retrained: observed", "expected (68 %)"]]
    for cut in limits.cuts:
        fixed = (number(cut.fixed_observed), band([_nan(one) for one in cut.fixed_expected]))
        observed = "blinded" if limits.blind and cut.passing_observed is None else number(cut.observed)
        rows.append([_name(cut), observed, band([_nan(one) for one in cut.expected]), *fixed])
    lines += [*aligned(rows), "", "signal efficiency"]
    injected = sorted({one.injected for cut in limits.cuts for one in cut.points})
    rows = [["cut", *(f"{events} injected" for events in injected)]]
    for cut in limits.cuts:
        at = {one.injected: with_error(one.value, one.error) for one in cut.points}
        rows.append([_name(cut), *(at.get(events, "-") for events in injected)])
    return "\n".join([*lines, *aligned(rows)])


def _name(cut: CutLimits) -> str:
    return "inclusive" if cut.background_efficiency == 1 else f"eps_B {cut.background_efficiency:g}"


def _nan(value: float | None) -> float:
    return float("nan") if value is None else value
