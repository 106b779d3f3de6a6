"""``hepflow status`` and ``hepflow reproduce``: what stands in a run folder, and whether it comes out again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hepflow.cli import console
from hepflow.cli.options import FOLDER
from hepflow.errors import HepflowError

if TYPE_CHECKING:
    from hepflow.engine.status import Status
    from hepflow.studies.reproduce import Reproduction

MOST = 20  # differences that are printed


@click.command(epilog=console.example("hepflow status runs/search"))
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@console.as_json
def status(folder: Path, as_json: bool) -> None:
    """Say what is done, running, left or failed in a run folder.

    Of whatever study. What another configuration would change, `hepflow run
    CONFIG --dry-run` says.
    """
    from hepflow.engine.status import status as look

    found = look(folder)
    if as_json:
        console.print_json(asdict(found))
    else:
        console.echo(_status_text(found))


@click.command(epilog=console.example("hepflow reproduce runs/search --out runs/search-again"))
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--out", type=FOLDER, help="Folder of the new run [default: RUN-reproduced].")
@console.execution
@console.as_json
def reproduce(folder: Path, out: Path | None, executor: tuple[str, ...], as_json: bool) -> None:
    """Run an analysis again from what its folder keeps, and compare.

    Whatever study made it. Exit code 1 if a number differs. On the same
    machine, with the same versions and threads, none does.
    """
    from hepflow.studies.reproduce import reproduce as again

    out = out or folder.with_name(f"{folder.name}-reproduced")
    with console.resumable(out):
        found = again(folder, out, executor)
    if as_json:
        console.print_json({**asdict(found), "out": str(found.out)})
    else:
        console.echo("\n".join(_reproduction_lines(found)))
    if found.differences:
        raise HepflowError(f"{len(found.differences)} values differ from those in {folder}")


def _status_text(found: Status) -> str:
    from hepflow.engine.provenance import KILLED

    lines = []
    if found.last is not None:
        lines.append(f"{' '.join(found.last.command)}: {found.outcome} (began {found.last.started})")
        if found.outcome == KILLED:
            lines.append("if nobody killed it, the kernel may have, for lack of memory (`dmesg` tells)")
    if found.holder is not None:
        lines.append(f"running: {found.holder}")
    width = max((len(one.step) for one in found.steps), default=0)
    for one in found.steps:
        told = f"{one.seconds:9.1f} s  {one.made}" if one.seconds is not None else one.why
        lines.append(f"{one.step:<{width}}  {one.state}  {told}")
    lines += [f"changed since it was written: {file}" for file in found.changed]
    return "\n".join(lines or ["nothing was done yet"])


def _reproduction_lines(found: Reproduction) -> list[str]:
    lines = list(found.files)
    lines += [f"{name}: {was}, now {now}" for name, (was, now) in found.versions.items()]
    for key, (was, now) in list(found.differences.items())[:MOST]:
        lines.append(f"{key}: {_short(was)}, now {_short(now)}")
    if len(found.differences) > MOST:
        lines.append(f"... and {len(found.differences) - MOST} more")
    if not found.differences:
        lines.append(f"the same results, to the last digit; the new run is in {found.out}")
    return lines


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."
