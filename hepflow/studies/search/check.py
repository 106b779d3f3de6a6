"""Checking: everything that can be known wrong before a long run."""

from __future__ import annotations

from hepflow import outliers
from hepflow.config import Config
from hepflow.features import features, fields_for
from hepflow.studies.analysis.inputs import effects_of, open_input
from hepflow.studies.search.estimate import estimate


def check(config: Config) -> list[str]:
    """Open what an analysis reads, and report what can be known before it runs.

    Returns
    -------
    list of str
        One line per finding.

    Raises
    ------
    HepflowError
        If the analysis could not start.
    """
    lines, samples = [], {}
    entries = {name: config.opened(entry) for name, entry in config.inputs.given.items()}
    for name, entry in entries.items():
        source = open_input(entry, config.inputs.luminosity)
        kind = entry.format
        lines.append(f"{name}: {len(source.files)} file(s), {source.num_events:,} events, format {kind}")
        columns = source.columns_read(fields_for(source, config.features))
        lines.append(f"  reads {', '.join(columns)}")
        sample = samples[name] = features(source, config.features)
        lines += [f"  {cause}: {events:,}" for cause, events in sample.cutflow]
        lines += [f"  warning: {one}" for one in outliers.sentences(sample)]
        if (sample.weight != 1).any():
            lines.append(f"  weights add up to {sample.weight.sum():,.6g} events")
        windows = config.regions.windows
        if name != "signal":  # which may well be narrower than the regions
            windows.split(sample)
        inside, outside = windows.in_signal(sample.mass).sum(), windows.in_sidebands(sample.mass).sum()
        lines.append(f"  signal region: {inside:,} events; sidebands: {outside:,} events")
    effects = effects_of(entries.get("signal"))
    events = {
        effect: open_input(entries["signal"], config.inputs.luminosity, effect).num_events
        for effect in effects
    }
    lines += [
        f"signal, {name}: {events[f'{name}/up']:,} events up, {events[f'{name}/down']:,} down"
        for name in dict.fromkeys(effect.partition("/")[0] for effect in effects)
    ]
    return [*lines, *estimate(config, samples).lines()]
