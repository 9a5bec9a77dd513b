"""YAML that people write: parsed strictly, and never into anything but plain values."""

from __future__ import annotations

from typing import Any

import yaml

from paas.core.errors import InvalidValue

MOST_NODES = 200_000
"""Values that a file may stand for, those that it refers to counted as often as it does."""


class _Loader(yaml.SafeLoader):
    """Plain values only; a name that appears twice is a mistake, not an override."""

    def construct_document(self, node: yaml.Node) -> Any:
        if _size(node, {}) > MOST_NODES:
            raise yaml.MarkedYAMLError(
                problem=f"with all that it refers to, it has more than {MOST_NODES} values",
                problem_mark=node.start_mark,
            )
        return super().construct_document(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for name, _ in node.value:
            if name.value in seen and name.value != "<<":
                raise yaml.MarkedYAMLError(problem=f"{name.value!r} appears twice", problem_mark=name.start_mark)
            seen.add(name.value)
        return super().construct_mapping(node, deep)


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values there are once every reference is followed; one to what it is in itself counts once."""
    found = known.get(id(node))
    if found is not None:
        return found
    known[id(node)] = 1
    below: list[yaml.Node] = []
    if isinstance(node, yaml.SequenceNode):
        below = node.value
    elif isinstance(node, yaml.MappingNode):
        below = [each for pair in node.value for each in pair]
    known[id(node)] = 1 + sum(_size(each, known) for each in below)
    return known[id(node)]


def parse(text: str, path: str, code: str) -> object:
    """The content of the file; `InvalidValue` names file, line and column of a mistake."""
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f": line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise InvalidValue(f"{path} is not YAML{where}", why=f"{error.problem}.", code=code) from error
    except yaml.YAMLError as error:
        raise InvalidValue(f"{path} is not YAML", why=str(error), code=code) from error
