"""Cuts to bump hunts: what the configuration says of the fit."""

from __future__ import annotations

from hepflow.errors import HepflowError
from hepflow.selection import Cut
from hepflow.stats import BumpHunt, bump_hunt, smooth_spectrum
from hepflow.workflow.build import signal_template
from hepflow.workflow.config import Config
from hepflow.workflow.summary import cut_name


def hunt(cut: Cut, config: Config, *, blind: bool = False) -> BumpHunt:
    """Fit one cut's spectrum; of the inclusive one nothing is blinded."""
    spectrum = cut.spectrum
    signal = None  # where none of the signal passes, events are counted: a significance, but no limit
    if cut.signal is not None and cut.signal_passes:
        signal = signal_template(cut.signal, spectrum.edges, config, cut.variations)
    try:
        if config.fit.background == "dijet" and cut.threshold is not None:
            spectrum, _ = smooth_spectrum(
                spectrum.edges, spectrum.observed, spectrum.windows, sqrt_s=config.fit.sqrt_s
            )
        if blind and cut.threshold is not None:
            spectrum = spectrum.blinded()
        return bump_hunt(
            spectrum, signal, calculator=config.fit.calculator, toys=config.fit.toys, seed=config.seed
        )
    except HepflowError as error:
        raise type(error)(f"{cut_name(cut.background_efficiency)}: {error}") from error
