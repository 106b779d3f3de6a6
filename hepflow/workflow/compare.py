"""Several methods on the same data: `hepflow compare`."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from hepflow import __version__
from hepflow.comparison import Comparison
from hepflow.errors import ConfigError
from hepflow.features import features
from hepflow.sample import Sample, inject
from hepflow.selection import check_no_overlap
from hepflow.storage import write_text
from hepflow.workflow.build import open_inputs
from hepflow.workflow.cache import fingerprint, stage_key
from hepflow.workflow.config import Config, Injection, Method, methods
from hepflow.workflow.config.methods import NEEDS_SIMULATION, NEEDS_TRUTH
from hepflow.workflow.dataset import DataSet
from hepflow.workflow.summary import PACKAGES

WITHOUT_SIMULATION = ("cathode", "lacathode", "flow-matching", "curtains", "cwola", "anode", "r-anode")


def compare(config: Config, out: Path, *, scan: bool = False) -> Comparison:
    """Run several methods on the same data, over seeds and, if asked, over injections.

    Parameters
    ----------
    config
        The analysis; its `compare` block says which methods, how many seeds, and the injections of a scan. What is
        expected of a cut comes from asymptotic formulae, unless `fit.calculator` asks for toys.
    out
        Folder: ``comparison.json``, ``config.yaml``, ``figures/`` and, for each data set, the stages of every method.
        What is done there already is read, not computed again.
    scan
        Repeat everything at each of ``compare.injections``, in the place of ``injection.events``.

    Returns
    -------
    Comparison
        One result a method, seed and injection. A method that its input does not allow to run is among them, with the
        reason in `problems`.

    Raises
    ------
    ConfigError
        If a method needs simulation or truth and there is none, a scan has no signal to inject, or the analysis is
        blinded.
    InputError
        If evaluation events stand among those that are trained on, or files cannot be read.
    """
    if config.fit.blind:
        raise ConfigError(
            "fit.blind: a comparison shows the data of the signal region; on generated or R&D data say "
            "`--set fit.blind=false`"
        )
    sources = open_inputs(config)
    samples = {name: features(source, config.features) for name, source in sources.items()}
    if scan and "signal" not in samples:
        raise ConfigError("--scan injection adds signal to the data: give `inputs.signal`")
    chosen = methods_of(config, samples)
    settings = config.model_dump(mode="json")
    prints = {name: fingerprint(source.files) for name, source in sources.items()}
    key = stage_key("", [settings["inputs"], settings["features"], settings["regions"], prints])
    injected = config.injection.events if config.injection else 0
    results, matrices = [], []
    for events in config.compare.injections if scan else (injected,):
        for seed in range(config.seed, config.seed + config.compare.seeds):
            dataset = _dataset(
                config, chosen, samples, events, seed, out / f"{events}-injected" / f"seed-{seed}", key
            )
            found, agreement = dataset.results()
            results += found
            matrices += agreement
    comparison = Comparison(
        name=config.name,
        config_hash=config.hash(),
        versions={"hepflow": __version__, **{package: version(package) for package in PACKAGES}},
        regions={
            "signal": list(config.regions.signal),
            "sidebands": [list(b) for b in config.regions.sidebands],
        },
        results=tuple(results),
        matrices=tuple(matrices),
    )
    write_text(out / "config.yaml", config.to_yaml(out))
    comparison.write(out / "comparison.json")
    return comparison


def methods_of(config: Config, samples: dict[str, Sample]) -> dict[str, Method]:
    """Return the methods to compare, by name; without a list, all that the samples allow.

    Raises
    ------
    ConfigError
        If a method needs simulation or truth and there is none, or stands there twice.
    """
    truth = samples["data"].label is not None and "signal" in samples
    wanted = config.compare.methods
    if wanted is None:
        names = [*WITHOUT_SIMULATION]
        names += NEEDS_SIMULATION if "simulation" in samples else ()
        names += NEEDS_TRUTH if truth else ()
        wanted = tuple(methods.BY_NAME[name]() for name in names)
    found: dict[str, Method] = {}
    for method in wanted:
        if method.name in NEEDS_SIMULATION and "simulation" not in samples:
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


def _dataset(
    config: Config,
    chosen: dict[str, Method],
    samples: dict[str, Sample],
    events: int,
    seed: int,
    folder: Path,
    key: str,
) -> DataSet:
    """Return the data with signal injected: each seed is another draw of it, and another training."""
    data, signal = samples["data"], samples.get("signal")
    first = config.injection.seed if config.injection else config.seed
    draw = first + seed - config.seed
    if signal is not None:
        data, signal = inject(signal, data, events, draw)
        check_no_overlap(signal, data)
    if "reference" in samples:
        check_no_overlap(data, samples["reference"])
    injection = None if signal is None else Injection(events=events, seed=draw)
    fit = config.fit
    if fit.calculator == "auto":  # toys for every cut of every method would take most of the time
        fit = fit.model_copy(update={"calculator": "asymptotic"})
    own = config.model_copy(update={"seed": seed, "injection": injection, "fit": fit})
    return DataSet(
        config=own,
        methods=chosen,
        data=data,
        signal=signal,
        simulation=samples.get("simulation"),
        reference=samples.get("reference"),
        injected=events,
        folder=folder,
        key=stage_key(key, [events, draw, seed]),
    )
