"""Several methods on the same data: `hepflow compare`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import Any

from hepflow.comparison import Comparison
from hepflow.errors import ConfigError
from hepflow.storage import load_sample, write_text
from hepflow.workflow.comparison.chosen import methods_of
from hepflow.workflow.comparison.steps import COMPARISON, SAMPLES, SHOWN, compare_plan, samples_plan
from hepflow.workflow.complete import complete, performing
from hepflow.workflow.config import Config, Method
from hepflow.workflow.engine.execute import carry_out, todo
from hepflow.workflow.engine.executors import open_pool
from hepflow.workflow.engine.folder import RunFolder
from hepflow.workflow.engine.logs import logging_to
from hepflow.workflow.engine.plan import Plan
from hepflow.workflow.engine.work import Work


def compare(config: Config, out: Path, *, scan: bool = False) -> Comparison:
    """Run several methods on the same data, over seeds and, if asked, over injections.

    Parameters
    ----------
    config
        The analysis; its `compare` block says which methods, how many seeds, and the injections of a scan. What is
        expected of a cut comes from asymptotic formulae, unless `fit.calculator` asks for toys.
    out
        Folder: ``comparison.json``, ``config.yaml``, ``figures/``, ``report.html`` and, for each data set, the steps
        of every method. What is done there already is read, not computed again.
    scan
        Repeat everything at each of ``compare.injections``, in the place of ``injection.events``.

    Returns
    -------
    Comparison
        One result a method, seed and injection. A method that its input does not allow to run is among them, with the
        reason in `problems`.

    Raises
    ------
    ConfigError
        If a method needs simulation or truth and there is none, a scan has no signal to inject, or the analysis is
        blinded.
    InputError
        If evaluation events stand among those that are trained on, or files cannot be read.
    """
    _check(config, scan)
    folder, reading = RunFolder(out, identity(config)), samples_plan(config)
    with folder.locked(), logging_to(out), ExitStack() as stack:
        # jobs of a farm are submitted once, and only where something is left to do
        pool = cache(lambda: stack.enter_context(open_pool(config.executor)))
        if unread := todo(reading, folder, [SAMPLES]):
            read = performing(config, folder, partial(_samples, config, reading), pool())
            carry_out(reading, unread, read, pool())
        chosen = methods_of(config, truth=_has_truth(folder))
        write_text(out / "config.yaml", config.to_yaml(out))
        plan = compare_plan(config, chosen, scan=scan)
        left = todo(plan, folder, SHOWN)
        if left:
            complete(config, plan, folder, left, partial(_contest, config, chosen, plan, scan), pool())
    return Comparison.from_json(out / f"{COMPARISON}.json")


def dry_run(config: Config, out: Path, *, scan: bool = False) -> dict[str, str | None]:
    """Return what `compare` would do: each step, and why it would be made, or None where its result is there.

    No input is read. Until they were, data are taken to have the truth that listed methods need; without a list, to
    have it where their rows are chosen by it.

    Raises
    ------
    ConfigError
        As `compare` does.
    """
    _check(config, scan)
    folder = RunFolder(out, identity(config), make=False)
    if todo(samples_plan(config), folder, [SAMPLES]):
        truth = config.inputs.data.label is not None or config.compare.methods is not None
    else:
        truth = _has_truth(folder)
    plan = compare_plan(config, methods_of(config, truth=truth), scan=scan)
    left = todo(plan, folder, SHOWN)
    return {step.name: left.get(step.name) for step in plan}


def _samples(config: Config, plan: Plan, folder: RunFolder) -> Work:
    """Return what reads the inputs."""
    from hepflow.workflow.comparison.samples import Samples

    return Samples(config, plan, folder)


def _contest(config: Config, chosen: Mapping[str, Method], plan: Plan, scan: bool, folder: RunFolder) -> Work:
    """Return what makes the steps."""
    from hepflow.workflow.comparison.contest import Contest  # with torch and all

    return Contest(config, chosen, plan, folder, scan=scan)


def _has_truth(folder: RunFolder) -> bool:
    """Tell whether the data that were read have truth labels."""
    return load_sample(folder.of(SAMPLES) / "data.h5").label is not None


def identity(config: Config) -> dict[str, Any]:
    """Return what makes a comparison another than its neighbour."""
    return config.model_dump(mode="json", include={"name", "inputs"})


def _check(config: Config, scan: bool) -> None:
    """Refuse what cannot be compared."""
    if config.fit.blind:
        raise ConfigError(
            "fit.blind: a comparison shows the data of the signal region; on generated or R&D data say "
            "`--set fit.blind=false`"
        )
    if scan and config.inputs.signal is None:
        raise ConfigError("--scan injection adds signal to the data: give `inputs.signal`")
