"""What is bundled: samples of dijets from Pythia 8, and spectra.

QCD dijets as data, the same with another tune as simulation, and a W' signal, which `hepflow demo` searches;
``mjj.csv``, a falling spectrum with 400 events of a resonance at 3.5 TeV, the background in it (``background.csv``),
and 100 events of signals at three masses (``signal_2700.csv``, ...), all drawn from formulae.
"""

from pathlib import Path

BUNDLED = "demo:"  # begins the path of a bundled file, wherever hepflow is installed


def config_path() -> Path:
    """Return the path of the configuration that `hepflow demo` runs."""
    return Path(__file__).with_name("config.yaml")


def bundled(path: str) -> str:
    """Return a path as it can be opened: one such as ``demo:mjj.csv`` is that of a bundled file, others stay."""
    return str(config_path().with_name(path.removeprefix(BUNDLED))) if path.startswith(BUNDLED) else path
