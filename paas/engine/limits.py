"""What the containers of an app may use, from settings and properties."""

from __future__ import annotations

from paas.core.model import App
from paas.engine.context import Context
from paas.schedulers.base import Limits


def limits(ctx: Context, app: App) -> Limits:
    """The limits that hold for containers of the app that start now."""
    return Limits(
        memory=ctx.settings.value("memory-limit"),
        pids=ctx.settings.value("pids-limit"),
        log_max_size=ctx.store.properties.of(app).value("logs", "max-size"),
        stop_timeout=ctx.store.properties.of(app).value("ps", "stop-timeout-seconds"),
    )
