"""What the commands that make a study share: it is run and shown, or what that would do is printed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hepflow.cli import console

if TYPE_CHECKING:
    from hepflow.config import AnyTask


def carry_out(
    name: str,
    config: AnyTask,
    out: Path | None,
    as_json: bool,
    *,
    dry_run: bool = False,
    until: str | None = None,
    unblind: bool = False,
    by: str | None = None,
) -> None:
    """Run a study and print what came out.

    Parameters
    ----------
    name
        Of the study, as in the catalogue.
    config
        The settings.
    out
        Run folder; None for the study's own.
    as_json
        Print the record as JSON in the place of text.
    dry_run
        Print which steps would be made, and why; make none.
    until, unblind, by
        As for `Study.run`.

    Raises
    ------
    FitError
        Once the others are printed, if some numbers could not be computed.
    CheckError
        Once all is printed, if what they rest on failed its checks.
    """
    from hepflow.studies.known import study as study_named

    study = study_named(name)
    out = out or study.place(config)
    if dry_run:
        steps = study.dry_run(config, out, until=until, unblind=unblind)
        console.print_plan(steps, out, as_json)
        _hint(study.hint(config, out, steps))
        return
    with console.resumable(out):
        found = study.run(config, out, until=until, unblind=unblind, by=by)
    if found is None:
        console.echo(
            f"stopped after {until!r}; the same command without --until goes on from {out}", err=True
        )
        return
    if as_json:
        console.print_json(found.to_dict())
    else:
        console.echo(study.text(found))
    *others, last = (study.file, *(study.beside if until is None else ()))
    console.echo(f"{', '.join(others)}{' and ' if others else ''}{last} in {out}", err=True)
    _hint(study.hint(config, out, None))
    console.raise_problems(study.problems(found))
    console.raise_failed(study.failed(found))


def _hint(text: str | None) -> None:
    if text is not None:
        console.echo(text, err=True)
