"""The step that fits: one selection as a bump hunt, and how its numbers are kept."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from hepflow.answers import Answers
from hepflow.config.blocks import Fit
from hepflow.engine.job import Job, stored
from hepflow.errors import HepflowError
from hepflow.records import read_record, write_json
from hepflow.results import cut_name
from hepflow.selection import Cut, cuts, inclusive
from hepflow.stats import BumpHunt, SignalTemplate, bump_hunt, counting_signal
from hepflow.studies.analysis.both import Backgrounds, answers, backgrounds
from hepflow.studies.analysis.signal import peak, peak_template, signal_template

FILE = "hunt.json"
ANSWERS = "answers.json"
MADE_AGAIN = ("spectrum", "signal", "smooth")  # of the cut, in no time
NAMES = [one.name for one in fields(BumpHunt) if one.name not in MADE_AGAIN]


@dataclass(frozen=True)
class Fitted:
    """A selection and its fit, and both answers to its background; None of the inclusive one."""

    cut: Cut
    hunt: BumpHunt
    answers: Answers | None = None


def hunt(cut: Cut, fit: Fit, seed: int, *, limits: bool = True) -> BumpHunt:
    """Fit one cut's spectrum, with limits or without; of the inclusive one nothing is blinded."""
    return _hunted(cut, fit, seed, limits, both=False)[0]


def _hunted(
    cut: Cut, fit: Fit, seed: int, limits: bool, *, both: bool
) -> tuple[BumpHunt, Backgrounds, SignalTemplate | None]:
    try:
        found, signal = _prepared(cut, fit, both=both)
        made = bump_hunt(
            found.spectrum, signal, calculator=fit.calculator, toys=fit.toys, seed=seed, limits=limits
        )
    except HepflowError as error:
        raise type(error)(f"{cut_name(cut.background_efficiency)}: {error}") from error
    return replace(made, problems=(*found.problems, *made.problems)), found, signal


def _save(folder: Path, found: Fitted) -> None:
    """Keep the numbers and the workspace of a fit, and both answers."""
    content = {name: getattr(found.hunt, name) for name in NAMES}
    content["mu_up_exp"] = [limit if np.isfinite(limit) else None for limit in found.hunt.mu_up_exp]
    write_json(folder / FILE, content)
    write_json(folder / ANSWERS, found.answers)


def _load(job: Job, folder: Path) -> Fitted:
    content = read_record(folder / FILE, dict[str, Any])
    content["mu_up_exp"] = tuple(np.nan if limit is None else limit for limit in content["mu_up_exp"])
    content["problems"] = tuple(content["problems"])
    cut = _cut(job)
    found, signal = _prepared(cut, Fit(**job.settings["fit"]), both=False)
    spectrum = found.spectrum
    signal = counting_signal(spectrum) if signal is None else signal
    made = BumpHunt(**content, spectrum=spectrum, signal=signal)
    return Fitted(cut, made, read_record(folder / ANSWERS, Answers | None))  # type: ignore[arg-type]


@stored(_save, _load)
def fit(job: Job) -> Fitted:
    """Fit one selection, and behind a cut what the other background says where both are wanted."""
    cut, settings = _cut(job), job.settings
    limits, both = settings["limits"], settings["both"]
    made, found, signal = _hunted(cut, Fit(**settings["fit"]), settings["seed"], limits, both=both)
    return Fitted(cut, made, answers(found, signal, limits=limits) if both else None)


def _cut(job: Job) -> Cut:
    """Return the selection; an efficiency of one is the inclusive one."""
    data, signal = job["features"]
    efficiency, width, scores = (
        job.settings["efficiency"],
        job.settings["fit"]["bin_width"],
        job["scores"].scores,
    )
    if efficiency == 1:
        varied = {name: (up.sample, down.sample) for name, (up, down) in scores.variations.items()}
        return inclusive(data, job["background"].background, signal, width, varied)
    bands = [job[name] for name in job if name.startswith("validation/bands/")]
    (found,) = cuts(scores, [efficiency], width, bands, job.get("validation/simulation"))
    return found


def _prepared(cut: Cut, fit: Fit, *, both: bool) -> tuple[Backgrounds, SignalTemplate | None]:
    """Return the spectra and the signal that are fitted."""
    spectrum = cut.spectrum
    signal = None  # where none of the signal passes, events are counted: a significance, but no limit
    if fit.resonance is not None:
        mass, width = peak(fit.resonance, spectrum.windows.signal)
        signal = peak_template(mass, width, spectrum.edges, fit)
    elif cut.signal is not None and cut.signal_passes:
        signal = signal_template(cut.signal, spectrum.edges, fit, cut.variations)
    return backgrounds(cut, signal, fit, both=both), signal
