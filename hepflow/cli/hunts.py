"""A target and options of the command line to a bump hunt, and to the likelihood behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hepflow.cli.options import FUNCTIONS
from hepflow.cli.targets import named, note_weights, read_bins, read_target, refuse_options
from hepflow.errors import ConfigError

if TYPE_CHECKING:
    from hepflow.regions import Windows
    from hepflow.sample import FloatArray
    from hepflow.stats import BumpHunt, Profile

Window = tuple[float, float]


def hunt(
    target: str,
    *,
    signal_region: Window | None,
    sidebands: tuple[Window, ...],
    background: str,
    template: str | None,
    fit_range: str,
    signal_mass: float | None,
    signal_width: float | None,
    sqrt_s: float,
    max_shape: int | None,
    resonance: str | None = None,
    **inference: Any,
) -> BumpHunt:
    """Return the bump hunt in a spectrum or a workspace; the arguments are options of the command line."""
    if (background == "template") != (template is not None):
        raise click.UsageError("--background template and --template SPECTRUM belong together")
    if template is not None and fit_range == "all":
        raise click.UsageError("--fit-range all fits a smooth function; a template has none to fit")
    from hepflow.stats import hunt_spectrum, hunt_workspace

    content = read_target(target)
    if isinstance(content, dict):
        given = {
            "--signal-region": signal_region,
            "--sideband": sidebands,
            "--background": background != FUNCTIONS[0],
            "--fit-range": fit_range == "all",
            "--signal-mass": signal_mass,
            "--signal-width": signal_width,
            "--max-shape": max_shape,
            "--resonance": resonance,
        }
        refuse_options(
            f"{target} is a pyhf workspace, which holds its own regions, background and signal", given
        )
        return hunt_workspace(content, **inference)
    note_weights(content)
    return hunt_spectrum(
        named(content, resonance),
        windows=_windows(target, content.edges, signal_region, sidebands),
        background=background if template is None else read_bins(template, errors=True),
        signal_mass=signal_mass,
        signal_width=signal_width,
        sqrt_s=sqrt_s,
        max_shape=max_shape,
        fit_range=fit_range,
        **inference,
    )


def likelihood(hunt: BumpHunt, fit_range: str) -> Profile:
    """Return the likelihood that a bump hunt was made with, and its data."""
    from hepflow.stats import Profile, SmoothModel, open_workspace

    if (
        fit_range == "all"
        and hunt.smooth is not None
        and hunt.spectrum is not None
        and hunt.signal is not None
    ):
        model = SmoothModel(hunt.smooth, hunt.spectrum.edges, hunt.signal, exposure=hunt.spectrum.exposure)
        return Profile(model, hunt.spectrum.observed)
    return Profile(*open_workspace(hunt.workspace))


def _windows(target: str, edges: FloatArray, signal: Window | None, sidebands: tuple[Window, ...]) -> Windows:
    from hepflow.regions import Windows

    low, high = float(edges[0]), float(edges[-1])
    span = f"{target} holds a spectrum from {low:g} to {high:g} GeV"
    if signal is None:
        raise ConfigError(f"{span}; give --signal-region LOW HIGH inside it")
    if not sidebands and not low < signal[0] < signal[1] < high:
        raise ConfigError(
            f"{span}: a signal region {signal[0]:g}-{signal[1]:g} GeV leaves no sideband on both sides of it; give "
            "--signal-region LOW HIGH further inside"
        )
    return Windows(signal, sidebands or ((low, signal[0]), (signal[1], high)))
