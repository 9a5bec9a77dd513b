"""The limit on concurrent commands, and their end when the server stops."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol, TypeVar

from paas.commands.invocation import Dispatch
from paas.core.errors import PaasError

T = TypeVar("T")

PARTING = 0.2
"""Seconds that commands have to end after they were hung up."""


class TooManyCommands(PaasError):
    """The server runs as many commands as it is allowed to."""

    code = "busy"


class RunningCommand(Protocol):
    """One running command."""

    def hang_up(self) -> None:
        """Tell the command that its client has disconnected."""


class Pool:
    """The running sessions, at most ``limit``. Each one has its own thread."""

    def __init__(self, dispatch: Dispatch, limit: int) -> None:
        self.dispatch = dispatch
        self.limit = limit
        self._sessions: set[RunningCommand] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    def enter(self, session: RunningCommand) -> None:
        """Take a place for ``session``. Raise `TooManyCommands` when there is none."""
        if len(self._sessions) >= self.limit:
            raise TooManyCommands(
                "The server is busy",
                why=f"It is running {self.limit} commands, which is its limit.",
                fix="Try again in a moment.",
            )

        self._sessions.add(session)
        self._idle.clear()

    def leave(self, session: RunningCommand) -> None:
        """Give the place back, after the session's thread has ended."""
        self._sessions.discard(session)

        if not self._sessions:
            self._idle.set()

    async def close(self, grace: float) -> None:
        """Wait ``grace`` seconds for the running sessions, hang up the rest, and wait `PARTING` seconds for those."""
        await self._wait(grace)

        for session in list(self._sessions):
            session.hang_up()

        await self._wait(PARTING)

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()


def on_loop(function: Callable[[T], None]) -> Callable[[T], None]:
    """Wrap ``function`` for other threads: it runs on the current event loop, and not at all after the loop's end."""
    loop = asyncio.get_running_loop()

    def call(news: T) -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(function, news)

    return call
