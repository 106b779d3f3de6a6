"""A pyhf workspace in HS3, the HEP Statistics Serialization Standard (JSON), which pyhs3 opens.

Each channel becomes a `histfactory_dist`. The constraints of single bins and of the luminosity are written out, as
`poisson_dist` and `gaussian_dist` in the likelihood's `aux_distributions`, beside factors without a constraint: the
standard's text and its readers disagree on what the numbers of a `shapesys` mean, and on bins without events. So
both files hold the same likelihood, term by term.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyhf

from hepflow.errors import ConfigError, InputError
from hepflow.records import write_json
from hepflow.stats import open_workspace
from hepflow.version import __version__

VERSION = "0.2"
_SHIFTS = ("histosys", "normsys")  # one parameter with a unit Gaussian, which HS3 has with the modifier
_SCALARS = ("normfactor", "lumi")  # one factor; every other modifier has one for each bin


def hs3(workspace: Mapping[str, Any]) -> dict[str, Any]:
    """Return a pyhf workspace (its first measurement) as an HS3 document.

    Parameters
    ----------
    workspace
        As `hepflow.stats.workspace` makes it, or any other that pyhf opens.

    Returns
    -------
    dict
        One distribution and one data set for each channel. Likelihood, domain, starting values (with fixed
        parameters constant) and analysis have the name of the measurement. A parameter of one bin is called
        ``name_0``, ``name_1``, ... where pyhf says ``name[0]``.

    Raises
    ------
    InputError
        If pyhf refuses the workspace, or two parameters would get one name.
    ConfigError
        If it holds what HS3 has no place for: a parameter of interest that is missing, or a `histosys` or `normsys`
        whose constraint is not a unit Gaussian about zero.

    Notes
    -----
    The standard: https://github.com/hep-statistics-serialization-standard. Interpolation is pyhf's: code 4p for
    `histosys`, code 4 for `normsys`.

    Examples
    --------
    >>> import hepflow as hf
    >>> import numpy as np
    >>> windows = hf.Windows(signal=(3300, 3700), sidebands=[(2900, 3300), (3700, 4100)])
    >>> edges, events = windows.edges(400), np.array([400.0, 130.0, 40.0])
    >>> spectrum = hf.Spectrum(edges, observed=events, expected=np.array([400.0, 100.0, 40.0]), windows=windows)
    >>> document = hf.export.hs3(hf.stats.workspace(spectrum))
    >>> document["metadata"]["hs3_version"]
    '0.2'
    """
    model, _ = open_workspace(workspace)
    config = model.config
    if config.poi_name is None:
        raise ConfigError(
            "the workspace names no parameter of interest; give one as `poi` in its measurement"
        )
    names = [_hs3_name(name) for name in config.par_names]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise InputError(f"two parameters would both be called {doubled[0]!r} in HS3: rename one of them")
    auxiliary, functions = _constraints(model, names)
    observed = {entry["name"]: entry["data"] for entry in workspace["observations"]}
    channels = list(_channels(model, names))
    data = [
        {
            "name": f"observed_{channel['name']}",
            "type": "binned",
            "axes": channel["axes"],
            "contents": observed[channel["name"]],
        }
        for channel in channels
    ]
    name = workspace["measurements"][0]["name"]
    points = zip(names, config.suggested_init(), config.suggested_fixed(), strict=True)
    bounds = zip(names, config.suggested_bounds(), strict=True)
    return {
        "metadata": {"hs3_version": VERSION, "packages": [{"name": "hepflow", "version": __version__}]},
        "distributions": [*channels, *auxiliary],
        "functions": functions,
        "data": data,
        "likelihoods": [
            {
                "name": name,
                "distributions": [channel["name"] for channel in channels],
                "data": [entry["name"] for entry in data],
                "aux_distributions": [entry["name"] for entry in auxiliary],
            }
        ],
        "domains": [
            {
                "name": name,
                "type": "product_domain",
                "axes": [{"name": one, "min": low, "max": high} for one, (low, high) in bounds],
            }
        ],
        "parameter_points": [
            {
                "name": name,
                "parameters": [{"name": one, "value": value, "const": fixed} for one, value, fixed in points],
            }
        ],
        "analyses": [
            {
                "name": name,
                "likelihood": name,
                "parameters_of_interest": [config.poi_name],
                "domains": [name],
                "init": name,
            }
        ],
    }


def write_hs3(path: str | Path, workspace: Mapping[str, Any]) -> None:
    """Write a pyhf workspace as an HS3 file; arguments and errors are those of `hs3`."""
    write_json(path, hs3(workspace))


def _hs3_name(name: str) -> str:
    return name.replace("[", "_").removesuffix("]")


def _channels(model: pyhf.Model, names: list[str]) -> Iterator[dict[str, Any]]:
    """Yield a distribution for each channel, in the order of the model."""
    config = model.config
    by_name = {channel["name"]: channel for channel in model.spec["channels"]}
    for channel in config.channels:
        samples = [
            {
                "name": sample["name"],
                "data": {"contents": sample["data"]},
                "modifiers": [
                    _modifier(
                        modifier, names[config.par_slice(modifier["name"])], channel, len(sample["data"])
                    )
                    for modifier in sample["modifiers"]
                ],
            }
            for sample in by_name[channel]["samples"]
        ]
        bins = config.channel_nbins[channel]
        axes = [{"name": f"{channel}_bin", "min": 0, "max": bins, "nbins": bins}]
        yield {"name": channel, "type": "histfactory_dist", "axes": axes, "samples": samples}


def _modifier(modifier: Mapping[str, Any], parameters: list[str], channel: str, bins: int) -> dict[str, Any]:
    kind, name, data = modifier["type"], modifier["name"], modifier["data"]
    if kind in _SHIFTS:
        shift = {"name": name, "type": kind, "parameter": name, "constraint": "Gauss"}
        if kind == "normsys":
            return {**shift, "data": {"hi": data["hi"], "lo": data["lo"]}}
        return {**shift, "data": {end: {"contents": data[f"{end}_data"]} for end in ("hi", "lo")}}
    if kind in _SCALARS:
        return {"name": name, "type": "normfactor", "parameter": parameters[0]}
    if len(parameters) != bins:
        raise ConfigError(
            f"{kind} {name!r} of channel {channel!r} has parameters of other channels too; name one for each channel"
        )
    return {"name": name, "type": "shapefactor", "parameters": parameters}


def _constraints(model: pyhf.Model, names: list[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the constraints that no HS3 modifier brings along, and the functions that they need.

    A Poisson constraint compares ``rate`` auxiliary events with ``rate * gamma``; a function is that product.
    """
    config = model.config
    shifts = {name for name, kind in config.modifiers if kind in _SHIFTS}
    distributions: list[dict[str, Any]] = []
    functions: list[dict[str, Any]] = []
    for parameter in config.auxdata_order:
        found = config.param_set(parameter)
        where = config.par_slice(parameter)
        poisson = found.pdf_type == "poisson"
        widths = found.factors if poisson else found.width()
        for name, datum, width in zip(names[where], found.auxdata, widths, strict=True):
            if parameter in shifts:
                if (datum, width) != (0.0, 1.0):
                    raise ConfigError(
                        f"parameter {parameter!r} is constrained to {datum:g} +- {width:g}; HS3 knows only "
                        "0 +- 1 for histosys and normsys. Remove its auxdata and sigmas from the measurement, and "
                        "scale its templates"
                    )
            elif poisson:
                functions.append(
                    {"name": f"{name}_expected", "type": "product", "factors": [name, float(width)]}
                )
                distributions.append(
                    {
                        "name": f"{name}_constraint",
                        "type": "poisson_dist",
                        "x": float(datum),
                        "mean": f"{name}_expected",
                    }
                )
            else:
                distributions.append(
                    {
                        "name": f"{name}_constraint",
                        "type": "gaussian_dist",
                        "x": float(datum),
                        "mean": name,
                        "sigma": float(width),
                    }
                )
    return distributions, functions
