"""`hepflow limit CONFIG --retrain`: limits with the efficiency that a cut has once it is trained on the signal."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hepflow.errors import ConfigError
from hepflow.sample import Sample
from hepflow.searches import RetrainedLimits
from hepflow.storage import write_text
from hepflow.workflow.complete import complete
from hepflow.workflow.config import Config
from hepflow.workflow.engine.execute import todo
from hepflow.workflow.engine.executors import open_pool
from hepflow.workflow.engine.folder import RunFolder
from hepflow.workflow.engine.logs import logging_to
from hepflow.workflow.engine.plan import Plan
from hepflow.workflow.many.part_steps import EVENTS
from hepflow.workflow.many.retrain_steps import LIMITS, SHOWN, limits_plan
from hepflow.workflow.many.retrained_search import RetrainedSearch

DEFAULT = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # injections over sqrt(B)
HELD_OUT = 100  # signal events, at least, that no injection takes: an efficiency within 5 %


def retrained_limits(config: Config, out: Path) -> RetrainedLimits:
    """Set limits behind every cut, with the whole analysis trained again for each of several injections.

    Parameters
    ----------
    config
        The analysis, with a signal sample; its `limit` block says what is injected. With `fit.blind`, limits are
        the expected ones.
    out
        Folder: ``limits.json``, ``config.yaml``, ``figures/``, ``report.html`` and the steps of every training. What
        is done there already is read, not computed again.

    Raises
    ------
    ConfigError
        If there is no signal sample, the signal is too small for the injections, or the data hold an injection of
        their own and `limit.injected_data` does not allow it.
    InputError
        If files cannot be read, or the analysis of the data as they are fails.
    """
    _check(config)
    folder = RunFolder(out, identity(config))
    with folder.locked(), logging_to(out):
        config = _with_injections(config, folder)
        write_text(out / "config.yaml", config.to_yaml(out))
        plan = limits_plan(config)
        left = todo(plan, folder, SHOWN)
        if left:
            with open_pool(config.executor) as pool:
                complete(config, plan, folder, left, partial(_search, config, plan), pool)
    return RetrainedLimits.from_json(out / f"{LIMITS}.json")


def dry_run(config: Config, out: Path) -> dict[str, str | None]:
    """Return what `retrained_limits` would do: each step, and why, or None where its result is there.

    No input is read. Where `limit.injections` is left out, it follows from the events: until these are read, the
    steps with injections are missing.

    Raises
    ------
    ConfigError
        As `retrained_limits` does.
    """
    _check(config)
    folder = RunFolder(out, identity(config), make=False)
    if not todo(limits_plan(config), folder, [EVENTS]):
        config = _with_injections(config, folder)
    plan = limits_plan(config)
    left = todo(plan, folder, [EVENTS, *SHOWN])
    return {step.name: left.get(step.name) for step in plan}


def _search(config: Config, plan: Plan, folder: RunFolder) -> RetrainedSearch:
    """Return what makes the steps; the injections stand in the configuration."""
    return RetrainedSearch(config, plan, folder, blind=config.fit.blind)


def identity(config: Config) -> dict[str, Any]:
    """Return what makes these limits others than their neighbours; the injections may change."""
    return {
        "retrain": True,
        **config.model_dump(mode="json", include={"name", "seed", "inputs", "injection"}),
    }


def _check(config: Config) -> None:
    """Refuse a configuration of which no limits could come."""
    if config.inputs.signal is None:
        raise ConfigError("--retrain adds signal to the data: give `inputs.signal`")
    if config.fit.resonance is not None:
        raise ConfigError(
            "fit.resonance: limits with retraining are those of the signal sample, whose efficiency is measured; "
            "leave it out (--set fit.resonance=null)"
        )
    if config.injection is not None and not config.limit.injected_data:
        raise ConfigError(
            "injection: limits with retraining inject signal themselves; leave it out (--set injection=null), or say "
            "`--set limit.injected_data=true` to see what limits data with this signal give"
        )


def _with_injections(config: Config, folder: RunFolder) -> Config:
    """Return the configuration with the injections that are made, once the events are read.

    Raises
    ------
    ConfigError
        If the signal sample is too small.
    """
    whole = _search(config, limits_plan(config), folder).whole
    data, signal = whole.features
    injections = config.limit.injections or default_injections(data, config)
    if signal is None or len(signal) - max(injections) < HELD_OUT:
        raise ConfigError(
            f"limit.injections: the signal sample holds {0 if signal is None else len(signal)} events: too few to "
            f"inject {max(injections)} and keep {HELD_OUT} to measure the efficiency. Inject fewer, or give more"
        )
    limit = config.limit.model_copy(update={"injections": injections})
    return config.model_copy(update={"limit": limit})


def default_injections(data: Sample, config: Config) -> tuple[int, ...]:
    """Return numbers of signal events around what a search can find: `DEFAULT` times the root of the data."""
    events = int(config.regions.windows.in_signal(data.mass).sum())
    return tuple(sorted({max(1, round(times * float(np.sqrt(events)))) for times in DEFAULT}))
