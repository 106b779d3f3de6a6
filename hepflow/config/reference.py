"""The schema in words: ``docs/configuration.md``, and the commented file that ``hepflow init`` writes."""

from __future__ import annotations

import json
import textwrap
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

import annotated_types
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hepflow.config.blocks import BESIDE
from hepflow.config.choice import models_of
from hepflow.config.generation import Generation
from hepflow.config.integration import Integration
from hepflow.config.showers import ShowerStudy
from hepflow.config.top import Config
from hepflow.config.unfolding import Unfolding
from hepflow.demo import BUNDLED

INTRODUCTION = """\
# Configuration

<!-- Made from the schema by `python -m hepflow.config > docs/configuration.md`; edit the schema. -->

An analysis is one YAML file. `hepflow init` writes one to start from, `hepflow check` finds what is wrong
with it, `hepflow run` runs it. Masses and momenta are in GeV; relative paths start at the file's own folder.
An unknown key, a key that stands there twice, a wrong type or a value out of range is an error that names the
line. `--set` replaces any value on the command line: `hepflow run config.yaml --set classifier.folds=3`.
"""
GENERATION = """\

## Events from flows: `task: generate`

A file with `task: generate` is one of a generation, for `hepflow generate` ([Generation](generation.md)). Blocks
that a search has as well are described above: those of `inputs` as `inputs.data`, those of `columns` and
`judgement.derived` as `features`, `figures` and `executor`.
"""
UNFOLDING = """\

## Data at particle level: `task: unfold`

A file with `task: unfold` is one of an unfolding, for `hepflow unfold` ([Unfolding](unfolding.md)). Blocks that a
search has as well are described above: those of `inputs` as `inputs.data`, those of `truth` and `reco` as `features`,
`figures` and `executor`.
"""
SHOWERS = """\

## Showers: `task: shower`

A file with `task: shower` is one of showers in a calorimeter, for `hepflow shower` ([Showers](showers.md)).
`figures` and `executor` are described above.
"""
INTEGRATION = """\

## Integrals: `task: integrate`

A file with `task: integrate` is one of an integral, for `hepflow integrate` ([Integrals](integration.md)).
`figures` and `executor` are described above.
"""
HEADER = """\
# A hepflow analysis. `hepflow check` finds what is wrong with this file, `hepflow run` runs it.
# Masses in GeV; relative paths start at this file's folder. A key behind `#` shows its default or an example.
"""
CHOICES = ("method", "detector", "classifier", "ratio", "reference")
WORDS: dict[Any, str] = {int: "integer", float: "number", str: "text", bool: "true or false"}
EXAMPLES = {
    "methods": "[cathode, curtains, cwola]",
    "tree": "Events",
    "branches": "{pt: FatJet_pt, eta: FatJet_eta, phi: FatJet_phi, mass: FatJet_mass}",
    "unit": "GeV",
    "weight": "genWeight",
    "label_branch": "is_signal",
    "label": "0",
    "expression": "abs(deltaphi(phi1, phi2))",
    "selection": "FatJet_pt[:, 0] > 500",
    "skip_bad_files": "true",
    "luminosity": "{2017: 41.5, 2018: 59.8}",
}


def config_reference() -> str:
    """Return the page ``docs/configuration.md``: every key, its type, default, range, unit and meaning."""
    search = list(_blocks("", Config))
    described = frozenset(model for _, model in search)
    parts = [INTRODUCTION, *_tables(search)]
    others = (
        (GENERATION, Generation),
        (UNFOLDING, Unfolding),
        (SHOWERS, ShowerStudy),
        (INTEGRATION, Integration),
    )
    for text, schema in others:
        parts += [text, *_tables(_blocks("", schema, described), "###")]
    return "\n".join(parts) + "\n"


def _is_choice(title: str) -> bool:
    return title.split("`, `")[0].split(".")[-1] in CHOICES


