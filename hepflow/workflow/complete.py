"""What is left of a plan, made and recorded: the same for one analysis, a comparison and a search of many parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path

from hepflow.workflow.config import Config
from hepflow.workflow.engine.execute import carry_out
from hepflow.workflow.engine.provenance import record_run
from hepflow.workflow.engine.work import Work
from hepflow.workflow.pieces import forget_pieces
from hepflow.workflow.steps import REPORT


def complete(
    work: Work, config: Config, left: Mapping[str, str], send: Callable[[str], None], pool: Executor | None
) -> None:
    """Make what is left of a plan, and forget what only served to make it.

    Parameters
    ----------
    work
        The plan in its folder; makes a step here.
    config
        The analysis.
    left
        From `todo`.
    send
        Makes a step in another process.
    pool
        Of other processes; None for this one.

    Raises
    ------
    HepflowError
        What a step raised; ``provenance.json`` says so.
    """

    def report() -> list[Path]:
        from hepflow.report import write_report  # draws: a second that a run without it need not wait for

        return [write_report(work.folder.path)]

    before = {step: why for step, why in left.items() if step != REPORT}
    with record_run(work.folder, config, work.plan, left) as end:
        carry_out(work.plan, before, work.perform if pool is None else send, pool)
        end("done")
        if REPORT in left:  # which shows how the run ended
            work.publish(REPORT, report)
    forget_pieces(work.plan, work.folder)
    if all(work.folder.todo(work.plan, need) is None for step in work.plan for need in step.needs):
        work.folder.forget_checkpoints()  # nothing is left but to show what was found
