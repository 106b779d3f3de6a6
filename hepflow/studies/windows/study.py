"""What a search in many windows is: the analysis in each, and what the largest excess is worth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from hepflow.config import Config, Regions
from hepflow.engine.plan import Failing, Plan, Step, by_name
from hepflow.engine.study import Blinding, Study
from hepflow.errors import ConfigError
from hepflow.regions import Window, Windows, sliding
from hepflow.studies.analysis.steps import EVENTS, FITTED, analysis_steps, fits, one_of_many, shown
from hepflow.studies.windows.record import WindowScan

ROOM = "hepflow.studies.windows"
RESONANCE = (
    0.25  # of a window: one that stands between two is still within a standard deviation of both peaks
)


class WindowSearch(Study[Config, WindowScan]):
    """The analysis in every window. Its record is ``scan.json``; windows that cannot be searched are among it."""

    room = ROOM
    command = "hepflow run CONFIG --scan"
    folder = "runs/{name}-scan"
    record = f"{ROOM}.record:WindowScan"
    file = "scan.json"
    final = "scan"
    loads = ("hepflow.studies.analysis.scores",)
    unblinds = "hepflow run CONFIG --scan --unblind"

    def identity(self, config: Config) -> dict[str, Any]:
        """Return name, seed, inputs and injection; the windows may change."""
        return {
            "scan": True,
            **config.model_dump(mode="json", include={"name", "seed", "inputs", "injection"}),
        }

    def check(self, config: Config) -> None:
        """Refuse a configuration without any window."""
        regions_of(config)

    def refine(self, config: Config, result: Callable[[str], Any] | None) -> Config:
        """Return the configuration with a peak to test for: a signal sample is of one mass."""
        fit = config.fit.model_copy(update={"resonance": config.fit.resonance or RESONANCE})
        return config.model_copy(update={"fit": fit})

    def plan(self, config: Config, blinding: Blinding) -> Plan:
        """Return the steps of all windows, and of what is made of their results."""
        steps = [step for step in analysis_steps(config, blind=blinding.hidden) if step.stage == EVENTS]
        windows = regions_of(config)
        for signal, regions in windows.items():
            if isinstance(regions, str):
                continue
            at, own = place_of(signal), config.model_copy(update={"regions": regions})
            # for significance alone: limits by toys take longer than all else
            analysis = analysis_steps(own, blind=blinding.hidden, limits=False)
            steps += one_of_many(analysis, at, FITTED, {})
            measured = {
                "regions": regions.model_dump(mode="json", include={"signal", "sidebands"}),
                "fits": list(fits(config)),
                "toys": config.fit.toys,
                "blind": blinding.hidden,
                "seed": config.seed,
            }
            needs = {fit: f"{at}/{fit}" for fit in fits(config)}
            steps.append(
                Step(f"{at}/result", "result", f"{ROOM}.work:window", measured, needs, failing=Failing.KEPT)
            )
        told = {
            "name": config.name,
            "method": config.method.name,
            "seed": config.seed,
            "config_hash": config.hash(),
            "windows": [
                [
                    signal,
                    regions if isinstance(regions, str) else regions.model_dump(mode="json")["sidebands"],
                ]
                for signal, regions in windows.items()
            ],
            "blind": blinding.hidden,
            "unblinded": [vars(one) for one in blinding.looked],
        }
        results = by_name(*(step.name for step in steps if step.stage == "result"))
        steps.append(Step(self.final, self.final, f"{ROOM}.work:scan", told, {**results, EVENTS: EVENTS}))
        return Plan.of([*steps, *shown(self, config)])

    def problems(self, record: WindowScan) -> list[str]:
        """Return why no window could be searched, where none could."""
        return [] if any(one.cuts for one in record.windows) else list(record.problems)

    def failed(self, record: WindowScan) -> list[str]:
        """Return the windows that failed checks, and which."""
        return list(record.failed)


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


def place_of(signal: Window) -> str:
    """Return where the steps of a window stand."""
    return f"windows/{signal[0]:g}-{signal[1]:g}"


STUDY = WindowSearch()
