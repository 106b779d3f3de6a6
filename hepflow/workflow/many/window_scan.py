"""`hepflow run --scan`: the analysis in every window of a spectrum, and what its largest excess is worth."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from hepflow.errors import ConfigError, InputError
from hepflow.searches import WindowScan
from hepflow.storage import write_text
from hepflow.workflow.complete import complete
from hepflow.workflow.config import Config
from hepflow.workflow.engine.execute import todo
from hepflow.workflow.engine.executors import open_pool
from hepflow.workflow.engine.folder import RunFolder
from hepflow.workflow.engine.logs import logging_to
from hepflow.workflow.engine.plan import Plan
from hepflow.workflow.engine.provenance import record_unblinding, user_name
from hepflow.workflow.engine.work import Work
from hepflow.workflow.many.window_steps import SCAN, SHOWN, regions_of, scan_plan

RESONANCE = (
    0.25  # of a window: one that stands between two is still within a standard deviation of both peaks
)


def scan(config: Config, out: Path, *, unblind: bool = False, by: str | None = None) -> WindowScan:
    """Search every window of a spectrum; what is done in the folder already is read, not computed again.

    Parameters
    ----------
    config
        The analysis; its `scan` block says where the windows are, in the place of `regions`.
    out
        Folder: ``scan.json``, ``config.yaml``, ``figures/``, ``report.html`` and the steps of every window.
    unblind, by
        As for `hepflow.workflow.run.run`.

    Returns
    -------
    WindowScan
        Windows that cannot be searched are among them, with the reason in `problems`.

    Raises
    ------
    ConfigError
        If there is no window, or a folder with blinded results is run again without `fit.blind`, and nobody says
        `unblind`.
    InputError
        If files cannot be read.
    """
    blind = config.fit.blind and not unblind
    if not (blind or unblind) and _is_blinded(out):
        raise ConfigError(
            f"fit.blind: the results in {out} are blinded. `hepflow run CONFIG --scan --unblind` shows the data, and "
            "records who asked; or choose another --out"
        )
    config = _with_peak(config)
    regions_of(config)  # before a folder is made
    who = (by or user_name()) if unblind else None
    folder = RunFolder(out, identity(config))
    with folder.locked(), logging_to(out):
        write_text(out / "config.yaml", config.to_yaml(out))
        if who is not None:
            record_unblinding(out, who, config.hash())
        plan = scan_plan(config, out, blind=blind)
        left = todo(plan, folder, SHOWN)
        if left:
            with open_pool(config.executor) as pool:
                complete(config, plan, folder, left, partial(_search, config, plan, blind), pool)
    return WindowScan.from_json(out / f"{SCAN}.json")


def dry_run(config: Config, out: Path, *, unblind: bool = False) -> dict[str, str | None]:
    """Return what `scan` would do: each step, and why it would be made, or None where its result is there."""
    config = _with_peak(config)
    folder = RunFolder(out, identity(config), make=False)
    plan = scan_plan(config, out, blind=config.fit.blind and not unblind)
    left = todo(plan, folder, SHOWN)
    return {step.name: left.get(step.name) for step in plan}


def _search(config: Config, plan: Plan, blind: bool, folder: RunFolder) -> Work:
    """Return what makes the steps."""
    from hepflow.workflow.many.window_search import WindowSearch  # with torch and all

    return WindowSearch(config, plan, folder, blind=blind)


def identity(config: Config) -> dict[str, Any]:
    """Return what makes a scan another than its neighbour; its windows may change."""
    return {"scan": True, **config.model_dump(mode="json", include={"name", "seed", "inputs", "injection"})}


def _with_peak(config: Config) -> Config:
    """Return the configuration with a peak to test for: a signal sample is of one mass, and not for other windows."""
    fit = config.fit.model_copy(update={"resonance": config.fit.resonance or RESONANCE})
    return config.model_copy(update={"fit": fit})


def _is_blinded(out: Path) -> bool:
    try:
        return WindowScan.from_json(out / f"{SCAN}.json").blind
    except InputError:  # no scan has got as far as showing anything
        return False
