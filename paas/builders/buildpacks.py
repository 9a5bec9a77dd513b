"""Buildpacks that an app may use: imported ones, for it or for all apps, and those that come with the platform."""

from __future__ import annotations

import re
from pathlib import Path

from paas.access import remote_credentials
from paas.builders import buildpack_fetch, buildpack_folders, recipe
from paas.core.access.caller import Access
from paas.core.builds import plan
from paas.core.builds.buildpack import Buildpack
from paas.core.errors import Forbidden, InvalidValue, NotFound
from paas.core.git import url
from paas.core.git.url import Remote
from paas.core.model import App
from paas.git.remotes import Remotes
from paas.jobs.context import Context
from paas.store.buildpacks import AddedBuildpack, Buildpacks
from paas.system.confined import Confined

CHAIN = ("buildpacks", "chain")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://\S+|[\w.-]+@[\w.-]+:\S+")


def available(ctx: Context, app: App | None) -> tuple[Buildpack, ...]:
    """Return the buildpacks in the order of detection: the app's own, those of all apps, those of the platform.

    Of several with one name the first counts.
    """
    rows = [*(ctx.store.table(Buildpacks).of(app) if app else ()), *ctx.store.table(Buildpacks).of(None)]
    added = [_load(ctx, row) for row in rows]
    found: dict[str, Buildpack] = {}
    for pack in (*sorted(added, key=lambda pack: pack.order), *buildpack_folders.shipped()):
        found.setdefault(pack.name, pack)
    return tuple(found.values())


def _load(ctx: Context, row: AddedBuildpack) -> Buildpack:
    return buildpack_folders.load(ctx.paths.buildpacks / row.version, version=row.version, source=row.source)


def chain(ctx: Context, app: App) -> tuple[str, ...]:
    """Return the chosen names of the app; empty if its buildpacks are detected."""
    return tuple(ctx.store.properties.of(app).value(*CHAIN) or ())


def add(ctx: Context, app: App | None, source: str, *, reference: str = "", index: int = 0) -> Buildpack:
    """Add a buildpack: its name, an address of a git repository, or for an admin a folder of the server.

    For an app it becomes part of the chain, at the end or at the place ``index`` (from 1); for None it is offered to
    all apps. An imported one is read and checked first, and stays at the found commit.
    """
    pack = _resolved(ctx, app, source, reference)
    if app is not None:
        names = [name for name in chain(ctx, app) if name != pack.name]
        names.insert(index - 1 if index else len(names), pack.name)
        _record(ctx, app, names)
    return pack


def replace(ctx: Context, app: App, source: str, *, reference: str = "", index: int = 1) -> Buildpack:
    """Replace the buildpack at the place ``index`` of the chain."""
    pack = _resolved(ctx, app, source, reference)
    names = [*chain(ctx, app)]
    names[index - 1 : index] = [pack.name]
    _record(ctx, app, list(dict.fromkeys(names)))
    return pack


def remove(ctx: Context, app: App | None, name: str) -> None:
    """Remove the buildpack, by name or source, from the app's chain, or for None from those offered to all apps."""
    named = {row.source: row.name for row in ctx.store.table(Buildpacks).of(app)}
    plain = named.get(name, name)
    before = chain(ctx, app) if app else ()
    if plain not in before and plain not in named.values():
        raise NotFound(
            f"there is no buildpack {name!r} to remove",
            why="There are: " + (", ".join([*before, *named.values()]) or "none") + ".",
            code="no-such-buildpack",
        )
    if app is not None:
        _record(ctx, app, [one for one in before if one != plain])
    ctx.store.table(Buildpacks).remove(app.id if app else None, plain)
    _drop_unused(ctx)


def clear(ctx: Context, app: App) -> None:
    """Clear the chain and the app's imported buildpacks: its buildpacks are detected again."""
    for row in ctx.store.table(Buildpacks).of(app):
        ctx.store.table(Buildpacks).remove(app.id, row.name)
    _record(ctx, app, [])
    _drop_unused(ctx)


def _record(ctx: Context, app: App, names: list[str]) -> None:
    ctx.store.properties.set(app, *CHAIN, ",".join(names))


def _resolved(ctx: Context, app: App | None, source: str, reference: str) -> Buildpack:
    packs = available(ctx, app)
    if any(source == pack.name for pack in packs) or plan.known_elsewhere(source):
        if app is None:
            raise InvalidValue(f"{source} is already available to all apps", code="already-offered")
        return plan.find(packs, source)
    is_folder = source.startswith("/")
    if is_folder and ctx.caller.access < Access.ADMIN:
        raise Forbidden("folders on the server need the role admin")
    if not is_folder and not _ADDRESS.fullmatch(source):
        return plan.find(packs, source)
    return _fetched(ctx, app, source, reference)


def _fetched(ctx: Context, app: App | None, source: str, reference: str) -> Buildpack:
    address, _, branch = source.partition("#")
    wanted = reference or branch
    parent = ctx.paths.buildpacks
    if source.startswith("/"):
        fetching = buildpack_fetch.from_folder(parent, Path(source))
    else:
        remote = _remote(ctx, address)
        means = remote_credentials.means(ctx, remote)
        ref = url.ref(wanted) if wanted else ""
        fetching = buildpack_fetch.from_git(parent, remote, ref, means, ctx.part(Remotes).fetch, ctx.gone)
    with fetching as (tree, version):
        pack = buildpack_folders.load(tree, version=version, source=address)
        recipe.check(tree, f"{address}: {pack.name}", ctx.part(Confined).for_look(ctx.gone))
        row = AddedBuildpack(
            app.id if app else None, pack.name, address, wanted, version, ctx.caller.name, ctx.clock.now()
        )  # fmt: skip
        with buildpack_fetch.changing(parent):
            buildpack_fetch.keep(tree, parent / version)
            ctx.store.table(Buildpacks).put(row)
            buildpack_fetch.drop_others(parent, ctx.store.table(Buildpacks).versions())
    return _load(ctx, row)


def _remote(ctx: Context, address: str) -> Remote:
    if address.startswith("file://") and ctx.caller.access >= Access.ADMIN:
        return url.on_this_server(address)
    return url.repository(address)


def _drop_unused(ctx: Context) -> None:
    with buildpack_fetch.changing(ctx.paths.buildpacks):
        buildpack_fetch.drop_others(ctx.paths.buildpacks, ctx.store.table(Buildpacks).versions())
