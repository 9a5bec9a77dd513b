"""Plan of the build of an app's commit: with its Dockerfile, or with which buildpacks."""

from __future__ import annotations

import posixpath
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from paas.builders import buildpacks, recipe, stack
from paas.builders.base import BuildSource
from paas.core.apps import procfile
from paas.core.builds import environment as buildenv
from paas.core.builds import plan as buildplan
from paas.core.builds.buildpack import Buildpack
from paas.core.builds.commit_files import CommitFiles, is_pattern
from paas.core.builds.plan import BuildPlan
from paas.core.containers.options import BUILD
from paas.core.errors import BuildFailed, PaasError
from paas.core.git import push
from paas.core.git import text as committext
from paas.core.model import App
from paas.core.properties import Properties
from paas.core.secret import Secret
from paas.git.quarantine import Quarantine
from paas.git.repository import repository_of
from paas.jobs.context import Context
from paas.system import pattern, yaml_file
from paas.system.confined import Confined, Work

DOCKERFILE, BUILDPACK = "dockerfile", "buildpack"
_PATH = ("builder-dockerfile", "dockerfile-path")
LARGEST, _MOST, _MOST_BYTES = 8 << 20, 1000, 64 << 20
"""Limits on what is read of a commit: a file's size, the number of files found by a pattern, and the total size."""
_STAMP_KEY = "build-stamp-key"


@dataclass(frozen=True)
class Recipe:
    """Plan with its Dockerfile, and the environment of its build steps.

    ``cache`` is the secret prefix of its cache folders.
    """

    plan: BuildPlan
    dockerfile: str
    environment: Secret
    cache: str

    def shown(self) -> str:
        """Return the Dockerfile for display."""
        return self.dockerfile.replace(self.cache, "paas-hidden")


def choices(properties: Properties) -> dict[str, str]:
    """Return the paths of the files of a commit that decide between Dockerfile and buildpacks, by their names.

    Return none if the app's properties decide.
    """
    if properties.text("builder", "selected") or properties.value("buildpacks", "chain") or _told(properties):
        return {}
    folder = properties.text("builder", "build-dir")
    names = (properties.text(*_PATH), buildplan.SETTINGS_FILE, buildplan.CHAIN_FILE)
    return {name: posixpath.join(folder, name) for name in names}


def _told(properties: Properties) -> bool:
    """Return True if the location of the Dockerfile was configured."""
    return _PATH in {**properties.shared, **properties.own}


def recipe_of(
    ctx: Context,
    app: App,
    commit: str,
    quarantine: Quarantine | None,
    commands: Collection[str],
    found: Mapping[str, bytes | None],
    work: Work,
) -> Recipe | None:
    """Return how buildpacks build the commit; None if its Dockerfile does.

    ``commands`` are the process types that the commit defines; ``found`` are the contents of its `choices` by their
    paths. Raise `BuildFailed` or `InvalidValue` with what the commit lacks.
    """
    plan = _plan(ctx, app, commit, quarantine, commands, found, work)
    if plan is None:
        return None
    cache = buildenv.cache_name(app.id, _key(ctx))
    variables = {**ctx.store.config.all(None), **ctx.store.config.all(app), **_arguments(ctx, app)}
    return Recipe(
        plan,
        recipe.render(
            plan,
            work,
            cache=cache,
            stamp=buildenv.stamp(variables, _key(ctx)),
            index_stamp=buildenv.stamp(indexes, _key(ctx)) if (indexes := buildenv.choose_indexes(variables)) else "",
            commands="web" in commands,
        ),
        buildenv.script(_indexes(ctx), commit, variables, _proxies(ctx)),
        cache,
    )


def _plan(
    ctx: Context,
    app: App,
    commit: str,
    quarantine: Quarantine | None,
    commands: Collection[str],
    found: Mapping[str, bytes | None],
    work: Work,
) -> BuildPlan | None:
    properties = ctx.store.properties.of(app)
    selected = properties.text("builder", "selected")
    chain = properties.value("buildpacks", "chain") or ()
    if selected not in ("", BUILDPACK) or (not selected and _told(properties) and not chain):
        return None
    folder = properties.text("builder", "build-dir")
    # Most apps have a Dockerfile: nothing more is read for them.
    places = choices(properties)
    if places and _left_to(properties.text(*_PATH), places, found):
        return None

    sizes = repository_of(ctx, app).sizes(commit, folder, quarantine=quarantine)
    packs = buildpacks.available(ctx, app)
    files = _read(ctx, app, commit, quarantine, sizes, packs, work)
    only = properties.text("buildpacks", "stack")
    return buildplan.plan(
        packs,
        files,
        chosen=chain,
        suites=(only,) if only else tuple(reversed(stack.SUITES)),
        commands=commands,
    )


def with_recipe(source: BuildSource, recipe: Recipe) -> BuildSource:
    """Return the builder's input with the recipe: build arguments are already in its environment."""
    options = tuple(one for one in source.options if not one.startswith("--build-arg="))
    return replace(source, recipe=recipe.dockerfile, environment=recipe.environment, options=options)


def _arguments(ctx: Context, app: App) -> dict[str, Secret]:
    """Return the app's build arguments, which the steps see as variables. Raise an error for a target."""
    found = {}
    for option in ctx.store.docker_options.of(app, BUILD):
        if option.flag == "--target":
            raise BuildFailed(
                f"{app.name} has the build option {option}, but is built with buildpacks",
                why="A target is a stage of a Dockerfile. The stages that buildpacks generate change with the app.",
                fix=f"Remove it: 'docker-options:remove {app.name} build {option}', or add a Dockerfile.",
                code="target-without-dockerfile",
            )
        if option.flag == "--build-arg":
            name, _, value = option.value.partition("=")
            found[name] = Secret(value)
    return found


