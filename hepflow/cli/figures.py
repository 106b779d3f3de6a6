"""The figures of fits and scans: each is computed and drawn on its own, so that one that fails costs no other."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from hepflow.cli import console
from hepflow.errors import HepflowError

if TYPE_CHECKING:
    from hepflow.cli.scans import CrossSection
    from hepflow.plots import Figure
    from hepflow.spectrum import Spectrum
    from hepflow.stats import BiasTest, BumpHunt, BumpHunterResult, MassScan, Profile, Scan
    from hepflow.stats.diagnostics import ChannelYields

Drawings: TypeAlias = "Mapping[str, Callable[[], Figure]]"

TOYS = 1000  # of the goodness of fit


def write_figures(folder: Path, drawings: Drawings) -> None:
    """Draw figures into a folder, as PDF and PNG; one that cannot be drawn is named on standard error."""
    from hepflow.plots import save_all

    save_all(_drawn(drawings), folder)
    console.echo(f"figures in {folder}", err=True)


def _drawn(drawings: Drawings) -> Iterator[tuple[str, Figure]]:
    for name, draw in drawings.items():
        try:
            figure = draw()
        except HepflowError as error:
            logging.getLogger("hepflow.cli").warning("no figure %s: %s", name, error)
        else:
            yield name, figure


def fit_figures(
    hunt: BumpHunt, profile: Profile, spectrum: Spectrum | None, *, toys: int | None, seed: int
) -> Drawings:
    """Return the figures of a bump hunt and of the fit behind it; `spectrum` has the axis of the mass.

    Of a blinded one, what is called data are the Asimov data that were fitted.
    """
    from hepflow import plots, stats

    right = "Asimov data" if hunt.blind else ""
    drawings: dict[str, Callable[[], Figure]] = {}
    if hunt.spectrum is not None:
        drawings["spectrum"] = lambda: plots.spectrum(hunt)
    if hunt.spectrum is not None and hunt.smooth is not None:
        edges, counts, fit = hunt.spectrum.edges, hunt.spectrum.data, hunt.smooth
        fitted, resonance = hunt.spectrum.windows.sidebands, hunt.spectrum.resonance
        drawings["f_test"] = lambda: plots.f_test(fit)
        exposure = 1.0 if hunt.spectrum.exposure is None else hunt.spectrum.exposure
        drawings["smooth_fit"] = lambda: plots.smooth_fits(
            edges, counts, [fit], exposure=exposure, sidebands=fitted, resonance=resonance
        )
    drawings |= {
        "pulls": lambda: plots.pulls(stats.pulls(profile), right=right),
        "impacts": lambda: plots.impacts(stats.impacts(profile), right=right),
        "correlations": lambda: plots.correlations(stats.correlations(profile), right=right),
        "likelihood_scan": lambda: plots.likelihood_scan(stats.likelihood_scan(profile), right=right),
        "goodness": lambda: plots.goodness(
            stats.goodness_of_fit(profile, mu=None, toys=TOYS if toys is None else toys, seed=seed),
            right=right,
        ),
    }
    for name, channel in stats.post_fit(profile).channels.items():
        file = "post_fit_" + re.sub(r"[^\w.-]", "_", name)
        drawings[file] = partial(
            plots.post_fit, channel, right=right or None, **_mass_axis(spectrum, channel)
        )
    return drawings


def _mass_axis(spectrum: Spectrum | None, channel: ChannelYields) -> dict[str, Any]:
    """Return where the bins of a channel lie in the mass, where they are those of a spectrum."""
    from hepflow.stats.model import channel_bins

    if spectrum is None:
        return {}
    edges, bins = spectrum.edges, len(channel.data)
    groups = channel_bins(spectrum).get(channel.name, [])
    ends = [(edges[group[0]], edges[group[-1] + 1]) for group in groups]
    if len(ends) != bins:  # one fit to all bins
        ends = list(pairwise(edges))
    return {"edges": ends, "axis": spectrum.resonance.axis} if len(ends) == bins else {}


def spectrum_behind(target: str) -> Spectrum | None:
    """Return the spectrum that a workspace of a run was made of, as far as the run's record has it."""
    import numpy as np

    from hepflow.regions import Windows
    from hepflow.results import Results
    from hepflow.spectrum import Spectrum

    path = Path(target)
    record = path.parent.parent / "results.json"
    if path.parent.name != "workspaces" or not record.is_file():
        return None
    results = Results.from_json(record)
    for cut in (results.inclusive, *results.cuts):
        if cut.name == path.stem:
            bins, expected = cut.spectrum, np.array(cut.spectrum.expected)
            observed = [mean if n is None else n for n, mean in zip(bins.observed, expected, strict=True)]
            windows = Windows(**results.regions)
            after = cut.background_efficiency != 1
            return Spectrum(
                np.array(bins.edges),
                np.array(observed),
                expected,
                windows,
                sidebands_in_fit=after,
                resonance=bins.resonance,
            )
    return None


def scan_figures(
    scan: MassScan,
    found: Scan,
    bias: BiasTest | None,
    bump: BumpHunterResult | None,
    section: CrossSection,
) -> Drawings:
    """Return the figures of a scan over masses, and of the tests beside it."""
    from hepflow import plots

    smooth, overall = scan.background(), found.global_significance
    exposure = 1.0 if scan.exposure is None else scan.exposure
    drawings: dict[str, Callable[[], Figure]] = {
        "p_values": lambda: plots.p_scan(
            found, expected=section.expected(scan), expected_name="Expected, theory"
        ),
        "f_test": lambda: plots.f_test(smooth),
        "smooth_fit": lambda: plots.smooth_fits(
            scan.edges, scan.counts, [smooth], exposure=exposure, resonance=scan.resonance
        ),
    }
    if overall is not None:
        drawings["global_toys"] = partial(plots.global_toys, overall)
    if found.mu_up_obs is not None:
        drawings["limits"] = lambda: plots.brazil(found, theory=section.curve())
    if bias is not None:
        drawings["bias"] = partial(plots.bias, bias)
    if bump is not None:
        drawings["bumphunter"] = partial(plots.bumphunter, bump, resonance=scan.resonance)
    return drawings
