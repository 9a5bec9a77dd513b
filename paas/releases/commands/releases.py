"""``releases:*``: what was released, and going back."""

from __future__ import annotations

from dataclasses import dataclass

from paas.commands import arguments as args
from paas.commands.declare import command
from paas.core.access.caller import Access
from paas.core.model import Release, Summary
from paas.core.releases.diff import Difference, differences
from paas.core.times import timestamp
from paas.jobs.context import Context
from paas.releases import rollback


@dataclass(frozen=True)
class ReleaseRow:
    """Row of ``releases``."""

    version: str
    state: str
    created_at: str
    actor: str
    cause: str
    commit: str


def _row(release: Release | Summary) -> ReleaseRow:
    return ReleaseRow(
        f"v{release.version}",
        release.state.value,
        timestamp(release.created_at),
        release.actor,
        release.cause,
        release.commit[:10],
    )


@command("releases", access=Access.VIEW)
def releases(ctx: Context, app: args.App) -> list[ReleaseRow]:
    """List the releases of an app, newest first."""
    return [_row(release) for release in ctx.store.releases.summaries(app)]


@dataclass(frozen=True)
class ReleaseInfo:
    """Result of ``releases:info``. ``config`` has only the names of the variables, ``container`` the settings."""

    version: str
    state: str
    created_at: str
    actor: str
    cause: str
    commit: str
    image: str
    image_kept: bool
    processes: dict[str, str]
    config: list[str]
    container: dict[str, str]


@command("releases:info", access=Access.VIEW)
def releases_info(ctx: Context, app: args.App, version: args.Version | None = None) -> ReleaseInfo:
    """Show one release, by default the current one: image, commit, processes, names of variables, settings."""
    release = ctx.store.releases.get(app, version) if version is not None else ctx.store.releases.deployed(app)
    row = _row(release)
    return ReleaseInfo(
        version=row.version,
        state=row.state,
        created_at=row.created_at,
        actor=row.actor,
        cause=row.cause,
        commit=release.commit,
        image=release.image,
        image_kept=ctx.engine.image(release.image) is not None,
        processes={process.type: process.command or "(the image's CMD)" for process in release.processes},
        config=sorted(release.environment),
        container=dict(release.container.rows()) if release.container else {},
    )


@command("releases:diff", access=Access.VIEW)
def releases_diff(
    ctx: Context, app: args.App, before: args.Version, after: args.Version | None = None
) -> list[Difference]:
    """Show the differences between two releases, or between one and the current: image, processes, variables, settings.

    Values of variables are never shown. Settings are those of containers: docker-options, stop timeout, log size.
    """
    one = ctx.store.releases.get(app, before)
    other = ctx.store.releases.get(app, after) if after is not None else ctx.store.releases.deployed(app)
    found = differences(one, other)
    if not found:
        ctx.out.detail(f"v{one.version} and v{other.version} are alike.")
    return found


@command("releases:rollback", access=Access.DEPLOY)
def releases_rollback(
    ctx: Context, app: args.App, version: args.Version | None = None, *, keep_config: bool = False
) -> None:
    """Go back to an earlier release, by default the previous one: its image, commands, configuration and settings.

    Nothing is built; it takes as long as its containers take to start. The result is a new release. With --keep-config
    the configuration and the settings of containers stay as they are now.
    """
    rollback.rollback(ctx, app, version, keep_config=keep_config)
