"""Before and during a build: is there room for it, and how much of the machine may it take."""

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
    """What has to be free before a build."""
    values = {key: int(ctx.settings.value(f"build-min-{key}") or 0) for key in ("disk", "inodes", "memory")}
    return Floors(**values)


def disks(ctx: Context) -> list[Disk]:
    """The file systems that builds write to: the engine's and the data root's, once if they are one."""
    engine = ctx.scheduler.storage()
    found = [ctx.host.disk(ctx.paths.root)]
    if engine is not None and not ctx.host.same_disk(engine, ctx.paths.root):
        found.append(ctx.host.disk(engine))
    return found


def check(ctx: Context, app: App) -> None:
    """Refuses to build with `NoRoom` when disk or memory is below its floor."""
    found = disk_space.lacks(disks(ctx), ctx.host.memory(), floors(ctx))
    if found:
        raise disk_space.refusal(found, _would_free(ctx, app))


def _would_free(ctx: Context, app: App) -> str:
    try:
        return cleanup.would_free(ctx, app)
    except DockerError as error:
        return f"What 'cleanup' would free is not known: {error.what}."


def lay_up(ctx: Context) -> None:
    """Keeps some room aside, from which a change that finds the disk full can be undone."""
    if not ctx.part(Reserve).keep():
        raise disk_full(f"a reserve in {ctx.paths.root}")


def group(ctx: Context) -> str:
    """The control group of this instance's builds."""
    return group_of(ctx.scheduler.instance)


def group_of(instance: str) -> str:
    """The same, of the instance with that id."""
    return f"paas-{instance}"


@contextmanager
def limited(ctx: Context) -> Iterator[str]:
    """Inside, the build's own processes are under the limits of the settings. Gives the mark to build with."""
    weight, memory = ctx.settings.value("build-cpu-weight"), ctx.settings.value("build-memory-limit")
    # Random, as an app that knew it could put it into its own environment.
    mark = f"build-{secrets.token_hex(16)}.{ctx.scheduler.instance}.paas.invalid"
    limit = memory.of(ctx.host.memory().total) if memory else 0
    if not weight and not limit:
        yield ""
        return
    with ctx.host.limited(group(ctx), mark, weight or 100, limit) as trouble:
        yield "" if trouble else mark
