"""The methods of a comparison: those that are asked for, or all that its inputs allow."""

from __future__ import annotations

from hepflow.errors import ConfigError
from hepflow.workflow.config import Config, Method, methods
from hepflow.workflow.config.methods import NEEDS_SIMULATION, NEEDS_TRUTH

WITHOUT_SIMULATION = ("cathode", "lacathode", "flow-matching", "curtains", "cwola", "anode", "r-anode")


def methods_of(config: Config, *, truth: bool) -> dict[str, Method]:
    """Return the methods to compare, by name; without a list, all that the inputs allow.

    Parameters
    ----------
    config
        The analysis.
    truth
        Whether the data have truth labels.

    Raises
    ------
    ConfigError
        If a method needs simulation or truth and there is none, or stands there twice.
    """
    simulated = config.inputs.simulation is not None
    truth = truth and config.inputs.signal is not None
    wanted = config.compare.methods
    if wanted is None:
        names = [*WITHOUT_SIMULATION]
        names += NEEDS_SIMULATION if simulated else ()
        names += NEEDS_TRUTH if truth else ()
        wanted = tuple(methods.BY_NAME[name]() for name in names)
    found: dict[str, Method] = {}
    for method in wanted:
        if method.name in NEEDS_SIMULATION and not simulated:
            raise ConfigError(
                f"compare.methods: {method.name!r} starts from simulation; give `inputs.simulation`"
            )
        if method.name in NEEDS_TRUTH and not truth:
            raise ConfigError(
                f"compare.methods: {method.name!r} is a reference that needs truth: data with labels, and a signal "
                "sample; leave it out on real data"
            )
        name: str = method.name
        if isinstance(method, methods.Feta | methods.Curtains) and method.variant != type(method)().variant:
            name += f"-{method.variant}"  # the variants may stand side by side
        if name in found:
            raise ConfigError(f"compare.methods: {name!r} stands there twice")
        found[name] = method
    return found
