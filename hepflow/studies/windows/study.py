"""What a search in many windows is: the analysis in each, and what the largest excess is worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from hepflow.config import Config, Regions
from hepflow.engine.plan import Failing, Plan, Step, by_name
from hepflow.engine.study import Blinding, Study
from hepflow.errors import ConfigError
from hepflow.regions import Window, Windows, sliding
from hepflow.studies.analysis.pieces import fingerprint
from hepflow.studies.analysis.steps import (
    EVENTS,
    FITTED,
    analysis_steps,
    bands,
    fits,
    flows_for,
    method_class,
    one_of_many,
    shown,
    spectrum_of,
)
from hepflow.studies.windows.record import WindowScan

ROOM = "hepflow.studies.windows"
RESONANCE = (
    0.25  # of a window: one that stands between two is still within a standard deviation of both peaks
)

SHARING = ("cathode", "flow-matching")  # methods of which all that is trained are flows of the data


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
        """Refuse a configuration without any window, or with a theory that cannot be read."""
        regions_of(config)
        if config.scan.flows == "shared":
            _check_shared(config)
        if config.theory is not None:
            from hepflow.stats import read_curve  # heavy

            read_curve(config.theory)

    def refine(self, config: Config, result: Callable[[str], Any] | None) -> Config:
        """Return the configuration with a peak to test for: a signal sample is of one mass."""
        fit = config.fit.model_copy(update={"resonance": config.fit.resonance or RESONANCE})
        return config.model_copy(update={"fit": fit})

    def plan(self, config: Config, blinding: Blinding) -> Plan:
        """Return the steps of all windows, and of what is made of their results."""
        steps = [step for step in analysis_steps(config, blind=blinding.hidden) if step.stage == EVENTS]
        windows, exposure = regions_of(config), _exposure(config)
        shared = config.scan.flows == "shared"
        if shared:
            steps += _flows(config, [one for one in windows.values() if not isinstance(one, str)])
        for signal, regions in windows.items():
            if isinstance(regions, str):
                continue
            at, own = place_of(signal), config.model_copy(update={"regions": regions})
            # without a cross-section for significance alone: limits by toys take longer than all else
            analysis = analysis_steps(own, blind=blinding.hidden, limits=exposure is not None, shared=shared)
            steps += one_of_many(analysis, at, FITTED, {})
            measured = {
                "regions": regions.model_dump(mode="json", include={"signal", "sidebands"}),
                "fits": list(fits(config)),
                "toys": config.fit.toys,
                "blind": blinding.hidden,
                "exposure": exposure,
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
            "cross_section": None if exposure is None else _cross_section(config),
        }
        results = by_name(*(step.name for step in steps if step.stage == "result"))
        files = {} if config.theory is None else fingerprint([str(config.theory)])
        steps.append(
            Step(self.final, self.final, f"{ROOM}.work:scan", told, {**results, EVENTS: EVENTS}, files=files)
        )
        return Plan.of([*steps, *shown(self, config)])

    def problems(self, record: WindowScan) -> list[str]:
        """Return why no window could be searched, where none could."""
        return [] if any(one.cuts for one in record.windows) else list(record.problems)

    def failed(self, record: WindowScan) -> list[str]:
        """Return the windows that failed checks, and which."""
        return list(record.failed)


def _check_shared(config: Config) -> None:
    """Refuse to share what a method does not train, or what few folds leave nothing of."""
    if config.method.name not in SHARING:
        raise ConfigError(
            f"scan.flows: {config.method.name!r} trains no flows that windows can share; expected the method "
            f"{' or '.join(SHARING)}, or `scan.flows: each`"
        )
    if config.classifier.folds < 3:
        raise ConfigError(
            f"classifier.folds: {config.classifier.folds}; expected at least 3 where windows share flows, each of "
            "which leaves out two; or `scan.flows: each`"
        )


def _flows(config: Config, regions: Sequence[Regions]) -> Iterator[Step]:
    """Yield the steps that train flows for all windows: for their templates, and for each trial in their bands."""
    validation = config.regions.validation
    common = {
        "regions": [one.model_dump(mode="json", include={"signal", "sidebands"}) for one in regions],
        "method": config.method.model_dump(mode="json"),
        "spectrum": spectrum_of(config),
        "folds": config.classifier.folds,
        "seed": config.seed,
    }
    trials = range(validation.trainings) if config.regions.validated else ()
    for name, trial in {"background": None, **{bands(number): number for number in trials}}.items():
        yield Step(
            flows_for(name),
            "flows",
            f"{ROOM}.flows:flows",
            {**common, "trial": trial, "width": None if trial is None else validation.width},
            by_name(EVENTS),
            chosen=method_class(config.method),
            failing=Failing.KEPT,
        )


def _exposure(config: Config) -> float | None:
    """Return luminosity times efficiency, fb^-1, where limits as cross-sections are asked for."""
    section = config.cross_section
    if config.luminosity is None or not section.model_dump(exclude_defaults=True):
        return None
    return config.luminosity * section.efficiency


def _cross_section(config: Config) -> dict[str, Any]:
    return {
        "luminosity": config.luminosity,
        "efficiency": config.cross_section.efficiency,
        "theory": None if config.theory is None else str(config.theory),
        "theory_file": config.cross_section.theory,
    }


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
