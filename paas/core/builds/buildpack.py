"""A buildpack: how it detects a language in a commit, and which errors it reports. See docs/buildpacks.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MANIFEST = "buildpack.yml"
TEMPLATE = "Dockerfile.j2"


@dataclass(frozen=True)
class Condition:
    """Condition on the files of a commit. It holds if all of its parts are true.

    ``files``: a file matches one of these patterns; ``no_files``: none does. ``texts``: a file of the pattern matches
    the regular expression; ``no_texts``: no file does. ``keys``: the file has the key; ``no_keys``: it does not.
    ``facts``: the fact has one of the values; ``no_facts``: it has none of them.
    """

    files: tuple[str, ...] = ()
    no_files: tuple[str, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    no_texts: tuple[tuple[str, str], ...] = ()
    keys: tuple[tuple[str, str], ...] = ()
    no_keys: tuple[tuple[str, str], ...] = ()
    facts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    no_facts: tuple[tuple[str, tuple[str, ...]], ...] = ()


When = tuple[Condition, ...]
"""Alternatives: one of them must hold. Without any, it always holds."""


@dataclass(frozen=True)
class Choice:
    """One way to get a value, used if its condition holds and it yields one.

    ``key`` is a dotted key of the file ``files[0]``; ``search`` a regular expression for the content of the files.
    ``value`` is the text, in which ``{1}`` is the key's value or the first group, ``{path}`` the file, ``{module}`` its
    Python module, ``{folder}`` its folder, ``{base}`` the last part of that, and ``{name}`` an earlier fact.
    """

    when: When = ()
    value: str = ""
    files: tuple[str, ...] = ()
    key: str = ""
    search: str = ""


@dataclass(frozen=True)
class BuildpackProblem:
    """Error that a buildpack reports, with the parts of `PaasError`; values as in `Choice`."""

    code: str
    when: When
    what: str
    why: str
    fix: str
    example: Choice | None = None


@dataclass(frozen=True)
class Versions:
    """Versions: ``wanted`` is the fact with the app's version; ``available`` the version in each suite, newest last."""

    wanted: str
    precision: int
    available: Mapping[str, str]


@dataclass(frozen=True)
class Buildpack:
    """One buildpack. A ``fallback`` is used if no other buildpack detects its language.

    ``version`` is the commit or digest of an imported one and ``source`` its URL, both empty for one that comes with
    the platform; ``folder`` is the folder of its files on the server.
    """

    name: str
    title: str
    detect: When
    facts: Mapping[str, tuple[Choice, ...]] = field(default_factory=dict)
    versions: Versions | None = None
    near_misses: tuple[BuildpackProblem, ...] = ()
    problems: tuple[BuildpackProblem, ...] = ()
    processes: Mapping[str, tuple[Choice, ...]] = field(default_factory=dict)
    order: int = 50
    fallback: bool = False
    version: str = ""
    source: str = ""
    folder: str = ""

    def reads(self) -> set[str]:
        """Return the patterns of the files whose text it reads."""
        problems = (*self.near_misses, *self.problems)
        choices = [one for group in (*self.facts.values(), *self.processes.values()) for one in group]
        choices += [one.example for one in problems if one.example]
        whens = [self.detect, *(one.when for one in choices), *(one.when for one in problems)]
        conditions = [condition for when in whens for condition in when]
        found = {pattern for one in choices if one.key or one.search for pattern in one.files}
        for condition in conditions:
            named = (*condition.texts, *condition.no_texts, *condition.keys, *condition.no_keys)
            found |= {pattern for pattern, _ in named}
        return found