def _tables(blocks: Iterable[tuple[str, type[BaseModel]]], level: str = "##") -> Iterator[str]:
    """Yield a section for each block: what it is, and its keys."""
    shown: dict[str, type[BaseModel]] = {}
    for title, model in dict.fromkeys(blocks):
        choice = f", `name: {model.model_fields['name'].default}`" if _is_choice(title) else ""
        yield (f"\n{level} {f'`{title}`' if title else 'Top level'}{choice}\n\n{_paragraph(model)}\n")
        fields = _fields(model)
        first = shown.setdefault(title, model)
        if first is not model:
            common = [name for name in fields if _is_the_same(name, first, model)]
            fields = {name: field for name, field in fields.items() if name not in common}
            if common:
                names = ", ".join(f"`{name}`" for name in common)
                yield (f"As of `{first.model_fields['name'].default}`: {names}.\n")
        yield ("| key | type | default | range | unit | meaning |\n|---|---|---|---|---|---|")
        yield from (_row(name, field) for name, field in fields.items())


@dataclass(frozen=True)
class Start:
    """What the file that ``hepflow init`` writes starts from.

    Parameters
    ----------
    header
        Remarks above the settings.
    values
        Dotted key -> value, in the place of the schema's examples; an optional block of which a key is given stands
        live.
    notes
        Dotted key -> remark, in the place of the key's meaning.
    """

    header: str
    values: Mapping[str, Any]
    notes: Mapping[str, str]

    def below(self, key: str) -> dict[str, Any]:
        """Return the values of a block's own keys."""
        return {
            name.removeprefix(f"{key}."): value
            for name, value in self.values.items()
            if name.startswith(f"{key}.")
        }


DEMONSTRATION = Start(
    header="As it stands it searches the bundled sample, so that check and run can be tried at once. For a search\n"
    "of your own replace `inputs` and `regions`, or write this file anew: `hepflow init FILE --data YOUR_FILE`.",
    values={
        "inputs.data.path": f"{BUNDLED}data.h5",
        "inputs.data.format": "lhco",
        "regions.signal": [3300, 3700],
        "regions.sidebands": [[2900, 3300], [3700, 4500]],
        "scan.sidebands": 1.0,  # with wider ones no window has room in these regions
    },
    notes={
        "inputs.data.path": "Replace this: the bundled sample. A file, a glob, a URL, or a list of these; "
        "relative to this configuration's folder.",
        "regions": "Where the resonance is looked for, and where the background is learned; replace these, too.",
    },
)


def example_yaml(start: Start = DEMONSTRATION) -> str:
    """Return a commented configuration, valid for `load_config`."""
    header = "".join(f"# {line}\n" for line in start.header.splitlines())
    return f"{HEADER}#\n{header}\n" + "\n".join(_example(Config, start)) + "\n"


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the keys of a block, its name first."""
    return dict(sorted(model.model_fields.items(), key=lambda item: item[0] != "name"))


def _is_the_same(name: str, one: type[BaseModel], other: type[BaseModel]) -> bool:
    """Tell whether a key means the same in two blocks."""
    mine, theirs = one.model_fields.get(name), other.model_fields.get(name)
    return mine is not None and theirs is not None and _row(name, mine) == _row(name, theirs)


def _paragraph(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _blocks(
    prefix: str, model: type[BaseModel], seen: frozenset[type[BaseModel]] = frozenset()
) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield each model once, under every key of a block that it stands for."""
    yield prefix, model
    keys: dict[type[BaseModel], list[str]] = {}
    for name, field in model.model_fields.items():
        for part in models_of(field):
            above = [f"{key}." for key in prefix.split("`, `")] if prefix else [""]
            keys.setdefault(part, []).extend(key + name for key in above)
    for part, names in keys.items():
        if part not in seen:
            yield from _blocks("`, `".join(names), part, seen | keys.keys())


