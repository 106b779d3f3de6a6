"""Integrals by neural importance sampling: mappings, grids, flows and learned channel weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from tqdm import tqdm

from hepflow.errors import ConfigError
from hepflow.flows.bijections import Bijection
from hepflow.integration.channels import Channel, named
from hepflow.integration.integral import Integral, combined, joined
from hepflow.integration.integrand import Function, Integrand, integrand
from hepflow.integration.learning import Loss
from hepflow.integration.proposals import Grid, has_vegas
from hepflow.integration.recipe import SEVERAL, ProposalName, Recipe
from hepflow.integration.run import INCREMENTS, Progress, Run
from hepflow.integration.sampler import Sampler
from hepflow.integration.weights import Given
from hepflow.text import with_error


def integrate(
    function: Function | Integrand,
    dim: int | None = None,
    *,
    bounds: ArrayLike | None = None,
    calls: int = 200_000,
    channels: Sequence[Channel | Bijection] | None = None,
    channel_weights: Given = "densities",
    proposal: ProposalName | None = None,
    loss: Loss | None = None,
    recipe: Recipe | None = None,
    seed: int = 1,
    checkpoint: str | Path | None = None,
) -> Integral:
    """Integrate a function by proposals that learn it.

    Parameters
    ----------
    function
        Takes points of shape ``(N, D)``, returns values ``(N,)``; or an `Integrand`.
    dim, bounds
        The number of axes D, or their lowest and highest values, shape ``(D, 2)``; the unit cube without bounds.
    calls
        Points at which the function is evaluated, in all: a share trains, the others make the value.
    channels
        Mappings of the peaks; one that is uniform where left out.
    channel_weights
        How channels share the integrand to begin with: ``densities``, each by the density of its mapping; ``equal``;
        or a function of points (N, D) that returns weights (N, C).
    proposal, loss
        Of the recipe, for short.
    recipe
        How proposals and channel weights are trained.
    seed
        Of all random numbers.
    checkpoint
        A file (safetensors) that is written, whole or not at all, after each round. If it is there already, the
        integration goes on from it and ends with the same value as without the interruption.

    Returns
    -------
    Integral
        The value with its error, from calls that no training saw, and what draws events.

    Raises
    ------
    ConfigError
        If arguments make no sense together, or the checkpoint is of another integration.
    InputError
        If the function returns what is no value, or zero everywhere, or the checkpoint cannot be read.

    Notes
    -----
    MadNIS (arXiv:2212.06172, 2311.01548). Each round's points are kept with the densities of all rounds, and weigh by
    the balance heuristic in the next training: nothing that was evaluated is thrown away.

    Examples
    --------
    >>> import hepflow as hf
    >>> known = hf.integration.camel(2)
    >>> result = hf.integrate(known.integrand, calls=40_000)
    >>> abs(result.value - known.exact) < 5 * result.error
    True
    """
    what = integrand(function, dim, bounds)
    asked = {name: value for name, value in (("proposal", proposal), ("loss", loss)) if value is not None}
    if recipe is not None and asked:
        raise ConfigError(f"integrate: {', '.join(asked)} beside a recipe; expected it in the recipe")
    recipe = recipe or Recipe(**asked)  # type: ignore[arg-type]
    if calls < 1:
        raise ConfigError(f"integrate: {calls} calls; expected at least 1")
    made = named(channels)
    # before channel weights are learned, a grid would follow what other channels take over later
    helps = has_vegas() and what.axes <= SEVERAL and not (recipe.learn_weights and len(made) > 1)
    grid = recipe.proposal == "vegas" or (helps if recipe.grid is None else recipe.grid)
    sampler = _flat(what, made, channel_weights, grid)
    names = tuple(one.name for one in made)
    file = None if checkpoint is None else Path(checkpoint)
    # without a terminal nothing is shown
    with tqdm(desc="integral", unit="round", disable=None, leave=False) as bar:
        run = Run(
            sampler, names, recipe, grid, calls, seed, file, _telling(bar, lambda: run.progress, len(names))
        )
        trained, progress = run.finish()
    value, error, chi2, dof, iterations = combined(progress.parts, len(names))
    flow = {"vegas": "a VEGAS grid"}.get(recipe.proposal, f"{recipe.proposal} spline flow")
    after = " after a VEGAS grid" if grid and recipe.proposal != "vegas" else ""
    learned = ", learned channel weights" if progress.network is not None else ""
    return Integral(
        value=value,
        error=error,
        chi2=chi2,
        dof=dof,
        iterations=iterations,
        calls=sum(run.final_calls),
        training_calls=calls - sum(run.final_calls),
        sampler=trained,
        points=joined(progress.parts),
        names=names,
        dropped=tuple(name for number, name in enumerate(names) if number not in progress.active),
        losses=tuple(progress.losses),
        described=f"{flow}{after}, {len(progress.active)} of {len(names)} channels{learned}",
    )


def _flat(what: Integrand, made: tuple[Channel, ...], given: Given, grid: bool) -> Sampler:
    """Return channels with flat proposals, before any training."""
    keys = [f"group {one.group}" if one.group is not None else f"channel {one.name}" for one in made]
    order = list(dict.fromkeys(keys))
    flat = Grid.flat(what.axes, INCREMENTS if grid else 1)
    return Sampler(
        integrand=what,
        mappings=tuple(one.on(what.box) for one in made),
        given=given,
        groups=tuple(order.index(key) for key in keys),
        proposals=(flat,) * len(order),
        network=None,
        active=tuple(range(len(made))),
        shares=np.zeros(len(made)),
        spreads=np.zeros(len(made)),
    )


def _telling(bar: tqdm, progress: Callable[[], Progress], channels: int) -> Callable[[str], None]:  # type: ignore[type-arg]
    """Return what shows, after each step, what was done and the value so far."""

    def tell(text: str) -> None:
        parts = progress().parts
        value = f", {with_error(*combined(parts, channels)[:2])} so far" if parts else ""
        bar.set_postfix_str(text + value)
        bar.update()

    return tell
