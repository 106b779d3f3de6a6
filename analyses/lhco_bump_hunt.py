"""The LHC Olympics search: a resonance hidden in QCD dijets, made visible by CATHODE and a cut, and fitted.

    python analyses/lhco_bump_hunt.py events_anomalydetection_v2.features.h5 --injected 300 --out runs/lhco

The file is the features HDF5 of the R&D set (Zenodo 10.5281/zenodo.4536377, arXiv:2101.08320), or the same events
as a TTree ``Events`` with FatJet branches and the truth in ``genLabel``. Its background is the data, and some of its
signal events are hidden in them; the others measure efficiencies and make the signal template.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

import hepflow as hf

FEATURES = ("m_J1", "dm_J", "tau21_J1", "tau21_J2")
WINDOWS = hf.Windows(signal=(3300, 3700), sidebands=[(2500, 3300), (3700, 5000)])  # GeV


def read(path: Path, label: int) -> hf.Sample:
    """Return the events of one truth label (0 background, 1 signal)."""
    if path.suffix == ".root":
        source = hf.read(path, format="nanoaod", label_branch="genLabel", label=label)
    else:
        source = hf.read(path, format="lhco", label=label)
    return hf.features(source, FEATURES)


def search(
    data: hf.Sample,
    signal: hf.Sample,
    out: Path,
    *,
    method: hf.methods.Method,
    classifier: hf.classifiers.DensityRatio,
    efficiencies: Sequence[float] = (0.1, 0.01, 0.001),
    seed: int = 1,
) -> dict[float, hf.stats.BumpHunt]:
    """Return the bump hunt of each selection by its background efficiency, and draw its spectrum into `out`."""
    background = method.fit(data, WINDOWS, seed=seed)
    scores = hf.score(classifier, data, background, signal=signal, seed=seed)
    validation = [hf.validate(method, classifier, data, WINDOWS, seed=seed, training=k) for k in range(2)]
    selections = hf.cuts(scores, efficiencies, validation=validation)
    hunts = {}
    for cut in [hf.inclusive(data, background, signal), *selections]:
        template = hf.stats.SignalTemplate.of(cut.signal, cut.spectrum.edges) if cut.signal_passes else None
        hunt = hf.stats.bump_hunt(cut.spectrum, template)
        hf.plots.spectrum(hunt).save(out / f"mjj_eps{cut.background_efficiency:g}.pdf")
        hunts[cut.background_efficiency] = hunt
    return hunts


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--injected", default=300, show_default=True, help="Signal events to hide in the data.")
@click.option("--seed", default=1, show_default=True, help="Seed of the injection and of every training.")
@click.option("--out", default="runs/lhco", show_default=True, type=click.Path(path_type=Path))
def main(path: Path, injected: int, seed: int, out: Path) -> None:
    """Search the LHC Olympics events in PATH."""
    out.mkdir(parents=True, exist_ok=True)
    data, signal = hf.inject(read(path, label=1), into=read(path, label=0), events=injected, seed=seed)
    method, classifier = hf.methods.Cathode(), hf.classifiers.BoostedTrees()
    hunts = search(data, signal, out, method=method, classifier=classifier, seed=seed)
    for efficiency, hunt in hunts.items():
        print(f"eps_B {efficiency:<6g} {hunt}")


if __name__ == "__main__":
    main()
