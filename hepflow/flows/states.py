"""Flows in files: what they are built by, under the name of a function, and their parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from hepflow.errors import ConfigError, InputError, did_you_mean
from hepflow.flows.bijections import Bijection
from hepflow.weights import State

Map = TypeVar("Map", bound=Bijection)
START = "flow."  # of the names of parameters among other arrays
LARGEST = (
    64  # option that a file may ask for, or as many as it has arrays and rows: no size comes from nowhere
)


def described(function: Callable[..., Any], known: Mapping[str, Callable[..., Any]]) -> dict[str, Any]:
    """Return name and options of a known function, options bound to it by `functools.partial`.

    Raises
    ------
    ConfigError
        If it is not known, or an option is no number, text, or list or mapping of these.
    """
    options: dict[str, Any] = {}
    while isinstance(function, partial) and not function.args:
        options = {**function.keywords, **options}
        function = function.func
    name = getattr(function, "__name__", repr(function))
    if known.get(name) is not function:
        raise ConfigError(
            f"{name} cannot be kept in a file; expected one of {', '.join(known)}, with options bound by "
            "functools.partial"
        )
    plain = {option: _plain(f"{name}: the option {option}", value) for option, value in options.items()}
    return {"function": name, "options": plain}


def _plain(what: str, value: Any) -> Any:
    """Return an option as JSON has it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(what, each) for key, each in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(_plain(what, each) for each in value)
    if isinstance(value, list | tuple):
        return [_plain(what, each) for each in value]
    if not isinstance(value, bool | int | float | str):
        raise ConfigError(f"{what} is a {type(value).__name__}, which no file can keep")
    return value


def chosen(
    description: Mapping[str, Any], known: Mapping[str, Callable[..., Any]], state: State
) -> Callable[..., Any]:
    """Return the function that `described` describes.

    Raises
    ------
    InputError
        If it is not known, or an option is larger than anything the state holds.
    """
    name, options = str(description["function"]), dict(description["options"])
    if name not in known:
        raise InputError(f"no function {name!r} here; {did_you_mean(name, known)}")
    most = max(
        LARGEST, len(state.arrays), *(length for each in state.arrays.values() for length in each.shape)
    )
    for option, value in options.items():
        if isinstance(value, int | float) and not -most <= value <= most:
            raise InputError(
                f"{name}: the option {option} is {value}, more than its parameters have room for"
            )
    return partial(known[name], **options) if options else known[name]


def parameters(flows: Sequence[torch.nn.Module]) -> dict[str, NDArray[Any]]:
    """Return the parameters of F flows of one architecture by name, those of all flows stacked: (F, ...)."""
    each = [dict(flow.named_parameters()) for flow in flows]
    return {f"{START}{name}": torch.stack([own[name].detach() for own in each]).numpy() for name in each[0]}


def flows_from(state: State, build: Callable[[], Any], members: int) -> list[Any]:
    """Return the trained flows of a state, built and given the parameters that `parameters` took, frozen.

    Raises
    ------
    InputError
        If they are not those of this architecture, or no multiple of the number of members.
    """
    with torch.random.fork_rng(devices=[]):  # the first parameters, which do not stay, are drawn at random
        first = build()
        wanted = {f"{START}{name}": tuple(each.shape) for name, each in first.named_parameters()}
        kept = {name for name in state.arrays if name.startswith(START)}
        if kept != set(wanted):
            raise InputError(f"parameters {sorted(kept ^ set(wanted))[:3]} are too many, or missing")
        count = len(state.arrays[min(kept)])
        if not 1 <= members <= count or count % members:
            raise InputError(f"{count} flows of {members} members; expected as many of each")
        flows = [first, *(build() for _ in range(count - 1))]
    for name, shape in wanted.items():
        values = torch.from_numpy(state.array(name, np.float32, (count, *shape)))
        for flow, value in zip(flows, values, strict=True):
            flow.get_parameter(name.removeprefix(START)).data.copy_(value)
    for flow in flows:
        flow.eval().requires_grad_(False)
    return flows


def probed(bijection: Map, columns: int) -> Map:
    """Return a bijection that maps as many columns as it should.

    Raises
    ------
    InputError
        If it does not.
    """
    with np.errstate(all="ignore"):  # only the shapes count here
        image, log_determinant = bijection.forward(np.zeros((2, columns)))
    if image.shape != (2, columns) or log_determinant.shape != (2,):
        raise InputError(f"{type(bijection).__name__} does not map {columns} columns")
    return bijection
