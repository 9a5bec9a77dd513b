"""The settings of an app's containers: recorded with a release, applied at a start, restored by a rollback."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from paas.core.containers import memory, options, settings
from paas.core.containers.options import Option
from paas.core.containers.settings import ContainerSettings
from paas.core.model import App, Release
from paas.core.properties import Properties
from paas.jobs.context import Context
from paas.schedulers.base import ContainerLimits


def current(ctx: Context, app: App) -> ContainerSettings:
    """Return what is set for the app now. The next release records it."""
    return settings.settings(ctx.store.docker_options.all(app), ctx.store.properties.of(app).own)


def restore(ctx: Context, app: App, wanted: ContainerSettings) -> None:
    """Make these the app's settings, in the transaction that is open."""
    for phase in options.PHASES:
        kept = [options.stored(text) for text in wanted.options.get(phase, ())]
        ctx.store.docker_options.set(app, phase, kept)
    for namespace, key in settings.PROPERTIES:
        ctx.store.properties.set(app, namespace, key, wanted.properties.get(f"{namespace} {key}", ""))


def changed(ctx: Context, app: App, release: Release) -> bool:
    """Return True if the app's settings are other ones than those of the release.

    A release from before settings were recorded has none; its containers take the settings of their start.
    """
    return release.container is not None and release.container.differs(current(ctx, app))


def of_release(ctx: Context, app: App, release: Release, properties: Properties) -> ContainerLimits:
    """Return the limits for processes of the release. The server's own settings apply as they are now.

    ``properties`` are those of the app.
    """
    kept = release.container
    if kept is None:
        return _limits(ctx, properties, ctx.store.docker_options.of(app, options.DEPLOY))
    others = {name: value for name, value in properties.own.items() if name not in settings.PROPERTIES}
    own = {name: kept.properties[" ".join(name)] for name in settings.PROPERTIES if " ".join(name) in kept.properties}
    found = [options.stored(text) for text in kept.options.get(options.DEPLOY, ())]
    return _limits(ctx, replace(properties, own={**others, **own}), found)


def of_runs(ctx: Context, app: App) -> ContainerLimits:
    """Return the limits for one-off containers, from what is set for runs now."""
    return _limits(ctx, ctx.store.properties.of(app), ctx.store.docker_options.of(app, options.RUN))


def _limits(ctx: Context, properties: Properties, found: Sequence[Option]) -> ContainerLimits:
    asked = options.for_containers(found)
    total = ctx.host.memory().total
    granted = ctx.settings.value("memory-limit").granted(asked.memory, total)
    return ContainerLimits(
        memory=granted,
        pids=ctx.settings.value("pids-limit"),
        log_max_size=properties.value("logs", "max-size"),
        stop_timeout=properties.value("ps", "stop-timeout-seconds"),
        options=memory.capped(asked, granted, total),
    )
