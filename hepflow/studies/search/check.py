"""Checking: everything that can be known wrong before a long run."""

from __future__ import annotations

from hepflow import strays
from hepflow.catalogue import DETECTORS, METHODS
from hepflow.columns import STEPS, steps
from hepflow.config import Config
from hepflow.config.methods import Outlier
from hepflow.errors import FitError
from hepflow.features import features, fields_for
from hepflow.methods import fit_sidebands
from hepflow.outliers.detector import learned
from hepflow.sample import Sample
from hepflow.studies.analysis.effects import effects_of
from hepflow.studies.analysis.inputs import open_input
from hepflow.studies.checking import Checked
from hepflow.studies.search.estimate import estimate

POOR = 0.01  # p-value of the sideband fit below which it is worth a word


def check(config: Config) -> Checked:
    """Open what an analysis reads, and report what can be known before it runs.

    Raises
    ------
    HepflowError
        If the analysis could not start.
    """
    lines: list[str] = []
    problems: list[str] = []
    samples: dict[str, Sample] = {}
    wanted, resonance = config.asked
    entries = {name: config.opened(entry) for name, entry in config.inputs.given.items()}
    for name, entry in entries.items():
        source = open_input(entry, config.inputs.luminosity)
        kind = entry.format
        lines.append(f"{name}: {len(source.files)} file(s), {source.num_events:,} events, format {kind}")
        columns = source.columns_read(fields_for(source, wanted, resonance))
        lines.append(f"  reads {', '.join(columns)}")
        sample = samples[name] = features(source, wanted, resonance=resonance)
        lines += [f"  {cause}: {events:,}" for cause, events in sample.cutflow]
        lines += [f"  warning: {one}" for one in strays.sentences(sample)]
        if (sample.weight != 1).any():
            lines.append(f"  weights add up to {sample.weight.sum():,.6g} events")
        windows = config.regions.windows
        if name != "signal":  # which may well be narrower than the regions
            windows.split(sample)
        inside, outside = windows.in_signal(sample.mass).sum(), windows.in_sidebands(sample.mass).sum()
        lines.append(f"  signal region: {inside:,} events; sidebands: {outside:,} events")
        if sample.label is not None:
            lines.append(f"  {labels(sample)}")
        if name == "data":
            lines.append(f"  searched: {sample.resonance.plain}")
            if isinstance(config.method, Outlier):  # learns from these, and refuses what it cannot
                learned(
                    sample.select(windows.in_sidebands(sample.mass)),
                    DETECTORS[config.method.detector.name].title,
                )
            if METHODS[config.method.name].learns_density:
                problems += [f"{one}: {STEPS}" for one in steps(sample)]
            told, problem = _sideband_fit(config, sample)
            lines.append(f"  {told}")
            problems += problem
    effects = effects_of(entries.get("signal"))
    events = {
        effect: open_input(entries["signal"], config.inputs.luminosity, effect).num_events
        for effect in effects
    }
    lines += [
        f"signal, {name}: {events[f'{name}/up']:,} events up, {events[f'{name}/down']:,} down"
        for name in dict.fromkeys(effect.partition("/")[0] for effect in effects)
    ]
    return Checked((*lines, *estimate(config, samples).lines()), tuple(problems))


def labels(sample: Sample) -> str:
    """Return what a sample with labels holds by truth, and what a search does with that."""
    signal = int((sample.label == 1).sum()) if sample.label is not None else 0
    return (
        f"truth labels: {signal:,} events of signal, {len(sample) - signal:,} of background; a search does not look "
        "at them, they are for evaluation alone (signal efficiency, SIC)"
    )


def _sideband_fit(config: Config, data: Sample) -> tuple[str, list[str]]:
    """Return how well the dijet function describes the sidebands, and that as a problem where it does not."""
    try:
        fit = fit_sidebands(data, config.regions.windows, config.fit.bin_width, config.fit.sqrt_s)
    except FitError as error:
        return f"dijet function in the sidebands: {error}", [f"the fit to the sidebands fails: {error}"]
    told = f"chi2/ndf {fit.chi2:.0f}/{fit.ndf}, p = {fit.p_value:.2g}"
    line = f"dijet function in the sidebands: {told}, {fit.n_shape} shape parameters"
    if fit.adequate:
        return f"{line}: {'poor' if fit.p_value < POOR else 'good'}", []
    return f"{line}: bad", [
        f"the dijet function does not describe the sidebands ({told}), and the expected background is its: start the "
        "lower sideband above the turn-on of the trigger, end the upper one where events end, or narrow both"
    ]
