"""The files of a commit, as buildpacks see them: all paths, and the text of a few files."""

from __future__ import annotations

import functools
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from paas.core.errors import InvalidValue

Groups = tuple[str | None, ...]
FirstGroups = Callable[[str, str], Groups | None]
"""Function of a regular expression and a text: return the groups of the first match, None without one.

``^`` and ``$`` match at each line.
"""

MOST_SEARCHED = 2 << 20
"""Limit in characters of a file's part that is searched: the largest lock files are smaller."""
MOST_PARSED = {"JSON": 1 << 20, "TOML": 1 << 18}
"""Limit in characters of a file that is parsed for its keys: files that people write have some kilobytes."""
_KEPT = 2
"""Number of files that are kept parsed."""


def _no_expressions(expression: str, text: str) -> Groups | None:
    raise AssertionError("these files were made without what searches in them")


def parse_toml(path: str, text: str) -> object:
    """Parse a TOML file. Raise `InvalidValue` naming file, line and column of an error."""
    try:
        return tomllib.loads(text)
    except ValueError as error:
        # For example, numbers with thousands of digits.
        raise _unreadable(path, "TOML", str(error)) from error
    except RecursionError as error:
        raise _unreadable(path, "TOML", "it is nested too deeply") from error


@dataclass(frozen=True)
class CommitFiles:
    """Files of a commit. Paths are relative to the build folder.

    ``texts`` has the files that were read, ``parsed`` those of them that core cannot parse itself, as plain values.
    ``first_groups`` searches in texts: expressions come from imported buildpacks, and Python's own engine would block
    the whole server for some of them. So would its TOML parser; ``toml`` is another one, for a path and its text.
    """

    paths: tuple[str, ...]
    texts: Mapping[str, str] = field(default_factory=dict)
    parsed: Mapping[str, object] = field(default_factory=dict)
    first_groups: FirstGroups = _no_expressions
    toml: Callable[[str, str], object] = parse_toml
    _kept: dict[str, object] = field(default_factory=dict, init=False, repr=False, compare=False)

    def find(self, patterns: Iterable[str]) -> list[str]:
        """Return the paths that match one of the patterns, in the order of the patterns."""
        found = (path for pattern in patterns for path in _matching(pattern, self.paths))
        return list(dict.fromkeys(found))

    def search(self, patterns: Iterable[str], expression: str) -> Iterator[tuple[str, Groups]]:
        """Yield the path of each file of a pattern that matches the regular expression, with the groups of its first
        match.
        """
        for path in self.find(patterns):
            groups = self.first_groups(expression, self.texts.get(path, "")[:MOST_SEARCHED])
            if groups is not None:
                yield path, groups

    def key(self, path: str, name: str) -> Any:
        """Return the value of a dotted key in a JSON or TOML file, everything for an empty key; None if file or key is
        missing.

        Raise `InvalidValue` naming file, line and column if the file is invalid.
        """
        value = self._document(path)
        for part in filter(None, name.split(".")):
            if not isinstance(value, Mapping) or part not in value:
                return None
            value = value[part]
        return value

    def _document(self, path: str) -> object:
        if path in self.parsed:
            return self.parsed[path]
        text = self.texts.get(path)
        if text is None:
            return None
        if path not in self._kept:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            is_toml = path.endswith(".toml") or path == "Pipfile"
            _check_length(path, text, "TOML" if is_toml else "JSON")
            self._kept[path] = self.toml(path, text) if is_toml else _json(path, text)
        return self._kept[path]


def _check_length(path: str, text: str, language: str) -> None:
    most = MOST_PARSED[language]
    if len(text) > most:
        raise InvalidValue(
            f"{path} has {len(text)} characters, and is read up to {most}",
            why=f"A buildpack reads keys of it, and parsing more {language} than that would overload the server.",
            fix="Move data into other files, or add a Dockerfile.",
            code="invalid-app-file",
        )


def _json(path: str, text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise _unreadable(path, "JSON", f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise _unreadable(path, "JSON", "it is nested too deeply") from error
    except ValueError as error:
        # A number with thousands of digits.
        raise _unreadable(path, "JSON", str(error)) from error


def _unreadable(path: str, language: str, why: str) -> InvalidValue:
    return InvalidValue(
        f"{path} is not {language}",
        why=f"{why}.",
        fix="Correct the file, and commit it.",
        code="invalid-app-file",
    )


def is_pattern(text: str) -> bool:
    """Return True if the text can match more than one path."""
    return any(sign in text for sign in "*?[")


def _matching(pattern: str, paths: tuple[str, ...]) -> list[str]:
    if not is_pattern(pattern):
        return [pattern] if pattern in paths else []
    expression = _expression(pattern)
    return [path for path in paths if expression.fullmatch(path)]


@functools.cache
def _expression(pattern: str) -> re.Pattern[str]:
    """Compile a pattern:

    ``*`` and ``?`` stay within a folder, ``**/`` is any number of folders, ``[…]`` a set of characters.

    The first match of the text after a wildcard is final: a later one would leave less for the rest. So the time is
    proportional to the length of the path, also for a pattern with many wildcards.
    """
    first, *others = (_within_folders(part) for part in re.split(r"(?:(?<=/)|^)(?:\*\*/)+", pattern))
    middle = "".join(f"(?>(?:[^/]+/)*?{part})" for part in others[:-1])
    return re.compile(first + middle + "".join(f"(?:[^/]+/)*{part}" for part in others[-1:]))


def _within_folders(pattern: str) -> str:
    tokens = re.findall(r"\*+|\?|\[[^\]]+\]|[^*?\[]+|\[", pattern)
    chunks = [""]
    for token in tokens:
        if token.startswith("*"):
            chunks.append("")
        else:
            chunks[-1] += "[^/]" if token == "?" else _class(token) if token.endswith("]") else re.escape(token)
    first, *others = chunks
    middle = "".join(f"(?>[^/]*?{chunk})" for chunk in others[:-1])
    return first + middle + "".join(f"[^/]*{chunk}" for chunk in others[-1:])


def _class(token: str) -> str:
    # A bracket inside would cause a warning, as it may mean a nested set in the future.
    return "[" + token[1:-1].replace("[", r"\[") + "]"
