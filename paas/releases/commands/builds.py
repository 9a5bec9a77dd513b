"""``builds:*``: changes of apps, under way and past."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from paas.commands import arguments as args
from paas.commands.declare import Arg, command
from paas.commands.render import Exit
from paas.core.access.caller import Access
from paas.core.errors import InvalidValue
from paas.core.model import DeploymentStatus
from paas.core.times import timestamp
from paas.jobs.context import Context
from paas.jobs.kinds import KINDS
from paas.releases import deployments
from paas.releases.commands.arguments import Build, Status, Which
from paas.releases.deployments import DeploymentView


@dataclass(frozen=True)
class DeploymentRow:
    """Row of ``builds:list``."""

    id: int
    app: str
    kind: str
    status: str
    started_at: str
    seconds: float | None
    actor: str
    cause: str
    release: str
    note: str


def _row(ctx: Context, build: DeploymentView) -> DeploymentRow:
    it = build.deployment
    under_way = it.status in (DeploymentStatus.QUEUED, DeploymentStatus.RUNNING)
    note = f"waits for {build.waits}" if build.waits else it.step if under_way else it.error
    return DeploymentRow(
        id=it.id,
        app=build.app,
        kind=it.kind,
        status=it.status.value,
        started_at=timestamp(it.started_at),
        seconds=round((it.finished_at if it.finished_at is not None else ctx.clock.now()) - it.started_at, 1),
        actor=it.actor,
        cause=it.cause,
        release=f"v{it.version}" if it.version else "",
        note=note,
    )


def _kind(ctx: Context, text: str) -> str:
    if text not in KINDS:
        raise InvalidValue(f"{text!r} is not a kind of change", why=f"A kind is one of {', '.join(KINDS)}.")
    return text


Kind = Annotated[str, Arg("KIND", _kind, choices=KINDS)]


@command("builds:list", access=Access.VIEW)
def builds_list(
    ctx: Context, app: args.App | None = None, *, status: Status = "", kind: Kind = ""
) -> list[DeploymentRow]:
    """List the last 100 deployments of an app, or of all apps: pushes and all other changes of what runs; newest first.

    --status shows only those that are queued, running, succeeded, failed, cancelled or abandoned; --kind only those of
    a kind, such as push, config or scale. The last column shows what it waits for, its current step, or its error code.
    """
    return [_row(ctx, build) for build in deployments.recent(ctx, app, status=status, kind=kind)]


@dataclass(frozen=True)
class DeploymentInfo:
    """Result of ``builds:info``. ``steps`` has the seconds of each, None for an unfinished one."""

    id: int
    app: str
    kind: str
    status: str
    started_at: str
    finished_at: str
    actor: str
    cause: str
    commit: str
    release: str
    error: str
    waits: str
    steps: dict[str, float | None]
    log_kept: bool
    log_bytes: int


@command("builds:info", access=Access.VIEW)
def builds_info(ctx: Context, target: Build, which: Which = "") -> DeploymentInfo:
    """Show one change with its steps: by its number, or the one of an app that is under way, or else its newest."""
    build = deployments.find(ctx, target, which)
    it = build.deployment
    path = ctx.jobs.log_path(it.id)
    return DeploymentInfo(
        id=it.id,
        app=build.app,
        kind=it.kind,
        status=it.status.value,
        started_at=timestamp(it.started_at),
        finished_at=timestamp(it.finished_at) if it.finished_at is not None else "",
        actor=it.actor,
        cause=it.cause,
        commit=it.commit,
        release=f"v{it.version}" if it.version else "",
        error=it.error,
        waits=build.waits,
        steps={
            name: None if seconds is None else round(seconds, 3)
            for name, seconds in ctx.store.deployments.steps(it.id)
        },
        log_kept=path.exists(),
        log_bytes=path.stat().st_size if path.exists() else 0,
    )


def _bytes(ctx: Context, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise InvalidValue(f"--after: {text[:40]!r} is not a number of bytes")
    return int(text)


@command("builds:output", access=Access.VIEW)
def builds_output(
    ctx: Context,
    target: Build,
    which: Which = "",
    *,
    follow: Annotated[bool, Arg("", short="f")] = False,
    after: Annotated[int, Arg("BYTES", _bytes)] = 0,
) -> Exit:
    """Print the log of a deployment: by its number, or the running one of an app, or else its newest.

    --follow attaches to a running one until it ends; the exit status is then 1 if it failed. Ctrl-C only detaches.
    After the app, `current` accepts only the running one. --after skips that many bytes.
    """
    return Exit(deployments.show_log(ctx, deployments.find(ctx, target, which), follow=follow, after=after))


@command("builds:cancel", access=Access.DEPLOY)
def builds_cancel(ctx: Context, target: Build) -> None:
    """Cancel a queued or running deployment, by its number or app. The running app is unchanged."""
    app = ctx.store.apps.find(target)
    if app is not None and not ctx.jobs.of(app):
        raise deployments.nothing_under_way(app)
    build = deployments.find(ctx, target)
    deployments.cancel(ctx, build)
    ctx.out.step(f"Cancelled build {build.deployment.id} of {build.app} ({build.deployment.cause})")
