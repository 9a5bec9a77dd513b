"""What the containers of an app may use, from settings and properties."""

from __future__ import annotations

from paas.core.containers import memory as memorylimit
from paas.core.containers import options as dockeroptions
from paas.core.model import App
from paas.jobs.context import Context
from paas.schedulers.base import ContainerLimits


def limits(ctx: Context, app: App, phase: str = dockeroptions.DEPLOY) -> ContainerLimits:
    """The limits that hold for containers of the app that start now: its processes, or one-off runs for ``run``."""
    options = dockeroptions.for_containers(ctx.store.docker_options.of(app, phase))
    total = ctx.host.memory().total
    memory = ctx.settings.value("memory-limit").granted(options.memory, total)
    properties = ctx.store.properties.of(app)
    return ContainerLimits(
        memory=memory,
        pids=ctx.settings.value("pids-limit"),
        log_max_size=properties.value("logs", "max-size"),
        stop_timeout=properties.value("ps", "stop-timeout-seconds"),
        options=memorylimit.capped(options, memory, total),
    )
