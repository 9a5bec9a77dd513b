"""Isolated builds: whether they are enabled, and the supervision of their builder."""

from __future__ import annotations

import logging

from paas.builders.rootless import Rootless
from paas.core.errors import DockerError
from paas.jobs.context import Context

_log = logging.getLogger(__name__)

WATCH_SECONDS = 2.0
SETTING, ROOTLESS = "build-isolation", "rootless"


def wanted(ctx: Context) -> bool:
    """Return True if builds are isolated."""
    return bool(ctx.settings.value(SETTING) == ROOTLESS)


class BuilderSupervisor:
    """Loop that starts the builder if it is enabled and does not run, and ends it if it is disabled."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._trouble = ""

    def tick(self) -> None:
        """Examine it once. A failed start is logged once, and reported by ``doctor`` while it lasts."""
        if not wanted(self._ctx):
            self._ctx.part(Rootless).stop()
            return
        try:
            self._ctx.part(Rootless).start()
            self._trouble = ""
        except DockerError as error:
            if error.why != self._trouble:
                _log.error("%s: %s", error.what, error.why)
            self._trouble = error.why
