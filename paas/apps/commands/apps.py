"""``apps:*`` and the URLs of apps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from paas.apps import lifecycle, processes
from paas.commands import arguments as args
from paas.commands.declare import Arg, Stdin, command
from paas.commands.invocation import Invocation
from paas.commands.render import Exit
from paas.core.access.caller import Access
from paas.core.errors import AlreadyExists, NotFound
from paas.core.model import App
from paas.core.sandboxes import numbered
from paas.core.times import timestamp
from paas.edge import publish
from paas.jobs.context import Context


@command("apps:list", access=Access.VIEW)
def apps_list(ctx: Context) -> list[str]:
    """List the apps."""
    return [app.name for app in ctx.store.apps.all()]


@command("apps:create", access=Access.DEPLOY)
def apps_create(ctx: Context, name: args.NewName) -> None:
    """Create an app. A push to a name that does not exist does the same."""
    lifecycle.create(ctx, name)
    ctx.out.step(f"Created the app {name}")


@command("apps:exists", access=Access.VIEW)
def apps_exists(ctx: Context, app: args.AnyName) -> Exit:
    """Report with the exit status whether the app exists: 0 if it does, 20 if not."""
    ctx.store.apps.get(app)
    return Exit(0)


@dataclass(frozen=True)
class AppInfo:
    """The output of ``apps:info``."""

    name: str
    created_at: str
    created_by: str
    state: str
    release: str
    commit: str
    processes: dict[str, int]
    urls: list[str]
    repository: str


@command("apps:info", access=Access.VIEW)
def apps_info(ctx: Context, app: args.App) -> AppInfo:
    """Show one app: its state, release, processes and URLs."""
    current = ctx.store.releases.current(app)
    state = "not deployed" if current is None else "stopped" if app.stopped else "running"
    return AppInfo(
        name=app.name,
        created_at=timestamp(app.created_at),
        created_by=app.created_by,
        state=state,
        release=f"v{current.version}" if current else "",
        commit=current.commit if current else "",
        processes=processes.formation(ctx, app),
        urls=publish.urls(ctx, app),
        repository=str(ctx.paths.repository(app)),
    )


@dataclass(frozen=True)
class AppRow:
    """Row of ``apps:overview``. ``build`` is the number of the last deployment, None if there was none."""

    name: str
    state: str
    release: str
    commit: str
    processes: dict[str, int]
    url: str
    build: int | None
    build_status: str
    build_at: str


@command("apps:overview", access=Access.VIEW)
def apps_overview(ctx: Context, *apps: args.App) -> list[AppRow]:
    """List all apps, or the named ones, with state, release, processes, main URL, and last deployment."""
    return [_row(ctx, app) for app in apps or ctx.store.apps.all()]


def _row(ctx: Context, app: App) -> AppRow:
    info, last = apps_info(ctx, app), ctx.store.deployments.last(app)
    return AppRow(
        info.name,
        info.state,
        info.release,
        info.commit[:10],
        info.processes,
        next(iter(info.urls), ""),
        last.id if last else None,
        last.status.value if last else "",
        timestamp(last.started_at) if last else "",
    )


@command("apps:rename", access=Access.DEPLOY)
def apps_rename(ctx: Context, app: args.App, name: args.NewName, *, skip_deploy: bool = False) -> None:
    """Rename an app.

    Its default domain follows immediately. Its containers are replaced so that their names and variables follow, too,
    unless --skip-deploy is given.
    """
    old = app.name
    lifecycle.rename(ctx, app, name, restart=not skip_deploy)
    ctx.out.step(f"Renamed {old} to {name}")


@command("apps:clone", access=Access.DEPLOY, unlocked=True)
def apps_clone(
    ctx: Context,
    app: args.App,
    name: Annotated[str, Arg("NAME")],
    *,
    count: args.Count = None,
    skip_deploy: bool = False,
    ignore_existing: bool = False,
) -> None:
    """Create an app with the code, configuration, properties and current image of another one, but not its domains.

    --count N creates N apps, NAME1 to NAMEN. If a name is taken, none is created, unless --ignore-existing is given.
    """
    wanted = numbered(name, count)
    taken = [one for one in wanted if ctx.store.apps.find(one)]
    if taken and not ignore_existing:
        raise AlreadyExists(f"the app {taken[0]!r} already exists", fix="Choose another name, or --ignore-existing.")
    for one in wanted:
        if one not in taken:
            lifecycle.clone(ctx, app, one, start=not skip_deploy)
            ctx.out.step(f"Cloned {app.name} to {one}")


@command("apps:destroy", access=Access.DEPLOY, stdin=Stdin.TEXT)
def apps_destroy(ctx: Context, app: args.App, *, force: bool = False, invocation: Invocation) -> None:
    """Destroy an app with its containers, releases, configuration and repository."""
    args.confirm(ctx, invocation, app.name, f"destroying the app {app.name}", force=force)
    lifecycle.destroy(ctx, app)
    ctx.out.step(f"Destroyed {app.name}")


@command("url", access=Access.VIEW)
def url(ctx: Context, app: args.App) -> str:
    """Print the main URL of an app."""
    found = publish.urls(ctx, app)
    if not found:
        raise NotFound(f"{app.name} has no domain", fix=f"Run 'domains:add {app.name} DOMAIN'.", code="no-domain")
    return found[0]


@command("urls", access=Access.VIEW)
def urls(ctx: Context, app: args.App) -> list[str]:
    """Print all URLs of an app, one per line."""
    return publish.urls(ctx, app)
