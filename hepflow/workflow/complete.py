"""What is left of a plan, made and recorded: the same for one analysis, a comparison and a search of many parts."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path

from hepflow.workflow.config import Config
from hepflow.workflow.engine.execute import carry_out
from hepflow.workflow.engine.folder import RunFolder
from hepflow.workflow.engine.plan import Plan
from hepflow.workflow.engine.provenance import DONE, REPORTING, record_run
from hepflow.workflow.engine.work import Work
from hepflow.workflow.fold_steps import FOLDS
from hepflow.workflow.piece_steps import READING
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
        if REPORT in left:
            end(REPORTING)  # so that the report can tell seconds
            work.publish(REPORT, report)
        end(DONE)
    forget_helpers(work.plan, work.folder)
    if all(work.folder.todo(work.plan, need) is None for step in work.plan for need in step.needs):
        work.folder.forget_checkpoints()  # nothing is left but to show what was found


def forget_helpers(plan: Plan, folder: RunFolder) -> None:
    """Remove what steps left that only saved others work, once these are done: it stands in their results."""
    waiting = (step for step in plan if folder.todo(plan, step.name) is not None)
    needed = {helper.partition("/")[0] for step in waiting for helper in step.after}
    for helpers in {READING, FOLDS} - needed:
        shutil.rmtree(folder.of(helpers), ignore_errors=True)
