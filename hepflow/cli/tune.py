"""``hepflow tune``: better settings, found without the signal region."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hepflow.cli import console
from hepflow.cli.options import FOLDER
from hepflow.cli.tables import aligned, number

if TYPE_CHECKING:
    from hepflow.workflow.tuning.trials import Trial, Tuning

SHOWN = 5  # trials of each study
VALUES = {"flow": "log-likelihood [nats]", "classifier": "expected Z"}


@click.command(
    epilog=console.example("hepflow tune search.yaml --trials 50", "hepflow tune search.yaml --timeout 60")
)
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--trials", type=int, metavar="N", help="Trials of each study, in the place of `tune.trials`.")
@click.option(
    "--timeout",
    type=float,
    metavar="MINUTES",
    help="Begin no trial after this time, in the place of `tune.timeout`.",
)
@click.option("--out", type=FOLDER, help="Folder [default: runs/NAME-tuning].")
@console.overrides
@console.as_json
def tune(
    config: Path,
    trials: int | None,
    timeout: float | None,
    out: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Search better settings of the flow and of the classifier.

    Both are judged in the validation bands; the data of the signal region are cut away first. The folder keeps every
    trial: after an interrupt, the same command goes on from there.
    """
    from hepflow.workflow.config import load_config

    given = {"trials": trials, "timeout": timeout}
    overrides = (*overrides, *(f"tune.{key}={value}" for key, value in given.items() if value is not None))
    settings = load_config(config, overrides)
    out = out or Path("runs") / f"{settings.name}-tuning"
    try:
        from hepflow.workflow.tuning.tune import tune as search

        tuning = search(settings, out)
    except KeyboardInterrupt:
        raise console.InterruptError(
            f"interrupted; the finished trials stay in {out}, and the same command goes on from there"
        ) from None
    if as_json:
        console.print_json(tuning.to_dict())
    else:
        click.echo(table(tuning))
    click.echo(
        f"best.yaml and tuning.json in {out}; `hepflow run {out / 'best.yaml'}` runs the best", err=True
    )


def table(tuning: Tuning) -> str:
    """Return the best trials of each study, and that of the configuration, as text."""
    parts = [f"{tuning.name}: settings judged in the validation bands, without the signal region"]
    for study in dict.fromkeys(trial.study for trial in tuning.trials):
        made = [trial for trial in tuning.trials if trial.study == study]
        failed = [trial for trial in made if trial.value is None]
        parts += ["", f"{study}: {len(made)} trials" + (f", {len(failed)} failed" if failed else "")]
        parts += aligned(_rows(tuning.of(study), VALUES[study]))
        shares = tuning.importance.get(study)
        if shares:
            parts.append("importance: " + ", ".join(f"{name} {share:.0%}" for name, share in shares.items()))
        parts += [f"trial {trial.number} failed: {trial.problem}" for trial in failed[:SHOWN]]
    return "\n".join([*parts, *(["", *tuning.notes] if tuning.notes else [])])


def _rows(trials: tuple[Trial, ...], value: str) -> list[list[str]]:
    shown = [trial for place, trial in enumerate(trials) if place < SHOWN or trial.number == 0]
    names, details = list(shown[0].settings), list(shown[0].details)
    rows = [["trial", value, *(name.replace("_", " ") for name in details), *names]]
    for trial in shown:
        rows.append(
            [
                "as configured" if trial.number == 0 else str(trial.number),
                number(trial.value, ".4f"),
                *(number(trial.details[name]) for name in details),
                *(_setting(trial.settings[name]) for name in names),
            ]
        )
    return rows


def _setting(value: int | float) -> str:
    return str(value) if isinstance(value, int) else number(value)
