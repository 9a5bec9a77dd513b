"""``cleanup``: remove unused images, containers and logs."""

from __future__ import annotations

from dataclasses import dataclass

from paas.commands import arguments as args
from paas.commands.declare import command
from paas.core.access.caller import Access
from paas.core.sizes import size
from paas.jobs.context import Context
from paas.server import cleanup


@dataclass(frozen=True)
class CleanupRow:
    """Row of ``cleanup``."""

    kind: str
    name: str
    app: str
    size: str
    why: str


@command("cleanup", access=Access.ADMIN, unlocked=True)
def cleanup_(ctx: Context, app: args.App | None = None, *, dry_run: bool = False) -> list[CleanupRow]:
    """Remove and list unused images, containers and logs of one app or of all; with --dry-run only list them.

    These are images of releases beyond the setting keep-images, images of failed builds, ended containers that are no
    longer needed, logs beyond keep-job-logs and, if build-cache-keep is set, the oldest part of Docker's build cache.
    Apart from that cache only items of this instance are removed, and never volumes. The server also cleans up
    automatically, at the interval of the setting cleanup-interval.
    """
    found = cleanup.survey(ctx, app) if dry_run else cleanup.clean(ctx, app)
    for name in found.busy:
        ctx.out.detail(f"Skipped {name}: a deployment is running.")
    ctx.out.step(f"{'Would free' if dry_run else 'Freed'} about {size(found.size)}")
    return [
        CleanupRow(item.kind, item.name, item.app, size(item.size) if item.size else "", item.why)
        for item in found.items
    ]
