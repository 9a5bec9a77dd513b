"""Resources of builds: free disk space and memory before, limits during a build."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from paas.core.builds import disk_space
from paas.core.builds.disk_space import Disk, Floors
from paas.core.errors import DockerError, disk_full
from paas.core.model import App
from paas.jobs.context import Context
from paas.server import cleanup
from paas.system.reserve import Reserve


def floors(ctx: Context) -> Floors:
    """Return what must be free before a build."""
    values = {key: int(ctx.settings.value(f"build-min-{key}") or 0) for key in ("disk", "inodes", "memory")}
    return Floors(**values)


def disks(ctx: Context) -> list[Disk]:
    """Return the file systems that builds write to: those of Docker and the data root, without duplicates."""
    engine = ctx.engine.storage()
    found = [ctx.host.disk(ctx.paths.root)]
    if engine is not None and not ctx.host.same_disk(engine, ctx.paths.root):
        found.append(ctx.host.disk(engine))
    return found


def check(ctx: Context, app: App) -> None:
    """Raise `NoRoom` if free disk space or memory is below its minimum."""
    found = disk_space.lacks(disks(ctx), ctx.host.memory(), floors(ctx))
    if found:
        raise disk_space.refusal(found, _would_free(ctx, app))


def _would_free(ctx: Context, app: App) -> str:
    try:
        return cleanup.would_free(ctx, app)
    except DockerError as error:
        return f"How much 'cleanup' would free is unknown: {error.what}."


def lay_up(ctx: Context) -> None:
    """Reserve disk space with which a change can be undone when the disk is full. Raise if there is none."""
    if not ctx.part(Reserve).keep():
        raise disk_full(f"a reserve in {ctx.paths.root}")


def group(ctx: Context) -> str:
    """Return the control group of this instance's builds."""
    return group_of(ctx.engine.instance)


def group_of(instance: str) -> str:
    """Return the control group of builds of the instance with that id."""
    return f"paas-{instance}"


@contextmanager
def limited(ctx: Context) -> Iterator[str]:
    """Apply the limits of the settings to the build's processes. Yield the mark to build with, empty for no limits."""
    weight, memory = ctx.settings.value("build-cpu-weight"), ctx.settings.value("build-memory-limit")
    # Random: an app that knew it could put it into its own environment.
    mark = f"build-{secrets.token_hex(16)}.{ctx.engine.instance}.paas.invalid"
    limit = memory.of(ctx.host.memory().total) if memory else 0
    if not weight and not limit:
        yield ""
        return
    with ctx.host.limited(group(ctx), mark, weight or 100, limit) as trouble:
        yield "" if trouble else mark
