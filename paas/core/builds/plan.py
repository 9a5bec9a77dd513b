"""Decide which buildpacks build a commit, in which order, and with what result, before anything is built."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from paas.core.builds import fields
from paas.core.builds.buildpack import Buildpack
from paas.core.builds.commit_files import CommitFiles
from paas.core.builds.detect import holds, refusal, value, value_and_place
from paas.core.builds.version_range import allows
from paas.core.errors import BuildFailed, InvalidValue

CHAIN_FILE, PACKAGES_FILE, SETTINGS_FILE, PROCFILE = ".buildpacks", "Aptfile", "paas.yml", "Procfile"
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_HEROKU = re.compile(
    r"(?:https?://github\.com/|git@github\.com:)?heroku/(?:(?:heroku-)?buildpack-)?([a-z-]+?)(?:\.git)?(?:#.*)?"
)
_OTHER_NAMES = {"nodejs": "node", "nginx": "static", "gradle": "java", "maven": "java"}


@dataclass(frozen=True)
class Stage:
    """One buildpack of a chain with its facts. ``version`` is that of the language in the suite, or empty."""

    buildpack: Buildpack
    facts: Mapping[str, str]
    suite: str
    version: str = ""


@dataclass(frozen=True)
class BuildPlan:
    """Plan of a build: the last stage's image is the app's, and gets the files that the other stages made.

    ``processes`` are the commands for an app without a Procfile, ``packages`` Debian packages of the app, ``reason``
    the reason for these buildpacks.
    """

    stages: tuple[Stage, ...]
    processes: Mapping[str, str] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    reason: str = ""
    paths: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Title: ``Python 3.11``, or ``Node.js 18, then Python 3.11``."""
        return ", then ".join(f"{one.buildpack.title} {one.version}".strip() for one in self.stages)

    @property
    def summary(self) -> str:
        """Title and reason: ``Python 3.11, detected by requirements.txt``."""
        return f"{self.title}, {self.reason}"


@dataclass(frozen=True)
class ChosenChain:
    """Chain chosen by name, and where it was chosen."""

    names: tuple[str, ...]
    said_in: str


def patterns(packs: Sequence[Buildpack]) -> set[str]:
    """Return the patterns of the files whose text is needed for a plan."""
    own = {CHAIN_FILE, PACKAGES_FILE, SETTINGS_FILE, PROCFILE}
    return own.union(*(pack.reads() for pack in packs))


def plan(
    packs: Sequence[Buildpack],
    files: CommitFiles,
    *,
    chosen: Sequence[str] = (),
    suites: Sequence[str],
    commands: Collection[str] = (),
) -> BuildPlan:
    """Return the plan for a commit.

    ``packs`` are tried in their order; ``chosen`` are the names set on the server; ``suites`` are those to build on,
    the preferred first; ``commands`` are the process types that the commit defines. Raise `BuildFailed` or
    `InvalidValue` with what the commit lacks.
    """
    wanted = _wanted(files, chosen)
    if wanted:
        found, reason = _named(packs, wanted), f"chosen in {wanted.said_in}"
    else:
        found = [_detected(packs, files)]
        reason = f"detected by {_evidence(found[0], files)}"
    stages = tuple(_stage(pack, files, suites) for pack in found)
    for stage in stages:
        last = stage is stages[-1]
        known = {**stage.facts, "procfile": str("web" in commands).lower(), "last": str(last).lower()}
        known["first"] = str(stage is stages[0]).lower()
        for problem in stage.buildpack.problems:
            if holds(problem.when, files, known):
                raise refusal(problem, files, known, values={"language": stage.buildpack.title})
    processes = _processes(stages[-1], files)
    if not commands and not processes:
        raise _nothing_to_run(stages[-1].buildpack)
    return BuildPlan(stages, processes, _packages(files), reason, files.paths)


def _wanted(files: CommitFiles, chosen: Sequence[str]) -> ChosenChain | None:
    if chosen:
        return ChosenChain(tuple(chosen), "buildpacks:set")
    build = fields.read(files.key(SETTINGS_FILE, ""), SETTINGS_FILE)
    if build:
        return ChosenChain(build, SETTINGS_FILE)
    lines = [line.strip() for line in files.texts.get(CHAIN_FILE, "").splitlines()]
    names = tuple(line for line in lines if line and not line.startswith("#"))
    return ChosenChain(names, CHAIN_FILE) if names else None


def chooses(files: CommitFiles) -> bool:
    """Return True if the commit names its buildpacks."""
    return _wanted(files, ()) is not None


def _named(packs: Sequence[Buildpack], wanted: ChosenChain) -> list[Buildpack]:
    found = [find(packs, name, wanted.said_in) for name in wanted.names]
    twice = next((pack.name for pack in found if found.count(pack) > 1), "")
    if twice:
        raise BuildFailed(
            f"{wanted.said_in} names the buildpack {twice!r} twice",
            why="Each buildpack of a chain works once on what those before it made.",
            fix="Take one of the two out.",
            code="buildpack-twice",
        )
    return found


def known_elsewhere(name: str) -> bool:
    """Return True if it is the address of a Heroku buildpack for a language that comes with the platform."""
    return bool(_HEROKU.fullmatch(name)) or name in _OTHER_NAMES


