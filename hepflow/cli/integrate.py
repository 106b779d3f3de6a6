"""``hepflow integrate``: the integral of a function, and its events."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hepflow.cli import console
from hepflow.cli.options import FOLDER
from hepflow.cli.studies import carry_out
from hepflow.errors import ConfigError
from hepflow.studies.integration.stages import STAGES

if TYPE_CHECKING:
    from hepflow.config import Integration

YAML = (".yaml", ".yml")


@click.command(
    epilog=console.example(
        "hepflow integrate integral.yaml",
        "hepflow integrate integrand.py:weight --dim 4 --out runs/weight",
        "hepflow integrate integrand.py:weight --bounds 0 1 --bounds 10 500 \\",
        "    --channel '1 breit-wigner-mass 91.2 2.5' --channel '1 power -3' --calls 1000000 --unweighted 10000",
    )
)
@click.argument("target", metavar="CONFIG|FILE.py:FUNCTION")
@click.option("--dim", type=click.IntRange(min=1), help="Number of axes of the unit cube.")
@click.option(
    "--bounds",
    type=(float, float),
    multiple=True,
    help="Lowest and highest value of an axis, one after another.",
)
@click.option("--calls", type=click.IntRange(min=1), help="Calls in all [default: 200000].")
@click.option(
    "--channel",
    "channels",
    multiple=True,
    help="A mapping, such as '0 breit-wigner 0.5 0.02, 2 power -1'. Kinds: breit-wigner MASS WIDTH, "
    "breit-wigner-mass MASS WIDTH, power POWER [ORIGIN], massless [POWER [REGULATOR]], uniform.",
)
@click.option("--proposal", help="coupling, autoregressive or vegas [default: coupling].")
@click.option("--loss", help="variance or kl [default: variance].")
@click.option("--seed", type=int, help="Seed of all random numbers [default: 1].")
@click.option("--out", type=FOLDER, help="Run folder [default: runs/NAME, of a function its name].")
@click.option("--unweighted", type=click.IntRange(min=0), help="Events of equal weight to write, too.")
@click.option("--until", type=click.Choice(STAGES), help="Stop after this stage.")
@console.overrides
@console.dry_run
@console.as_json
def integrate(
    target: str,
    out: Path | None,
    until: str | None,
    overrides: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Integrate a Python function of points (N, D).

    Of a configuration with `task: integrate`, or of the function itself: FILE.py:FUNCTION, or MODULE:FUNCTION of an
    installed package, whose code is run. The run folder gets integration.json, report.html, figures, the weighted
    events as events.parquet, and unweighted ones if they are asked for. After an interrupt, the same command goes
    on from there.
    """
    from hepflow.config import load_integration

    given = {key: value for key, value in settings.items() if value not in (None, ())}
    if Path(target).suffix.lower() in YAML:
        if given:
            options = ", ".join(f"--{'channel' if key == 'channels' else key}" for key in given)
            raise click.UsageError(f"{options}: for a function; of a configuration, --set changes its keys")
        config = load_integration(target, overrides, command="hepflow integrate")
    else:
        if overrides:
            raise click.UsageError("--set: for a configuration; of a function, its options say everything")
        config = _of_function(target, given)
    carry_out("integrate", config, out, as_json, dry_run=dry_run, until=until)


def _of_function(target: str, given: dict[str, Any]) -> Integration:
    """Return the configuration that options say."""
    from pydantic import ValidationError

    from hepflow.config import Integration

    module, colon, name = target.rpartition(":")
    if colon and Path(f"{module}.py").is_file():  # in this folder, as Python would import it
        target = f"{module}.py:{name}"
    try:
        config = Integration(
            function=target, name=re.sub(r"[^A-Za-z0-9._-]", "-", name).lstrip("._-"), **given
        )
    except ValidationError as error:
        told = (f"{one['loc'][0]}: {one['msg'].removeprefix('Value error, ')}" for one in error.errors())
        raise ConfigError("; ".join(told)) from None
    return config.within(Path())
