"""Checking: everything that can be known wrong before a long run."""

from __future__ import annotations

from hepflow.features import features, fields_for
from hepflow.workflow.build import open_inputs, open_variations
from hepflow.workflow.config import Config
from hepflow.workflow.estimate import estimate


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
    for name, source in open_inputs(config).items():
        kind = getattr(config.inputs, name).format
        lines.append(f"{name}: {len(source.files)} file(s), {source.num_events:,} events, format {kind}")
        columns = source.columns_read(fields_for(source, config.features))
        lines.append(f"  reads {', '.join(columns)}")
        sample = samples[name] = features(source, config.features)
        lines += [f"  {cause}: {events:,}" for cause, events in sample.cutflow]
        if (sample.weight != 1).any():
            lines.append(f"  weights add up to {sample.weight.sum():,.6g} events")
        windows = config.regions.windows
        if name != "signal":  # which may well be narrower than the regions
            windows.split(sample)
        inside, outside = windows.in_signal(sample.mass).sum(), windows.in_sidebands(sample.mass).sum()
        lines.append(f"  signal region: {inside:,} events; sidebands: {outside:,} events")
    for name, (up, down) in open_variations(config).items():
        lines.append(f"signal, {name}: {up.num_events:,} events up, {down.num_events:,} down")
    return [*lines, *estimate(config, samples).lines()]
