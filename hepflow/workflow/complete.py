"""What is left of a plan, made and recorded: the same for one analysis, a comparison and a search of many parts."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

from hepflow.workflow.config import Config
from hepflow.workflow.config.executor import Dask, Local, Processes
from hepflow.workflow.engine.execute import Perform, carry_out
from hepflow.workflow.engine.executors import as_worker
from hepflow.workflow.engine.folder import RunFolder
from hepflow.workflow.engine.plan import Plan
from hepflow.workflow.engine.provenance import DONE, REPORTING, record_run
from hepflow.workflow.engine.work import Work
from hepflow.workflow.fold_steps import FOLDS
from hepflow.workflow.piece_steps import READING
from hepflow.workflow.steps import REPORT

WorkIn = Callable[[RunFolder], Work]


def complete(
    config: Config,
    plan: Plan,
    folder: RunFolder,
    left: Mapping[str, str],
    work_in: WorkIn,
    pool: Executor | None,
) -> None:
    """Make what is left of a plan, and forget what only served to make it.

    Parameters
    ----------
    config
        The analysis.
    plan, folder
        Its steps, and where their results are kept.
    left
        From `todo`.
    work_in, pool
        As for `performing`.

    Raises
    ------
    HepflowError
        What a step raised; ``provenance.json`` says so.
    """
    before = {step: why for step, why in left.items() if step != REPORT}
    with record_run(folder, config, plan, left) as end:
        carry_out(plan, before, performing(config, folder, work_in, pool), pool)
        if REPORT in left:
            end(REPORTING)  # so that the report can tell seconds
            told = {REPORT: left[REPORT]}
            carry_out(plan, told, performing(config, folder, partial(_Report, plan), pool), pool)
        end(DONE)
    forget_helpers(plan, folder)
    if all(folder.todo(plan, need) is None for step in plan for need in step.needs):
        folder.forget_checkpoints()  # nothing is left but to show what was found


class _Report(Work):
    """The page that tells what was found, and how."""

    def perform(self, step: str) -> None:
        """Write it."""
        from hepflow.report import write_report  # draws: a second that a run without it need not wait for

        self.publish(step, lambda: [write_report(self.folder.path)])


def performing(config: Config, folder: RunFolder, work_in: WorkIn, pool: Executor | None) -> Perform:
    """Return what makes a step, here or wherever a pool sends it.

    Parameters
    ----------
    config
        The analysis; says how many threads a worker has.
    folder
        Where results are kept.
    work_in
        Returns what makes the steps in a folder. It is called where they are made, and what takes long to load, as
        torch, is loaded there alone: the process that sends them needs none of it. A function of a module, or a
        `partial` of one: it is pickled.
    pool
        Of other processes; None for this one.
    """
    if pool is None:
        return work_in(folder).perform
    return partial(_perform_elsewhere, config.executor, folder.path, work_in)


def _perform_elsewhere(executor: Local | Processes | Dask, out: Path, work_in: WorkIn, step: str) -> None:
    """Make a step, in whichever process this is."""
    with as_worker(executor, out):
        work_in(RunFolder(out, None)).perform(step)


def forget_helpers(plan: Plan, folder: RunFolder) -> None:
    """Remove what steps left that only saved others work, once these are done: it stands in their results."""
    waiting = (step for step in plan if folder.todo(plan, step.name) is not None)
    needed = {helper.partition("/")[0] for step in waiting for helper in step.after}
    for helpers in {READING, FOLDS} - needed:
        shutil.rmtree(folder.of(helpers), ignore_errors=True)