def _row(name: str, field: FieldInfo) -> str:
    plain = isinstance(field.default, tuple) and bool(field.default)
    hidden = models_of(field) and not plain
    default = "**needed**" if field.is_required() else "" if hidden else f"`{_yaml(field.default)}`"
    if field.default is None and not field.is_required():
        default = "none"
    cells = [
        f"`{name}`",
        _type(field.annotation),
        default,
        _range(field),
        _unit(field),
        field.description or "",
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _type(annotation: Any) -> str:
    """Return a type in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        return _type(arguments[0])
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type(part) for part in arguments if part is not type(None)))
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin is tuple:
        inner = _type(arguments[0])
        return f"list of {inner}" if arguments[-1] is Ellipsis else f"[{inner}, {inner}]"
    if origin is dict:
        return "block of names"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "block"
    return WORDS[annotation]


def _range(field: FieldInfo) -> str:
    """Return the bounds of a number, or of the numbers of a list."""
    inner = [getattr(part, "__metadata__", ()) for part in get_args(field.annotation)]
    bounds = [
        *field.metadata,
        *(mark for group in inner for info in group for mark in getattr(info, "metadata", ())),
    ]
    words = []
    for bound in bounds:
        for kind, sign in (
            (annotated_types.Ge, ">= "),
            (annotated_types.Gt, "> "),
            (annotated_types.Le, "<= "),
            (annotated_types.Lt, "< "),
        ):
            if isinstance(bound, kind):
                words.append(f"{sign}{getattr(bound, kind.__name__.lower())}")
    return ", ".join(words)


def _unit(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""


def _example(model: type[BaseModel], start: Start, prefix: str = "") -> list[str]:
    """Return the lines of a block: fields with a value or an example stand live, the others as comments."""
    pad = "  " * prefix.count(".")
    chunks = []
    for name, field in _fields(model).items():
        if field.json_schema_extra and field.json_schema_extra.get(BESIDE):  # type: ignore[union-attr]
            continue
        key = prefix + name
        unit = f", in {_unit(field)}." if _unit(field) else ""
        note = start.notes.get(key, (field.description or "").removesuffix("." if unit else "") + unit)
        blocks = [] if _type(field.annotation).startswith("list of") else models_of(field)
        if blocks and field.examples:
            chunks.append([*_comment(note, pad), f"{pad}{name}:", *_example(blocks[0], start, f"{key}.")])
        elif blocks and start.below(key):
            values = ", ".join(f"{k}: {_yaml(value)}" for k, value in start.below(key).items())
            chunks.append([*_comment(note, pad), f"{pad}{name}: {{{values}}}"])
        elif blocks:
            values = ", ".join(
                f"{k}: {_yaml(f.examples[0])}" for k, f in _fields(blocks[0]).items() if f.examples
            )
            chunks.append([*_comment(note, pad), f"{pad}# {name}: {{{values}}}"])
        elif key in start.values or field.examples:
            value = start.values[key] if key in start.values else (field.examples or [])[0]
            chunks.append(_noted(f"{pad}{name}: {_yaml(value)}", note, pad))
        else:
            chunks.append(_noted(f"{pad}# {name}: {EXAMPLES.get(name) or _yaml(field.default)}", note, pad))
    apart = "" if any(models_of(field) for field in model.model_fields.values()) else None
    lines = [line for chunk in chunks for line in ([*chunk, apart] if apart is not None else chunk)]
    return lines if apart is None else lines[:-1]


def _noted(setting: str, note: str, pad: str) -> list[str]:
    """Return a setting with its remark behind it, or above it where the line would be long."""
    line = f"{setting}  # {note}"
    return [line] if len(line) <= 110 else [*_comment(note, pad), setting]


def _comment(text: str, pad: str) -> list[str]:
    return textwrap.wrap(text, 110, initial_indent=f"{pad}# ", subsequent_indent=f"{pad}# ")


def _yaml(value: Any) -> str:
    """Return a plain value as one line of YAML."""
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_yaml(item) for item in value) + "]"
    if isinstance(value, float):
        return f"{value:g}"
    text = yaml.safe_dump(json.loads(json.dumps(value)), default_flow_style=True, width=1000)
    return text.removesuffix("\n...\n").strip()
