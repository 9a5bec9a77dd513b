"""How many commands run at a time, and how they are brought to an end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol, TypeVar

from paas.commands.invocation import Dispatch
from paas.core.errors import PaasError

T = TypeVar("T")

PARTING = 0.2
"""Seconds that those who were hung up on have to notice it."""


class TooManyCommands(PaasError):
    """As many commands run as the server runs at a time."""

    code = "busy"


class RunningCommand(Protocol):
    """One command under way."""

    def hang_up(self) -> None:
        """Tells the command that its client is gone."""


class Pool:
    """Runs sessions, each in a thread of its own, at most ``limit`` at a time."""

    def __init__(self, dispatch: Dispatch, limit: int) -> None:
        self.dispatch = dispatch
        self.limit = limit
        self._sessions: set[RunningCommand] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    def enter(self, session: RunningCommand) -> None:
        """Takes a place for ``session``; raises `TooManyCommands` when there is none."""
        if len(self._sessions) >= self.limit:
            raise TooManyCommands(
                "The server is busy",
                why=f"{self.limit} commands are under way, and it runs no more at a time.",
                fix="Try again in a moment.",
            )

        self._sessions.add(session)
        self._idle.clear()

    def leave(self, session: RunningCommand) -> None:
        """Gives the place back, once the session's thread has ended."""
        self._sessions.discard(session)

        if not self._sessions:
            self._idle.set()

    async def close(self, grace: float) -> None:
        """Gives the sessions under way ``grace`` seconds to end, hangs up on the rest, and waits a moment for those."""
        await self._wait(grace)

        for session in list(self._sessions):
            session.hang_up()

        await self._wait(PARTING)

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()


def on_loop(function: Callable[[T], None]) -> Callable[[T], None]:
    """``function``, for other threads: it is called on the loop that runs now, and no more once that has ended."""
    loop = asyncio.get_running_loop()

    def call(news: T) -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(function, news)

    return call
