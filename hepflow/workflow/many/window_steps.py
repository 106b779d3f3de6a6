"""The windows of a spectrum and the steps of their analyses; nothing heavy is loaded."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from hepflow.errors import ConfigError
from hepflow.regions import Window, Windows, sliding
from hepflow.workflow.config import Config, Regions
from hepflow.workflow.engine.code import code_of
from hepflow.workflow.engine.plan import Plan, Step
from hepflow.workflow.engine.provenance import unblindings
from hepflow.workflow.many.part_steps import EVENTS, part_steps
from hepflow.workflow.steps import FIGURES, REPORT, analysis_plan, fits, shown

SCAN, RESULT = "scan", "result"
SHOWN = (SCAN, FIGURES, REPORT)
SEARCH = ("hepflow.workflow.many.window_search",)
STAGES = ("background", "scores", "validation", "fit")


def regions_of(config: Config) -> dict[Window, Regions | str]:
    """Return the regions of each window by its signal region, or why there are none.

    Raises
    ------
    ConfigError
        If no window has room.
    """
    chosen, own = config.scan, config.regions.windows
    within = chosen.range or own.range
    width = chosen.width or 2 * (own.signal[1] - own.signal[0]) / sum(own.signal)
    windows = chosen.windows or sliding(within, width, chosen.step, chosen.sidebands)
    found: dict[Window, Regions | str] = {}
    for signal in sorted(windows):
        try:
            beside = Windows.beside(signal, chosen.sidebands * (signal[1] - signal[0]), within)
            found[signal] = Regions(
                signal=beside.signal, sidebands=beside.sidebands, validation=config.regions.validation
            )
        except ConfigError as error:
            found[signal] = str(error)
        except ValidationError as error:
            found[signal] = "; ".join(one["msg"] for one in error.errors())
    if all(isinstance(regions, str) for regions in found.values()):
        raise ConfigError(f"scan: no window can be searched: {next(iter(found.values()))}")
    return found


def scan_plan(config: Config, out: Path, *, blind: bool) -> Plan:
    """Return the steps of all windows, and of what is made of their results."""
    unblinded = unblindings(out)
    whole = analysis_plan(config, blind=blind)
    steps = [step for step in whole if step.stage == EVENTS]
    measured = {
        "code": code_of("hepflow.stats.trials", "hepflow.searches.windows", alone=SEARCH),
        "toys": config.fit.toys,
        "blind": blind,
        "seed": config.seed,
    }
    results = []
    for signal, regions in regions_of(config).items():
        if isinstance(regions, str):
            continue
        at = name_of(signal)
        windows = regions.model_dump(mode="json", include={"signal", "sidebands", "validation"})
        steps += part_steps(whole, at, STAGES, {"regions": windows, "limits": False}, {})
        results.append(f"{at}/{RESULT}")
        steps.append(Step(results[-1], RESULT, measured, tuple(f"{at}/{name}" for name in fits(config))))
    told = {
        "code": code_of("hepflow.searches.windows", "hepflow.stats.window_trials", alone=SEARCH),
        "config": config.hash(),
        "unblinded": [vars(one) for one in unblinded],
    }
    steps.append(Step(SCAN, SCAN, told, tuple(results)))
    return Plan.of([*steps, *shown(SCAN, "hepflow.plots.window_scan")])


def name_of(signal: Window) -> str:
    """Return the name of a window's folder."""
    return f"windows/{signal[0]:g}-{signal[1]:g}"
