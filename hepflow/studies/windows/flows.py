"""The step that trains flows for all windows at once."""

from __future__ import annotations

from hepflow.engine.job import Job, stored
from hepflow.errors import ConfigError
from hepflow.methods import SharedFlows
from hepflow.regions import Windows
from hepflow.selection.validation import seed_of_bands
from hepflow.studies.analysis.background import method_of
from hepflow.weights import load_weights, save_weights

FLOWS = "flows.safetensors"


@stored(
    lambda folder, found: save_weights(folder / FLOWS, found),
    lambda _, folder: load_weights(folder / FLOWS, SharedFlows),
)
def flows(job: Job) -> SharedFlows:
    """Train the flows that the windows' templates come from, or those of one of the trials in their bands."""
    settings, trial = job.settings, job.settings["trial"]
    regions = [Windows(one["signal"], one["sidebands"]) for one in settings["regions"]]
    return SharedFlows.learn(
        method_of(job).density,  # type: ignore[attr-defined]
        job["features"][0],
        regions if trial is None else _with_bands(regions, settings["width"]),
        folds=settings["folds"],
        bin_width=settings["spectrum"]["bin_width"],
        seed=settings["seed"] if trial is None else seed_of_bands(settings["seed"], trial),
        checkpoint=job.checkpoint(),
    )


def _with_bands(regions: list[Windows], width: float | None) -> list[Windows]:
    """Return what takes the place of regions in the validation bands, of those windows that have room for them."""
    found = []
    for one in regions:
        try:
            found.append(one.validation(width))
        except ConfigError:  # the window's own step says so
            continue
    return found
