"""Execution: the steps that are left to do, one after another or several at once."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from typing import NoReturn

from tqdm import tqdm

from hepflow.engine.folder import RunFolder
from hepflow.engine.plan import Plan
from hepflow.engine.work import Work
from hepflow.errors import HepflowError, InputError

KILLED = "KilledWorker"  # of Dask, which is optional
LOST = (
    "a worker process was killed, and nothing says by whom: most often it is the kernel (exit code -9), for lack of "
    "memory; `dmesg`, or the log of the job, tells. Let fewer workers run at once (--workers), read smaller files, "
    "or take a larger machine; what is done stays, and the same command goes on"
)
log = logging.getLogger("hepflow.engine")


class Workers(Executor):
    """A pool that is sent no more steps than it can make at once."""

    @abstractmethod
    def count(self) -> int:
        """Return how many workers there are now."""


class LostWorkerError(InputError):
    """A worker that ended without an error of its own."""


def todo(plan: Plan, folder: RunFolder, wanted: Iterable[str]) -> dict[str, str]:
    """Return the steps that have to be made for some to be there, each with why, in an order that works.

    Parameters
    ----------
    plan, folder
        The steps, and where their results are kept.
    wanted
        The steps whose results are wanted, which are read to see whether they are as they were written. What these
        no longer need is not made again.
    """
    reasons: dict[str, str] = {}
    seen: set[str] = set()
    asked = frozenset(wanted)
    waiting = list(asked)
    while waiting:
        step = waiting.pop()
        if step in seen:
            continue
        seen.add(step)
        why = folder.todo(plan, step)
        if why is None and step in asked and (broken := folder.damaged(step)) is not None:
            why = f"{broken} was changed"
        if why is not None:
            reasons[step] = why
            waiting += plan[step].before
    return {step.name: reasons[step.name] for step in plan if step.name in reasons}


def carry_out(
    work: Work,
    steps: Mapping[str, str],
    pool: Executor | None = None,
    perform: Callable[[str], None] | None = None,
    bar: tqdm[NoReturn] | None = None,
) -> None:
    """Make the results of steps.

    Parameters
    ----------
    work
        Its plan says which step comes before which.
    steps
        From `todo`.
    pool
        Runs several at once; None for one after another here.
    perform
        Makes one, wherever a pool sends it, and writes to the same folder.
    bar
        Shows how many are done, of these and of others.

    Raises
    ------
    HepflowError
        What a step raised. In a pool all others that do not need its result are made first.
    """
    if pool is None or perform is None:
        left = list(steps)
        while left:
            if bar is not None:
                bar.set_description_str(left[0])
            work.perform(left.pop(0))
            work.release(left)
            if bar is not None:
                bar.update()
        return
    plan = work.plan
    waiting, running, failed = list(steps), dict[Future[None], str](), dict[str, BaseException]()
    while waiting or running:
        unfinished = {*waiting, *running.values(), *failed}
        ready = [one for one in waiting if unfinished.isdisjoint(plan[one].before)]
        if isinstance(pool, Workers):
            ready = ready[: max(0, max(1, pool.count()) - len(running))]
        for step in ready:
            waiting.remove(step)
            try:
                running[pool.submit(perform, step)] = step
            except BrokenExecutor:  # one of its workers was lost before
                failed[step] = LostWorkerError(LOST)
        if not running:  # all that is left needs what failed
            break
        for done in wait(running, return_when=FIRST_COMPLETED).done:
            step = running.pop(done)
            error = done.exception()
            if isinstance(error, BrokenExecutor) or type(error).__name__ == KILLED:
                error = LostWorkerError(LOST)
            if error is None:
                if bar is not None:
                    bar.update()
            else:
                failed[step] = error
                log.warning("%s failed: %s", step, error)
    if failed:
        raise _together(failed, waiting)


def _together(failed: Mapping[str, BaseException], skipped: list[str]) -> BaseException:
    """Return one error that names every step that failed, and those that were not begun."""
    first = next(iter(failed.values()))
    lost = isinstance(first, LostWorkerError)
    if len(failed) == 1 and not skipped and isinstance(first, HepflowError) and not lost:
        return first
    causes: dict[str, list[str]] = {}
    for step, error in failed.items():
        causes.setdefault(str(error), []).append(step)
    lines = [f"{', '.join(steps)}: {cause}" for cause, steps in causes.items()]
    lines += [f"not begun, since they need these: {', '.join(skipped)}"] if skipped else []
    kind = type(first) if isinstance(first, HepflowError) else HepflowError
    return kind("\n".join(lines))
