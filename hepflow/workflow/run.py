"""`hepflow run`: an analysis into a folder, and what there is left to do in it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from hepflow.errors import ConfigError, did_you_mean
from hepflow.results import Results
from hepflow.storage import write_text
from hepflow.workflow.complete import complete
from hepflow.workflow.config import Config
from hepflow.workflow.engine.execute import todo
from hepflow.workflow.engine.executors import open_pool
from hepflow.workflow.engine.folder import RunFolder
from hepflow.workflow.engine.logs import logging_to
from hepflow.workflow.engine.plan import Plan
from hepflow.workflow.engine.provenance import (
    is_blinded,
    record_unblinding,
    unblindings,
    user_name,
)
from hepflow.workflow.engine.work import Work
from hepflow.workflow.steps import STAGES, analysis_plan


def run(
    config: Config, out: Path, until: str | None = None, *, unblind: bool = False, by: str | None = None
) -> Results | None:
    """Run an analysis into a folder; what is done there already is read, not computed again.

    Parameters
    ----------
    config
        The analysis.
    out
        Run folder: results.json, config.yaml, workspaces/, figures/ and the steps' own files.
    until
        The last stage to run, of `STAGES`; None for all.
    unblind
        Look at the data of a blinded analysis (`fit.blind`); ``provenance.json`` in the folder keeps who did so
        and when.
    by
        Who unblinds; None for the name of the user.

    Returns
    -------
    Results or None
        None where `until` comes before the fit.

    Raises
    ------
    ConfigError
        If a folder with blinded results is run again without `fit.blind`, and nobody says `unblind`; if there is no
        such stage.
    HepflowError
        With the file, key or value at fault.
    """
    _known(until)
    blind = config.fit.blind and not unblind
    if not (blind or unblind) and is_blinded(out):
        raise ConfigError(
            f"fit.blind: the results in {out} are blinded. `hepflow run CONFIG --unblind` shows the data, and "
            "records who asked; or choose another --out"
        )
    who = (by or user_name()) if unblind else None  # before the hours that a run may take
    folder = RunFolder(out, identity(config))
    with folder.locked(), logging_to(out):
        write_text(out / "config.yaml", config.to_yaml(out))
        if who is not None and until in (None, *STAGES[STAGES.index("fit") :]):
            record_unblinding(out, who, config.hash())
        plan = analysis_plan(config, blind=blind, unblinded=unblindings(out))
        left = todo(plan, folder, wanted(plan, until))
        if left:
            with open_pool(config.executor) as pool:
                complete(config, plan, folder, left, partial(_analysis, config, plan, blind), pool)
    return Results.from_json(out / "results.json") if "results" in plan.until(until, STAGES) else None


def dry_run(
    config: Config, out: Path, until: str | None = None, *, unblind: bool = False
) -> dict[str, str | None]:
    """Return what `run` would do: each step, and why it would be made, or None where its result is there."""
    _known(until)
    folder = RunFolder(out, identity(config), make=False)
    plan = analysis_plan(config, blind=config.fit.blind and not unblind, unblinded=unblindings(out))
    left = todo(plan, folder, wanted(plan, until))
    return {name: left.get(name) for name in plan.until(until, STAGES)}


def identity(config: Config) -> dict[str, Any]:
    """Return what makes a run another than its neighbour."""
    return config.model_dump(mode="json", include={"name", "seed", "inputs", "injection"})


def _known(until: str | None) -> None:
    if until is not None and until not in STAGES:
        raise ConfigError(f"until {until!r}: no such stage; {did_you_mean(until, STAGES)}")


def wanted(plan: Plan, until: str | None) -> list[str]:
    """Return the steps whose results are asked for: the last of their kind, and the numbers that are shown."""
    names = plan.until(until, STAGES)
    needed = {need for name in names for need in plan[name].before} - {"results"}
    return [name for name in names if name not in needed]


def _analysis(config: Config, plan: Plan, blind: bool, folder: RunFolder) -> Work:
    """Return what makes the steps."""
    from hepflow.workflow.analysis import Analysis  # with torch and all

    return Analysis(config, plan, folder, blind=blind)
