"""The steps of an integration: the function found, integrated, and its events written."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hepflow.engine.job import Job, derived, published, stored
from hepflow.integration import Integral, Integrand, Recipe, integrate
from hepflow.storage import save_sample
from hepflow.studies.analysis.pieces import check_unchanged
from hepflow.studies.integration.function import TRIED, channel, load, tried

STATE = "state.safetensors"
EVENTS, UNWEIGHTED = "events.parquet", "unweighted.parquet"


@dataclass(frozen=True)
class Found:
    """The function of an integration."""

    target: str
    integrand: Integrand

    def lines(self) -> Iterator[str]:
        """Yield its axes, and what a call of it takes."""
        for axis, (low, high) in enumerate(self.integrand.box):
            yield f"x{axis}: {low:g} to {high:g}"
        begun = time.perf_counter()
        tried(self.integrand)
        yield f"{self.target}: {TRIED} points at once took {time.perf_counter() - begun:.2g} s"


@dataclass(frozen=True)
class Made:
    """An integral, and the file of all that it is made of."""

    integral: Integral
    state: Path


@derived
def function(job: Job) -> Found:
    """Find the function; its code is run."""
    settings = job.settings
    check_unchanged(job.step.files)
    return Found(settings["function"], load(settings["function"], settings["dim"], settings["bounds"]))


def _integrated(job: Job, state: Path) -> Made:
    settings = job.settings
    found = integrate(
        job["function"].integrand,
        calls=settings["calls"],
        channels=[channel(text) for text in settings["channels"]] or None,
        recipe=Recipe(proposal=settings["proposal"], loss=settings["loss"]),
        seed=settings["seed"],
        checkpoint=state,
    )
    return Made(found, state)


@stored(
    lambda folder, made: shutil.copyfile(made.state, folder / STATE),  # type: ignore[arg-type]
    lambda job, folder: _integrated(job, folder / STATE),
)
def integral(job: Job) -> Made:
    """Integrate the function, from where an interrupt left it."""
    return _integrated(job, job.checkpoint())


@published
def events(job: Job) -> Iterator[Path]:
    """Write the weighted events behind the value, and unweighted ones where they are asked for."""
    found: Integral = job["integral"].integral
    save_sample(found.events(), job.out / EVENTS)
    yield job.out / EVENTS
    if job.settings["unweighted"]:
        save_sample(found.unweighted(job.settings["unweighted"]), job.out / UNWEIGHTED)
        yield job.out / UNWEIGHTED
