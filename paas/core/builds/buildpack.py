"""A buildpack: how a language is detected in a commit, and what to say of what comes near. See docs/buildpacks.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MANIFEST = "buildpack.yml"
TEMPLATE = "Dockerfile.j2"


@dataclass(frozen=True)
class Condition:
    """Holds when all that it says is true of the commit's files.

    ``files``: one of these patterns is there; ``no_files``: none of them. ``texts``: a file of the pattern has the
    regular expression; ``no_texts``: no file has. ``keys``: the file has the key; ``no_keys``: it has not. ``facts``:
    the fact has one of the values; ``no_facts``: it has none of them.
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
"""One of these has to hold; nothing at all always does."""


@dataclass(frozen=True)
class Choice:
    """One way to a value, taken when its condition holds and it gives one.

    ``key`` is a dotted key of the file ``files[0]``; ``search`` a regular expression that is looked for in the files.
    ``value`` is the text, in which ``{1}`` is the key's value or the first group, ``{path}`` the file, ``{module}``
    its Python module, ``{folder}`` its folder, ``{base}`` the last part of that, and ``{name}`` an earlier fact.
    """

    when: When = ()
    value: str = ""
    files: tuple[str, ...] = ()
    key: str = ""
    search: str = ""


@dataclass(frozen=True)
class BuildpackProblem:
    """Something that is not as it has to be, in the words of `PaasError`; values as in `Choice`."""

    code: str
    when: When
    what: str
    why: str
    fix: str
    example: Choice | None = None


@dataclass(frozen=True)
class Versions:
    """``wanted`` is the fact with what the app asks for; ``available`` the version in each suite, newest last."""

    wanted: str
    precision: int
    available: Mapping[str, str]


@dataclass(frozen=True)
class Buildpack:
    """One buildpack. ``fallback`` ones are for commits that no other is for. ``version`` is the commit or digest of
    one that came from elsewhere and ``source`` where that is, both empty for one that ships with the platform;
    ``folder`` is where its files are on the server."""

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
        """The patterns of the files whose text it wants to see."""
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
