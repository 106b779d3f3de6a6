"""YAML text to plain values, remembering the line of each, so that an error can say where it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from hepflow.errors import ConfigError
from hepflow.printable import printable

Location = tuple[str | int, ...]
MOST_NODES = 100_000
PLAIN = frozenset(
    f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null")
)
SHORT = 60  # characters of a value in an error
LARGEST = 2**63
BY_NAME = {("method",), ("classifier",), ("executor",)}  # blocks that may stand as their name alone


class _Loader(yaml.SafeLoader):
    """Safe YAML whose numbers are those of physicists: ``1e-3`` is a number, and a date is text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":float"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(\d[\d_]*(\.[\d_]*)?([eE][-+]?\d+)|\d[\d_]*\.[\d_]*|\.\d[\d_]*([eE][-+]?\d+)?|\.(inf|nan))$",
        re.I,
    ),
    list("-+0123456789."),
)


@dataclass
class Document:
    """The values of a YAML file and where each stands.

    Parameters
    ----------
    values
        Nested dicts and lists.
    origins
        Place of each value by its keys: ``config.yaml:7``, or the ``--set`` that gave it.
    """

    name: str
    values: Any = None
    origins: dict[Location, str] = field(default_factory=dict)

    def where(self, location: Location) -> str:
        """Return where a value stands, or the nearest block around it."""
        for length in range(len(location), -1, -1):
            if location[:length] in self.origins:
                return self.origins[location[:length]]
        return self.name

    def has(self, location: Location) -> bool:
        """Tell whether a value stands at a location."""
        return location in self.origins

    def override(self, text: str) -> None:
        """Apply one ``key.sub=value``, the value in YAML; an item of a list goes by its number, from 0.

        Raises
        ------
        ConfigError
            If the text is no assignment, or its key runs through a value that has no keys.
        """
        dotted, equals, given = text.partition("=")
        if not equals or not dotted.strip():
            raise ConfigError(f"--set {text}: expected KEY=VALUE, such as classifier.folds=5")
        origin = f"--set {text}"
        *blocks, last = dotted.strip().split(".")
        holder: Any = self.values
        location: Location = ()
        for name in blocks:
            key = _key(holder, name, location, origin)
            if holder[key] is None:
                holder[key] = {}
                self.origins[(*location, key)] = origin
            elif (*location, key) in BY_NAME and isinstance(holder[key], str):  # `method: cathode`
                self.origins[(*location, key, "name")] = self.where((*location, key))
                holder[key] = {"name": holder[key]}
            holder, location = holder[key], (*location, key)
        key = _key(holder, last, location, origin)
        location = (*location, key)
        parsed = parse(given, origin, lines=False)
        holder[key] = parsed.values
        kept = {place: where for place, where in self.origins.items() if place[: len(location)] != location}
        self.origins = kept | {(*location, *inside): origin for inside in parsed.origins} | {location: origin}


def _key(holder: Any, name: str, location: Location, origin: str) -> str | int:
    """Return `name` as a key of a block, made if it is new, or as the number of an item of a list."""
    if isinstance(holder, dict):
        holder.setdefault(name, None)
        return name
    if isinstance(holder, list) and name.isdigit() and int(name) < len(holder):
        return int(name)
    raise ConfigError(f"{origin}: {'.'.join(map(str, location))} holds {holder!r}, which has no key {name!r}")


def parse(text: str, name: str, *, lines: bool = True) -> Document:
    """Parse YAML text.

    Raises
    ------
    ConfigError
        If the text is not YAML, holds a key twice, a tag other than plain data, or endless aliases.
    """
    document = Document(name)
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is not None:
            document.values = _Converter(loader, document, lines).convert(node, (), node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{name}:{mark.line + 1}" if mark and lines else name
        raise ConfigError(f"{place}: not valid YAML: {error.problem or error.context}") from error
    except RecursionError:
        raise ConfigError(f"{name}: not a configuration: nested hundreds of levels deep") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{name}: not valid YAML: {' '.join(str(error).split())}") from error
    return document


class _Converter:
    """Walks the node tree of one document."""

    def __init__(self, loader: _Loader, document: Document, lines: bool) -> None:
        self.loader, self.document, self.lines = loader, document, lines
        self.nodes = 0
        self.open: list[yaml.Node] = []
        self.merged: set[int] = set()

    def convert(self, node: yaml.Node, location: Location, at: yaml.Node) -> Any:
        """Return the value of a node, noting the line of `at` (the key, where there is one)."""
        self.document.origins[location] = self.place(at)
        self.nodes += 1
        if self.nodes > MOST_NODES or node in self.open:
            raise ConfigError(f"{self.place(node)}: aliases make this file endless; write the values out")
        if node.tag not in PLAIN:
            raise ConfigError(f"{self.place(node)}: the tag {node.tag!r} is not plain data; leave it out")
        self.open.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self.mapping(node, location)
            if isinstance(node, yaml.SequenceNode):
                return [self.convert(item, (*location, i), item) for i, item in enumerate(node.value)]
            return self.scalar(node)
        finally:
            self.open.pop()

    def scalar(self, node: yaml.Node) -> Any:
        """Return a text, a number, a truth value or nothing."""
        try:
            value = self.loader.construct_object(node)
        except (
            ValueError,
            LookupError,
            OverflowError,
        ) as error:  # a tag that does not fit, thousands of digits
            raise ConfigError(
                f"{self.place(node)}: {printable(repr(node.value), SHORT)} is not of the kind {node.tag!r}"
            ) from error
        if isinstance(value, int) and abs(value) >= LARGEST:
            raise ConfigError(
                f"{self.place(node)}: {printable(node.value, SHORT)} is no integer that 64 bits hold"
            )
        return value

    def mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        """Return a block; a key that stands there twice is an error."""
        seen: dict[str, yaml.Node] = {}
        for key, _ in node.value if id(node) not in self.merged else ():
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigError(f"{self.place(key)}: a key must be a word")
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                first = self.place(seen[key.value])
                raise ConfigError(
                    f"{self.place(key)}: {key.value!r} stands here twice, first at {first}; keep one"
                )
            seen[key.value] = key
        self.loader.flatten_mapping(node)  # puts what `<<: *alias` brings first, so that keys beside it win
        self.merged.add(id(node))
        return {key.value: self.convert(value, (*location, key.value), key) for key, value in node.value}

    def place(self, node: yaml.Node) -> str:
        """Return ``file:line`` of a node."""
        return f"{self.document.name}:{node.start_mark.line + 1}" if self.lines else self.document.name
