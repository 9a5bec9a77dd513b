"""Evaluation of a buildpack on the files of a commit: conditions, facts, and values."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

from paas.core.builds.buildpack import BuildpackProblem, Choice, Condition, When
from paas.core.builds.commit_files import CommitFiles
from paas.core.errors import BuildFailed

Facts = Mapping[str, str]

_PLACE = re.compile(r"\{(\w+)\}")
_SIGNS = re.compile(r"[*?\[]")


def holds(when: When, files: CommitFiles, facts: Facts) -> bool:
    """Return True if one of the conditions holds for the files and facts, or if there are none."""
    return not when or any(_holds(one, files, facts) for one in when)


def _holds(one: Condition, files: CommitFiles, facts: Facts) -> bool:
    return (
        (not one.files or bool(files.find(_filled_pattern(path, facts) for path in one.files)))
        and not (one.no_files and files.find(_filled_pattern(path, facts) for path in one.no_files))
        and all(any(files.search([pattern], text)) for pattern, text in one.texts)
        and not any(any(files.search([pattern], text)) for pattern, text in one.no_texts)
        and all(_given(files.key(path, key)) for path, key in one.keys)
        and not any(_given(files.key(path, key)) for path, key in one.no_keys)
        and all(facts.get(name, "") in values for name, values in one.facts)
        and not any(facts.get(name, "") in values for name, values in one.no_facts)
    )


def _given(value: object) -> bool:
    # An empty list or mapping of dependencies counts as missing; `false` and 0 are values.
    return value is not None and value not in ("", [], {})


def value(choices: tuple[Choice, ...], files: CommitFiles, facts: Facts) -> str:
    """Return the value of the first choice that yields one, empty if none does."""
    return value_and_place(choices, files, facts)[0]


def value_and_place(choices: tuple[Choice, ...], files: CommitFiles, facts: Facts) -> tuple[str, str]:
    """Return the value, and the file or pattern that it comes from, empty if it comes from none."""
    for one in choices:
        if holds(one.when, files, facts) and (text := _value(one, files, facts)) is not None:
            return text, one.files[0] if one.files else ""
    return "", ""


def _value(one: Choice, files: CommitFiles, facts: Facts) -> str | None:
    if one.key:
        given = files.key(one.files[0], one.key)
        if not _given(given) or isinstance(given, list | Mapping):
            return None
        return _filled(one.value, {**facts, "1": _plain(given), "path": one.files[0]})
    if one.search:
        for path, found in files.search(one.files, one.search):
            groups = {str(number): text or "" for number, text in enumerate(found, 1)}
            return _filled(one.value, {**facts, **_places(path), **groups})
        return None
    if one.files:
        for path in files.find(one.files):
            return _filled(one.value, {**facts, **_places(path)})
        return None
    return _filled(one.value, facts)


def _plain(given: object) -> str:
    # A single line, because it is written into a Dockerfile.
    return str(given).lower() if isinstance(given, bool) else " ".join(str(given).split())


def _places(path: str) -> dict[str, str]:
    folder = posixpath.dirname(path)
    plain = path.removesuffix(".py").removesuffix("/__init__")
    base = posixpath.basename(folder)
    return {"path": path, "folder": folder or ".", "base": base, "module": plain.removeprefix("src/").replace("/", ".")}


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda match: values.get(match[1], match[0]), text)


def _filled_pattern(pattern: str, values: Mapping[str, str]) -> str:
    """Return the pattern with values that match only themselves: the name of a folder may contain a bracket."""
    return _filled(pattern, {name: _SIGNS.sub(r"[\g<0>]", value) for name, value in values.items()})


def refusal(problem: BuildpackProblem, files: CommitFiles, facts: Facts, *, values: Facts | None = None) -> BuildFailed:
    """Return the error for a problem, with the facts filled in."""
    known = {**facts, **(values or {})}
    if problem.example:
        known["example"] = value((problem.example,), files, facts)
    return BuildFailed(
        _filled(problem.what, known),
        why=_filled(problem.why, known),
        fix=_filled(problem.fix, known),
        code=problem.code,
    )
