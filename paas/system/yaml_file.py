"""YAML of users: parsed strictly, into plain values only.

It comes from pushers, and is parsed in the server's own process, so the result is limited before anything is kept. The
text has a limit, libyaml reads it about ten times as fast as Python would, and nesting and references are counted
meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import yaml

from paas.core.errors import InvalidValue
from paas.core.schema import check_length

MOST_NODES = 200_000
"""Limit on the values of a file; referenced ones count for each reference."""
MOST_LEVELS = 100
LONGEST_NUMBER = 100
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
# Errors of the constructors of plain values for invalid texts, as in "!!int x".
_NO_VALUE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

if TYPE_CHECKING:
    _Base = yaml.SafeLoader
else:
    # PyYAML lacks libyaml if it was built from source without it.
    _Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):
    """Loader for plain values. A duplicate key is an error, not an override."""

    def construct_document(self, node: yaml.Node) -> Any:
        if _size(node, {}) > MOST_NODES:
            raise yaml.MarkedYAMLError(
                problem=f"with all that it refers to, it has more than {MOST_NODES} values",
                problem_mark=node.start_mark,
            )
        return super().construct_document(node)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if node.tag in _NUMBERS and len(str(node.value)) > LONGEST_NUMBER:
            raise yaml.MarkedYAMLError(
                problem=f"a number has at most {LONGEST_NUMBER} characters", problem_mark=node.start_mark
            )
        try:
            return super().construct_object(node, deep)
        except _NO_VALUE as error:
            kind = node.tag.rpartition(":")[2]
            shown = repr(node.value[:40]) if isinstance(node.value, str) else "this"
            problem = f"{shown} is no {kind}: {error}; put it in quotes if it is text"
            raise yaml.MarkedYAMLError(problem=problem[:200], problem_mark=node.start_mark) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for name, _ in node.value:
            if not isinstance(name, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a list or a mapping is no name", problem_mark=name.start_mark)
            if name.value in seen and name.value != "<<":
                raise yaml.MarkedYAMLError(problem=f"{name.value!r} appears twice", problem_mark=name.start_mark)
            seen.add(name.value)
        return super().construct_mapping(node, deep)


def _check_levels(text: str) -> None:
    """Raise an error for extreme nesting, before recursive functions process it. The parsed values are discarded."""
    level = 0
    for event in yaml.parse(text, _Loader):
        level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if level > MOST_LEVELS:
            raise yaml.MarkedYAMLError(
                problem=f"it is nested more than {MOST_LEVELS} levels deep",
                problem_mark=cast("yaml.Mark | None", event.start_mark),
            )


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Return the number of values with all references followed; a reference to an enclosing value counts once."""
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
    """Return the content of the file. Raise `InvalidValue` naming file, line and column of an error."""
    check_length(text, path, code)
    odd = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if odd:
        line = text.count("\n", 0, odd.start()) + 1
        raise InvalidValue(
            f"{path} is not YAML: line {line}", why=f"It has the character {odd[0]!r}.", code=code
        )
    try:
        _check_levels(text)
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f": line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise InvalidValue(f"{path} is not YAML{where}", why=f"{error.problem}.", code=code) from error
    except yaml.YAMLError as error:
        raise InvalidValue(f"{path} is not YAML", why=str(error), code=code) from error
    except RecursionError as error:
        # Without libyaml, which has a limit of its own.
        raise InvalidValue(f"{path} is not YAML", why="It is nested too deeply.", code=code) from error
