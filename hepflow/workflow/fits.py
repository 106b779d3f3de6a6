"""Cuts to bump hunts: what the configuration says of the fit, and how its numbers are kept."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import numpy as np

from hepflow.errors import HepflowError
from hepflow.regions import Window
from hepflow.results import cut_name
from hepflow.selection import Cut
from hepflow.spectrum import Spectrum
from hepflow.stats import (
    BumpHunt,
    SignalTemplate,
    bump_hunt,
    counting_signal,
    smooth_spectrum,
)
from hepflow.storage import write_json
from hepflow.workflow.build import peak_template, signal_template
from hepflow.workflow.config import Config

MADE_AGAIN = ("spectrum", "signal", "smooth")  # of the cut, in no time
FILE = "hunt.json"


def hunt(cut: Cut, config: Config, *, blind: bool = False, limits: bool = True) -> BumpHunt:
    """Fit one cut's spectrum, with limits or without; of the inclusive one nothing is blinded."""
    try:
        spectrum, signal = _prepared(cut, config, blind)
        fit = config.fit
        return bump_hunt(
            spectrum, signal, calculator=fit.calculator, toys=fit.toys, seed=config.seed, limits=limits
        )
    except HepflowError as error:
        raise type(error)(f"{cut_name(cut.background_efficiency)}: {error}") from error


def peak(resonance: float, window: Window) -> tuple[float, float]:
    """Return mean and standard deviation (GeV) of the resonance that `fit.resonance` puts into a signal region."""
    low, high = window
    return 0.5 * (low + high), resonance * (high - low)


def save_hunt(folder: Path, found: BumpHunt) -> None:
    """Keep the numbers and the workspace of a fit."""
    content = {one.name: getattr(found, one.name) for one in fields(found) if one.name not in MADE_AGAIN}
    content["mu_up_exp"] = [limit if np.isfinite(limit) else None for limit in found.mu_up_exp]
    write_json(folder / FILE, content)


def load_hunt(folder: Path, cut: Cut, config: Config, *, blind: bool = False) -> BumpHunt:
    """Read what `save_hunt` kept, beside the cut that was fitted."""
    content = json.loads((folder / FILE).read_text(encoding="utf-8"))
    content["mu_up_exp"] = tuple(np.nan if limit is None else limit for limit in content["mu_up_exp"])
    content["problems"] = tuple(content["problems"])
    spectrum, signal = _prepared(cut, config, blind)
    return BumpHunt(
        **content, spectrum=spectrum, signal=counting_signal(spectrum) if signal is None else signal
    )


def _prepared(cut: Cut, config: Config, blind: bool) -> tuple[Spectrum, SignalTemplate | None]:
    """Return the spectrum and the signal that are fitted."""
    spectrum = cut.spectrum
    signal = None  # where none of the signal passes, events are counted: a significance, but no limit
    if config.fit.resonance is not None:
        mass, width = peak(config.fit.resonance, spectrum.windows.signal)
        signal = peak_template(mass, width, spectrum.edges, config)
    elif cut.signal is not None and cut.signal_passes:
        signal = signal_template(cut.signal, spectrum.edges, config, cut.variations)
    if config.fit.background == "dijet" and cut.threshold is not None:
        spectrum, _ = smooth_spectrum(
            spectrum.edges, spectrum.observed, spectrum.windows, sqrt_s=config.fit.sqrt_s
        )
    if blind and cut.threshold is not None:
        spectrum = spectrum.blinded()
    return spectrum, signal
