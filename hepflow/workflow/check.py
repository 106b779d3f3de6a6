"""Checking: everything that can be known wrong before a long run."""

from __future__ import annotations

from hepflow.features import features
from hepflow.workflow.build import open_inputs
from hepflow.workflow.config import Config


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
    lines = []
    for name, source in open_inputs(config).items():
        kind = getattr(config.inputs, name).format
        lines.append(f"{name}: {len(source.files)} file(s), {source.num_events:,} events, format {kind}")
        sample = features(source, config.features)
        lines += [f"  {cause}: {events:,}" for cause, events in sample.cutflow]
        windows = config.regions.windows
        if name != "signal":  # which may well be narrower than the regions
            windows.split(sample)
        inside, outside = windows.in_signal(sample.mass).sum(), windows.in_sidebands(sample.mass).sum()
        lines.append(f"  signal region: {inside:,} events; sidebands: {outside:,} events")
    return lines