def _left_to(dockerfile: str, places: Mapping[str, str], found: Mapping[str, bytes | None]) -> bool:
    """Return True if the commit has the Dockerfile, and no file that chooses buildpacks."""
    there = {name: data for name, path in places.items() if (data := found[path]) is not None}
    texts = {name: committext.lenient(data) for name, data in there.items()}
    return dockerfile in texts and not buildplan.chooses(CommitFiles(tuple(texts), texts, _parsed(texts)))


def _parsed(texts: Mapping[str, str]) -> dict[str, object]:
    settings = buildplan.SETTINGS_FILE
    return {settings: yaml_file.parse(texts[settings], settings, "invalid-paas-yml")} if settings in texts else {}


def _read(
    ctx: Context,
    app: App,
    commit: str,
    quarantine: Quarantine | None,
    sizes: Mapping[str, int],
    packs: Collection[Buildpack],
    work: Work,
) -> CommitFiles:
    folder = ctx.store.properties.of(app).text("builder", "build-dir")
    listed = CommitFiles(tuple(sorted(sizes)))
    wanted = _wanted(listed, sizes, packs)
    places = {path: posixpath.join(folder, path) for path in wanted}
    found = repository_of(ctx, app).read_files(commit, list(places.values()), quarantine=quarantine, limit=LARGEST)
    texts = {path: committext.lenient(data) for path in wanted if (data := found[places[path]]) is not None}

    def toml(path: str, text: str) -> object:
        return work("toml", path, {"path": path, "text": text})

    return CommitFiles(listed.paths, texts, _parsed(texts), pattern.first_groups, toml)


def _wanted(listed: CommitFiles, sizes: Mapping[str, int], packs: Collection[Buildpack]) -> list[str]:
    """Return the files to read: explicitly named ones first, then those found by patterns, from the top of the
    repository down.

    Skip files that git can't be asked for, such as those with a newline in their names.
    """
    patterns = sorted(buildplan.patterns(tuple(packs)))
    named = listed.find(one for one in patterns if not is_pattern(one))
    others = [path for path in listed.find(filter(is_pattern, patterns)) if path not in named and path.isprintable()]
    found, room = [], _MOST_BYTES
    for path in [*named, *sorted(others, key=lambda path: path.count("/"))[:_MOST]]:
        if sizes[path] <= min(LARGEST, room):
            found.append(path)
            room -= sizes[path]
    return found


def _indexes(ctx: Context) -> dict[str, str]:
    found = {key: ctx.settings.value(key) for key in buildenv.SETTINGS}
    return {key: str(value) for key, value in found.items() if value}


def _proxies(ctx: Context) -> dict[str, str]:
    return {key: str(ctx.settings.value(f"build-{key}-proxy") or "") for key in ("http", "https", "no")}


def _key(ctx: Context) -> str:
    """Return the key for stamps and cache names of this instance, which makes them unpredictable."""
    found = ctx.store.instance.get(_STAMP_KEY)
    if found is None:
        found = secrets.token_hex(32)
        ctx.store.instance.set(_STAMP_KEY, found)
    return found


@dataclass(frozen=True)
class _Newest:
    """Newest commit of the deploy branch, as far as `recipe_of` needs it."""

    commit: str
    commands: Mapping[str, str]
    found: Mapping[str, bytes | None]


def newest(ctx: Context, app: App) -> Recipe | None:
    """Return how the newest commit of the deploy branch is built; None if its Dockerfile does.

    Raise `PaasError` if there is no commit, and the errors of `recipe_of`.
    """
    one = _newest(ctx, app)
    return recipe_of(ctx, app, one.commit, None, one.commands, one.found, ctx.part(Confined).for_look(ctx.gone))


def _newest(ctx: Context, app: App) -> _Newest:
    branch = ctx.store.properties.of(app).text("git", "deploy-branch")
    commit = repository_of(ctx, app).resolve(push.HEADS + branch) if branch else None
    if commit is None:
        raise PaasError(f"{app.name} has no commit yet", fix="Push to it first.", code="nothing-to-build")
    places = choices(ctx.store.properties.of(app))
    found = repository_of(ctx, app).read_files(commit, list(places.values()), limit=LARGEST) if places else {}
    return _Newest(commit, _commands(ctx, app, commit), found)


def _commands(ctx: Context, app: App, commit: str) -> dict[str, str]:
    properties = ctx.store.properties.of(app)
    folder, name = properties.text("builder", "build-dir"), properties.text("ps", "procfile-path")
    path = posixpath.join(folder, name)
    return procfile.parse(committext.lenient(repository_of(ctx, app).read_file(commit, path) or b""), path)


def facts(ctx: Context, app: App) -> dict[str, str]:
    """Return the facts for ``builder:report`` about the build of the newest commit, or the reason why it can't be
    built.
    """
    order = {"detection-order": ", ".join(pack.name for pack in buildpacks.available(ctx, app))}
    try:
        one = _newest(ctx, app)
        # Nothing is rendered for it.
        plan = _plan(ctx, app, one.commit, None, one.commands, one.found, ctx.part(Confined).for_look(ctx.gone))
    except PaasError as error:
        return {**order, "detected": "nothing", "detected-problem": " ".join(error.lines())}
    if plan is None:
        return {**order, "detected": DOCKERFILE, "detected-by": ctx.store.properties.of(app).text(*_PATH)}
    return {
        **order,
        "detected": BUILDPACK,
        "detected-by": plan.reason,
        "detected-buildpacks": ", ".join(stage.buildpack.name for stage in plan.stages),
        "detected-language": plan.title,
    }
