"""The bundled sample: QCD dijets as data, the same with another tune as simulation, and a W' signal."""

from pathlib import Path


def config_path() -> Path:
    """Return the path of the configuration that `hepflow demo` runs."""
    return Path(__file__).with_name("config.yaml")
