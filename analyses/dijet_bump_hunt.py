"""A classic dijet bump hunt: F-test, bias test, mass scan with limits, global significance, BumpHunter.

    python analyses/dijet_bump_hunt.py mjj.csv --out runs/dijets    # a spectrum in GeV
    python analyses/dijet_bump_hunt.py                              # a generated one with a bump at 4 TeV

The spectrum is a CSV file (columns low, high, count), a histogram of `hist` as JSON, or a ROOT TH1
(``file.root:name``). The signal is a Gaussian of 3 % width, its strength the number of its events. The spurious
signal of the bias test is an error of every fit in the scan.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np

import hepflow as hf

WIDTH = 0.03  # of the resonance, over its mass
resonance = hf.stats.gaussian_family(WIDTH)


@dataclass(frozen=True)
class Hunt:
    """What a hunt finds; `fits` holds all functions, the dijet function first."""

    fits: list[hf.smooth.SmoothFit]
    bias: hf.stats.BiasTest
    scan: hf.stats.Scan
    window: hf.stats.BumpHunterResult


def generate(seed: int, signal: float = 150.0) -> tuple[np.ndarray, np.ndarray]:
    """Return edges (GeV) and counts of 100,000 dijets from 2.4 to 7 TeV and `signal` events of a resonance."""
    edges = np.linspace(2400, 7000, 93)
    x = 0.5 * (edges[1:] + edges[:-1]) / hf.smooth.SQRT_S
    falling = (1 - x) ** 10 / x ** (5 + 0.3 * np.log(x))
    expected = 100_000 * falling / falling.sum() + signal * resonance(4000)(edges).counts
    return edges, np.random.default_rng(seed).poisson(expected)


def hunt(edges: np.ndarray, counts: np.ndarray, *, masses=None, toys: int = 2000, seed: int = 1) -> Hunt:
    """Hunt for a resonance of any mass in a spectrum."""
    masses = hf.stats.scan_masses(edges, counts, WIDTH) if masses is None else masses
    everywhere = np.ones(len(counts), dtype=bool)
    functions = hf.smooth.FUNCTIONS.values()
    fits = [hf.smooth.fit_smooth(edges, counts, everywhere, function=function) for function in functions]
    # the spurious signal changes slowly with the mass: a quarter of the masses tells it
    bias = hf.stats.bias_test(hf.stats.MassScan(edges, counts, masses[::4], resonance), seed=seed)
    spurious = np.interp(masses, bias.mass, bias.size)
    scan = hf.stats.MassScan(edges, counts, masses, resonance, spurious=spurious)
    found = scan.run(seed=seed)
    overall = hf.stats.global_significance(scan, found, toys=toys, seed=seed)
    expected = fits[0].expected(edges)
    refit = hf.stats.SmoothToys(edges, expected, fits[0]).expected  # toys are fitted like the data
    window = hf.stats.bumphunter(edges, counts, expected, widths=(2, 8), refit=refit, toys=toys, seed=seed)
    return Hunt(fits, bias, replace(found, global_significance=overall), window)


def draw(edges: np.ndarray, counts: np.ndarray, found: Hunt, out: Path) -> None:
    """Draw everything into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    hf.plots.f_test(found.fits[0]).save(out / "f_test.png")
    hf.plots.smooth_fits(edges, counts, found.fits).save(out / "functions.png")
    hf.plots.bias(found.bias).save(out / "bias.png")
    hf.plots.p_scan(found.scan).save(out / "p_scan.png")
    hf.plots.global_toys(found.scan.global_significance).save(out / "global_toys.png")
    hf.plots.brazil(found.scan).save(out / "limits.png")
    hf.plots.bumphunter(found.window).save(out / "bumphunter.png")


def summary(found: Hunt) -> str:
    """Return the findings in a few lines."""
    fit, scan, excess = found.fits[0], found.scan, found.scan.global_significance
    pull = found.bias.pull.flat[np.argmax(np.abs(found.bias.pull))]
    at = int(np.nanargmax(scan.z))
    lines = [
        f"dijet function, {fit.n_shape} shape parameters by the F-test: chi2/ndf {fit.chi2:.1f}/{fit.ndf}",
        f"largest mean pull on spectra of other functions: {pull:.2f}",
        f"largest excess of {len(scan.mass)} masses at {excess.mass:g} GeV: local Z = {excess.z_local:.2f}, "
        f"{scan.mu_hat[at]:.0f} +- {scan.mu_hat_error[at]:.0f} events",
        f"global p = {excess.p:.2g} +- {excess.p_error:.1g} from toys, {excess.p_upcrossings:.2g} "
        f"(Z = {excess.z_upcrossings:.2f}) from upcrossings",
        f"upper limit there: {scan.mu_up_obs[at]:.0f} events, {scan.mu_up_exp[at, 2]:.0f} expected",
        f"BumpHunter: {found.window}",
    ]
    return "\n".join([*lines, *scan.problems])


@click.command()
@click.argument("spectrum", required=False)
@click.option("--toys", default=2000, show_default=True, help="Toys behind each global p-value.")
@click.option("--seed", default=1, show_default=True, help="Seed of all toys, and of a generated spectrum.")
@click.option("--out", default="runs/dijets", show_default=True, type=click.Path(path_type=Path))
def main(spectrum: str | None, toys: int, seed: int, out: Path) -> None:
    """Hunt for a resonance in SPECTRUM, or in a generated one."""
    try:
        edges, counts = generate(seed) if spectrum is None else hf.stats.read_spectrum(spectrum)
        found = hunt(edges, counts, toys=toys, seed=seed)
    except hf.HepflowError as error:
        raise click.ClickException(str(error)) from error
    draw(edges, counts, found, out)
    print(summary(found))


if __name__ == "__main__":
    main()
