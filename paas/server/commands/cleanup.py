"""``cleanup``: removing what nobody needs any more."""

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
    """One line of ``cleanup``."""

    kind: str
    name: str
    app: str
    size: str
    why: str


@command("cleanup", access=Access.ADMIN, unlocked=True)
def cleanup_(ctx: Context, app: args.App | None = None, *, dry_run: bool = False) -> list[CleanupRow]:
    """Remove what nobody needs any more, of one app or of all, and list it; with --dry-run only list it.

    That is: images of releases beyond the setting keep-images, images of failed builds, containers that ended and are
    not wanted, logs beyond keep-job-logs, and, where build-cache-keep is set, the oldest of the engine's build cache.
    Only what this instance made is touched, apart from that cache, and no volume ever. The setting cleanup-interval
    says how often the server does it by itself.
    """
    found = cleanup.survey(ctx, app) if dry_run else cleanup.clean(ctx, app)
    for name in found.busy:
        ctx.out.detail(f"{name} is left alone: something is under way for it.")
    ctx.out.step(f"{'Would free' if dry_run else 'Freed'} about {size(found.size)}")
    return [
        CleanupRow(item.kind, item.name, item.app, size(item.size) if item.size else "", item.why)
        for item in found.items
    ]
