"""Builds apart from the host: whether they are wanted, and that what builds is there exactly then."""

from __future__ import annotations

import logging

from paas.builders.rootless import Rootless
from paas.core.errors import DockerError
from paas.jobs.context import Context

_log = logging.getLogger(__name__)

WATCH_SECONDS = 2.0
SETTING, ROOTLESS = "build-isolation", "rootless"


def wanted(ctx: Context) -> bool:
    """Whether builds run apart from the host."""
    return bool(ctx.settings.value(SETTING) == ROOTLESS)


class BuilderSupervisor:
    """Starts the builder where it is wanted and does not run, and ends it where it is not wanted any more."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._trouble = ""

    def tick(self) -> None:
        """One look. Why it can't be started is logged once, and told by ``doctor`` as long as it is so."""
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
