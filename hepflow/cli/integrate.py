"""``hepflow integrate``: the integral of a function, and its events."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hepflow.cli import console
from hepflow.cli.options import FOLDER
from hepflow.errors import ConfigError, InputError, did_you_mean

if TYPE_CHECKING:
    from hepflow.integration import Channel

STATE = "state.safetensors"


@click.command(
    epilog=console.example(
        "hepflow integrate mymodule:weight --dim 4 --out runs/weight",
        "hepflow integrate mymodule:weight --bounds 0 1 --bounds 10 500 --channel '1 breit-wigner-mass 91.2 2.5' "
        "--channel '1 power -3' --calls 1000000 --out runs/z --unweighted 10000",
    )
)
@click.argument("target", metavar="MODULE:FUNCTION")
@click.option("--dim", type=click.IntRange(min=1), help="Number of axes of the unit cube.")
@click.option(
    "--bounds",
    type=(float, float),
    multiple=True,
    help="Lowest and highest value of an axis, one after another.",
)
@click.option("--calls", type=click.IntRange(min=1), default=200_000, show_default=True, help="Calls in all.")
@click.option(
    "--channel",
    "channels",
    multiple=True,
    help="A mapping, such as '0 breit-wigner 0.5 0.02, 2 power -1'. Kinds: breit-wigner MASS WIDTH, "
    "breit-wigner-mass MASS WIDTH, power POWER [ORIGIN], massless [POWER [REGULATOR]], uniform.",
)
@click.option("--proposal", default="coupling", show_default=True, help="coupling, autoregressive or vegas.")
@click.option("--loss", default="variance", show_default=True, help="variance or kl.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of all random numbers.")
@click.option("--out", type=FOLDER, required=True, help="Folder of results, from which a killed run goes on.")
@click.option(
    "--unweighted", type=click.IntRange(min=0), default=0, help="Events of equal weight to write, too."
)
@console.as_json
def integrate(
    target: str,
    dim: int | None,
    bounds: tuple[tuple[float, float], ...],
    calls: int,
    channels: tuple[str, ...],
    proposal: Any,
    loss: Any,
    seed: int,
    out: Path,
    unweighted: int,
    as_json: bool,
) -> None:
    """Integrate a Python function of points (N, D).

    MODULE is imported from the current folder or the environment. The folder gets integration.json, report.html,
    figures, the weighted events as events.parquet, and unweighted ones if they are asked for. After an interrupt,
    the same command goes on from there.
    """
    from hepflow.integration import Recipe
    from hepflow.integration import integrate as run
    from hepflow.plots import save_all
    from hepflow.records import write_json
    from hepflow.report.page import write_page
    from hepflow.storage import save_sample
    from hepflow.studies.integration.figures import figures
    from hepflow.studies.integration.page import doubts, page

    function = _function(target)
    with _claimed(out):
        result = run(
            function,
            dim,
            bounds=bounds or None,
            calls=calls,
            channels=[_channel(text) for text in channels] or None,
            recipe=Recipe(proposal=proposal, loss=loss),
            seed=seed,
            checkpoint=out / STATE,
        )
    record = {"schema": "hepflow-integration-1", "function": target, "seed": seed, **result.numbers()}
    write_json(out / "integration.json", record)
    save_sample(result.events(), out / "events.parquet")
    if unweighted:
        save_sample(result.unweighted(unweighted), out / "unweighted.parquet")
    save_all(figures(result, right=target), out / "figures")
    write_page(page(result, target, seed), out / "report.html")
    if as_json:
        console.print_json(record)
    else:
        console.echo(result.text())
    for sentence in doubts(result):
        logging.getLogger("hepflow.cli").warning(sentence)


def _function(target: str) -> Any:
    """Return what ``module:name`` names."""
    import importlib

    from hepflow.integration import Integrand

    module, colon, name = target.partition(":")
    if not (module and colon and name):
        raise ConfigError(f"{target!r}: expected MODULE:FUNCTION, such as mymodule:weight")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise InputError(
            f"{target}: the module cannot be imported ({error}); run it where {module}.py is"
        ) from error
    except Exception as error:
        raise InputError(f"{target}: the module ends with {_told(error)}") from error
    if not hasattr(found, name):
        raise InputError(f"{target}: no {name!r} in {module}: {did_you_mean(name, vars(found))}")
    function = getattr(found, name)
    if isinstance(function, Integrand):
        return replace(function, function=_blamed(target, function.function))
    return _blamed(target, function) if callable(function) else function


def _blamed(target: str, function: Any) -> Any:
    """Return the function, whose own errors are told as such."""

    def called(x: Any) -> Any:
        try:
            return function(x)
        except Exception as error:
            raise InputError(
                f"{target}, called with points of shape {tuple(x.shape)}: {_told(error)}"
            ) from error

    return called


def _told(error: Exception) -> str:
    """Return an error of code that is not hepflow's, and the line of that code, where Python knows it."""
    frames = [one for one in traceback.extract_tb(error.__traceback__)[1:] if "importlib" not in one.filename]
    where = f" ({frames[0].filename}, line {frames[0].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"


@contextmanager
def _claimed(out: Path) -> Iterator[None]:
    """Make the folder, unless it holds anything but an integration; one that stays empty is none."""
    if out.is_dir() and any(out.iterdir()) and not (out / STATE).is_file():
        raise InputError(f"{out} is not empty and holds no integration; choose another --out")
    new = not out.is_dir()
    out.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        if new and not any(out.iterdir()):
            out.rmdir()


def _channel(text: str) -> Channel:
    """Return the channel that an option describes: mappings of axes, divided by commas."""
    from hepflow.integration import BreitWigner, Channel, PowerLaw, Uniform, massless

    kinds: dict[str, Any] = {
        "breit-wigner": BreitWigner,
        "breit-wigner-mass": lambda mass, width: BreitWigner(mass, width, of_mass=True),
        "power": PowerLaw,
        "massless": massless,
        "uniform": Uniform,
    }
    axes = {}
    for part in text.split(","):
        words = part.split()
        if len(words) < 2 or words[1] not in kinds:
            known = did_you_mean(words[1] if len(words) > 1 else "", kinds)
            raise ConfigError(
                f"--channel {text!r}: expected an axis and a mapping, such as '0 power -2'; {known}"
            )
        try:
            axes[int(words[0])] = kinds[words[1]](*map(float, words[2:]))
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"--channel {text!r}: {part.strip()!r} has the wrong numbers ({error})"
            ) from None
    return Channel(axes)
