"""Reader for a parsed ``buildpack.yml``. Every error names the file, the key, and the rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from paas.core import names
from paas.core.builds.buildpack import Buildpack, BuildpackProblem, Choice, Condition, Versions, When
from paas.core.builds.version_range import numbers
from paas.core.errors import InvalidValue
from paas.core.schema import Reader, show

SUITES = ("bookworm", "trixie")
CODE = "invalid-buildpack"
T = TypeVar("T")

_FIELDS = (
    *("name", "title", "order", "fallback", "detect", "facts", "versions", "near-misses", "problems", "processes"),
)
_CONDITION = ("file", "no-file", "text", "no-text", "key", "no-key", "is", "not")
_CHOICE = ("when", "value", "file", "key", "search")
_PROBLEM = ("code", "when", "what", "why", "fix", "example")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
_FACT = re.compile(r"[a-z][a-z0-9_]*")


def read(raw: object, path: str, check_expression: Callable[[str], object]) -> Buildpack:
    """Return the buildpack that the file describes. Raise `InvalidValue` with the code ``invalid-buildpack``.

    ``check_expression`` raises `InvalidValue` for an invalid regular expression.
    """
    return _Manifest(path, check_expression).buildpack(raw)


class _Manifest:
    def __init__(self, path: str, check_expression: Callable[[str], object]) -> None:
        self._read = Reader(path, CODE)
        self._check_expression = check_expression

    def buildpack(self, raw: object) -> Buildpack:
        top = self._read.mapping(raw, "")
        self._read.known(top, "", _FIELDS)
        for key in ("name", "title", "detect"):
            if key not in top:
                raise self._read.wrong(key, "is missing")
        facts = {
            self._name(name, f"facts.{name}", _FACT, "a-z, 0-9 and '_'"): self._choices(said, f"facts.{name}")
            for name, said in self._read.mapping(top.get("facts"), "facts").items()
        }
        return Buildpack(
            name=self._name(top["name"], "name", _NAME, "a-z, 0-9 and '-'"),
            title=self._read.text(top["title"], "title"),
            detect=self._when(top["detect"], "detect"),
            facts=facts,
            versions=self._versions(top["versions"], facts) if "versions" in top else None,
            near_misses=self._problems(top.get("near-misses", []), "near-misses"),
            problems=self._problems(top.get("problems", []), "problems"),
            processes=self._processes(top.get("processes")),
            order=self._read.number(top.get("order", 50), "order", 0, 99),
            fallback=self._read.boolean(top.get("fallback", False), "fallback"),
        )

    def _name(self, value: object, at: str, rule: re.Pattern[str], words: str) -> str:
        text = self._read.text(value, at)
        if not rule.fullmatch(text):
            raise self._read.wrong(at, f"{text!r} is not a name", f"A name has {words}, and starts with a letter.")
        return text

    def _processes(self, raw: object) -> dict[str, tuple[Choice, ...]]:
        found = {}
        for kind, said in self._read.mapping(raw, "processes").items():
            at = f"processes.{kind}"
            try:
                names.process_type(kind)
            except InvalidValue as error:
                raise self._read.wrong(at, "is not a name for a process type", error.why) from error
            found[kind] = self._choices(said, at)
        return found

    def _versions(self, raw: object, facts: Mapping[str, object]) -> Versions:
        said = self._read.mapping(raw, "versions")
        self._read.known(said, "versions", ("wanted", "precision", "available"))
        wanted = self._read.text(said.get("wanted"), "versions.wanted")
        if wanted not in facts:
            raise self._read.wrong("versions.wanted", f"there is no fact {wanted!r}", f"Facts: {', '.join(facts)}.")
        available = {}
        for suite, version in self._read.mapping(said.get("available"), "versions.available").items():
            at = f"versions.available.{suite}"
            if suite not in SUITES:
                raise self._read.wrong(at, "there is no such stack", f"There are: {', '.join(SUITES)}.")
            if not isinstance(version, str) or not numbers(version):
                raise self._read.wrong(at, f"must be a version in quotes such as \"3.11\", not {show(version)}")
            available[suite] = version
        if not available:
            raise self._read.wrong("versions.available", "must name at least one stack with its version")
        precision = self._read.number(said.get("precision", 2), "versions.precision", 1, 3)
        return Versions(wanted, precision, available)

    def _problems(self, raw: object, at: str) -> tuple[BuildpackProblem, ...]:
        rows = enumerate(self._read.sequence(raw, at))
        return tuple(self._problem(row, f"{at}[{number}]") for number, row in rows)

    def _problem(self, raw: object, at: str) -> BuildpackProblem:
        said = self._read.mapping(raw, at)
        self._read.known(said, at, _PROBLEM)
        texts = {key: self._read.text(said.get(key), f"{at}.{key}") for key in ("what", "why", "fix")}
        return BuildpackProblem(
            code=self._name(said.get("code"), f"{at}.code", _NAME, "a-z, 0-9 and '-'"),
            when=self._when(said.get("when"), f"{at}.when"),
            example=self._choice(said["example"], f"{at}.example") if "example" in said else None,
            **{key: "\n".join(" ".join(line.split()) for line in text.splitlines()) for key, text in texts.items()},
        )

    def _choices(self, raw: object, at: str) -> tuple[Choice, ...]:
        if not isinstance(raw, list):
            return (self._choice(raw, at),)
        return tuple(self._choice(row, f"{at}[{number}]") for number, row in enumerate(raw))

    def _choice(self, raw: object, at: str) -> Choice:
        if isinstance(raw, str):
            return Choice(value=raw)
        said = self._read.mapping(raw, at)
        self._read.known(said, at, _CHOICE)
        files = self._patterns(said["file"], f"{at}.file") if "file" in said else ()
        if ("key" in said or "search" in said) != bool(files) or ("key" in said and "search" in said):
            raise self._read.wrong(at, "must have file together with key or search, or else a value alone")
        if "key" not in said and "search" not in said and "value" not in said:
            raise self._read.wrong(at, "gives nothing", "It needs a value, or file with key or search.")
        found = said.get("value", "{1}")
        return Choice(
            when=self._when(said["when"], f"{at}.when") if "when" in said else (),
            value=found if found == "" else self._read.text(found, f"{at}.value"),
            files=files,
            key=self._read.text(said["key"], f"{at}.key") if "key" in said else "",
            search=self._expression(said["search"], f"{at}.search") if "search" in said else "",
        )

    def _when(self, raw: object, at: str) -> When:
        """Read a mapping, or a list of alternatives; a plain list of texts means files."""
        if isinstance(raw, str) or (isinstance(raw, list) and raw and all(isinstance(row, str) for row in raw)):
            return (Condition(files=self._patterns(raw, at)),)
        if isinstance(raw, list) and raw:
            return tuple(self._condition(row, f"{at}[{number}]") for number, row in enumerate(raw))
        return (self._condition(raw, at),)

    def _condition(self, raw: object, at: str) -> Condition:
        said = self._read.mapping(raw, at)
        if not said:
            raise self._read.wrong(at, "is empty", f"A condition has some of: {', '.join(_CONDITION)}.")
        self._read.known(said, at, _CONDITION)
        return Condition(
            files=self._patterns(said["file"], f"{at}.file") if "file" in said else (),
            no_files=self._patterns(said["no-file"], f"{at}.no-file") if "no-file" in said else (),
            texts=self._pairs(said, "text", at, self._expression),
            no_texts=self._pairs(said, "no-text", at, self._expression),
            keys=self._pairs(said, "key", at, self._read.text),
            no_keys=self._pairs(said, "no-key", at, self._read.text),
            facts=self._pairs(said, "is", at, self._values),
            no_facts=self._pairs(said, "not", at, self._values),
        )

    def _pairs(
        self, said: Mapping[str, Any], key: str, at: str, read: Callable[[object, str], T]
    ) -> tuple[tuple[str, T], ...]:
        rows = self._read.mapping(said.get(key), f"{at}.{key}")
        return tuple((name, read(value, f"{at}.{key}.{name}")) for name, value in rows.items())

    def _patterns(self, raw: object, at: str) -> tuple[str, ...]:
        rows: Sequence[object] = [raw] if isinstance(raw, str) else self._read.sequence(raw, at)
        found = tuple(self._read.text(row, at) for row in rows)
        for pattern in found:
            if pattern.startswith("/") or ".." in pattern.split("/"):
                raise self._read.wrong(at, f"{pattern!r} leads out of the repository")
        if not found:
            raise self._read.wrong(at, "must name at least one file")
        return found

    def _values(self, raw: object, at: str) -> tuple[str, ...]:
        rows = raw if isinstance(raw, list) else [raw]
        if not all(isinstance(row, str) for row in rows):
            raise self._read.wrong(at, "must be text, or a list of texts")
        return tuple(rows)

    def _expression(self, raw: object, at: str) -> str:
        text = self._read.text(raw, at)
        try:
            self._check_expression(text)
        except InvalidValue as error:
            raise self._read.wrong(
                at, f"is not a regular expression: {error.why}", "It is one of RE2: https://github.com/google/re2/wiki/Syntax"
            ) from error
        return text
