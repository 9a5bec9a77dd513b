"""YAML that people write: parsed strictly, and never into anything but plain values."""

from __future__ import annotations

from typing import Any

import yaml

from paas.core.errors import InvalidValue


class _Loader(yaml.SafeLoader):
    """Plain values only; a name that appears twice is a mistake, not an override."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for name, _ in node.value:
            if name.value in seen and name.value != "<<":
                raise yaml.MarkedYAMLError(problem=f"{name.value!r} appears twice", problem_mark=name.start_mark)
            seen.add(name.value)
        return super().construct_mapping(node, deep)


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