def find(packs: Sequence[Buildpack], name: str, said_in: str = "") -> Buildpack:
    """Return the buildpack of that name, or of the address it was imported from.

    Heroku's addresses mean the same language.
    """
    match = _HEROKU.fullmatch(name)
    plain = match[1] if match else name
    plain = _OTHER_NAMES.get(plain, plain)
    for pack in packs:
        if pack.name == plain or pack.source == name:
            return pack
    raise BuildFailed(
        f"there is no buildpack {name!r}" + (f", which {said_in} names" if said_in else ""),
        why="There are: " + ", ".join(pack.name for pack in packs) + ".",
        fix="Correct the name, or add it: 'buildpacks:add APP URL'.",
        code="no-such-buildpack",
    )


def _detected(packs: Sequence[Buildpack], files: CommitFiles) -> Buildpack:
    found = [pack for pack in packs if holds(pack.detect, files, {})]
    languages = [pack for pack in found if not pack.fallback]
    if len(languages) > 1 and not any(pack.version for pack in languages):
        raise _several(languages, files)
    if languages:
        return languages[0]
    _near_miss([pack for pack in packs if not pack.fallback], files)
    if found:
        return found[0]
    _near_miss([pack for pack in packs if pack.fallback], files)
    raise _nothing(packs, files)


def _near_miss(packs: Sequence[Buildpack], files: CommitFiles) -> None:
    for pack in packs:
        for problem in pack.near_misses:
            if holds(problem.when, files, {}):
                raise refusal(problem, files, {}, values={"language": pack.title})


def _evidence(pack: Buildpack, files: CommitFiles) -> str:
    for condition in pack.detect:
        if holds((condition,), files, {}):
            named = [*condition.files, *(path for path, _ in (*condition.keys, *condition.texts))]
            return next(iter(files.find(named)), "its rule")
    return "its rule"


def _several(found: Sequence[Buildpack], files: CommitFiles) -> BuildFailed:
    seen = " and ".join(f"{_evidence(pack, files)} ({pack.title})" for pack in found)
    names = [pack.name for pack in found]
    # The second language is usually for assets, which node builds.
    chain = sorted(names, key=lambda name: name != "node")
    return BuildFailed(
        f"the repository is of {'two' if len(found) == 2 else 'several'} languages at once: {seen}",
        why="Which of them the app runs on, and whether the other one builds something for it, only you know.",
        fix=f"Say it in {SETTINGS_FILE}: 'build: {names[-1] if names[-1] != 'node' else names[0]}' for one alone, or "
        f"'build: [{', '.join(chain)}]' for one after the other, the last of which runs.",
        code="several-languages",
    )


def _nothing(packs: Sequence[Buildpack], files: CommitFiles) -> BuildFailed:
    seen = sorted({path.partition("/")[0] + ("/" if "/" in path else "") for path in files.paths})
    shown = ", ".join(seen[:8]) + (", …" if len(seen) > 8 else "")
    return BuildFailed(
        "cannot detect how to build this repository",
        why="The build folder has no Dockerfile, and no buildpack recognizes its files: "
        f"{shown or 'no file at all'}. Buildpacks: {', '.join(pack.name for pack in packs)}.",
        fix="Add the files of the language's tools (docs/buildpacks.md), or a Dockerfile. If the app is in a folder: "
        "'builder:set APP build-dir FOLDER'.",
        code="nothing-detected",
    )


def _nothing_to_run(pack: Buildpack) -> BuildFailed:
    return BuildFailed(
        f"no command to run was found: there is no Procfile, and the code has no default command for {pack.title}",
        why="The platform starts the command of the process type 'web'.",
        fix='Add a file "Procfile" with a line such as "web: COMMAND"; the program listens on $PORT.',
        code="no-process",
    )


def _stage(pack: Buildpack, files: CommitFiles, suites: Sequence[str]) -> Stage:
    facts: dict[str, str] = {}
    places: dict[str, str] = {}
    for name, choices in pack.facts.items():
        facts[name], places[name] = value_and_place(choices, files, facts)
    if pack.versions is None:
        return Stage(pack, facts, suites[0])
    wanted = facts[pack.versions.wanted]
    there = {suite: pack.versions.available[suite] for suite in suites if suite in pack.versions.available}
    for suite, version in there.items():
        if allows(wanted, version, pack.versions.precision):
            return Stage(pack, facts, suite, version)
    newest = max(there.values(), key=lambda text: [int(part) for part in text.split(".")], default="")
    raise BuildFailed(
        f"{pack.title} {wanted}, required by {places[pack.versions.wanted]}, is not available",
        why=f"It builds with Debian's packages: {_listed(pack.title, there)}. Patch releases follow Debian's.",
        fix=f"Use one of them, for instance {newest!r}, or add a Dockerfile.",
        code="unsupported-version",
    )


def _listed(title: str, there: Mapping[str, str]) -> str:
    return ", ".join(f"{title} {version} ({suite})" for suite, version in there.items()) or "none on this stack"


def _processes(stage: Stage, files: CommitFiles) -> dict[str, str]:
    found = {kind: value(choices, files, stage.facts) for kind, choices in stage.buildpack.processes.items()}
    return {kind: command for kind, command in found.items() if command}


def _packages(files: CommitFiles) -> tuple[str, ...]:
    lines = [line.partition("#")[0].strip() for line in files.texts.get(PACKAGES_FILE, "").splitlines()]
    for number, line in enumerate(lines, 1):
        if line and not _PACKAGE.fullmatch(line):
            raise InvalidValue(
                f"{PACKAGES_FILE}:{number}: {line!r} is not the name of a Debian package",
                why="Each line is one package of Debian, by its name alone.",
                fix="Remove addresses and versions, or add a Dockerfile.",
                code="invalid-aptfile",
            )
    return tuple(dict.fromkeys(line for line in lines if line))
