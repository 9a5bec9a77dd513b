"""Builds apart from the host: whether they are wanted, and that what builds is there exactly then."""

from __future__ import annotations

from paas.engine.context import Context

SETTING, ROOTLESS = "build-isolation", "rootless"


def wanted(ctx: Context) -> bool:
    """Whether builds run apart from the host."""
    return bool(ctx.settings.value(SETTING) == ROOTLESS)


def keep(ctx: Context) -> None:
    """Starts the builder where it is wanted and does not run, and ends it where it is not wanted any more."""
    if wanted(ctx):
        ctx.rootless.start()
    else:
        ctx.rootless.stop()
