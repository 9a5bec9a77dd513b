"""Limits on concurrent requests, in total and for one token.

Each request holds one of gunicorn's threads until its response is sent. Long requests, such as a call, a form or a
stream, have their own limits, and so have pages, so that some threads are always free for signing in.
"""

from __future__ import annotations

import threading
from collections import Counter

from flask import Response, after_this_request, current_app

from paas.web.daemon_client import problem

CALLS, CALLS_EACH = 40, 16
PAGES, PAGES_EACH = 24, 12
SPARE = 8
THREADS = CALLS + PAGES + SPARE
SOON, LATER = 2, 5
"""Seconds after which a token, or any client, may try again."""


class Room:
    """Places for ``most`` requests, ``each`` of one token."""

    def __init__(self, most: int, each: int) -> None:
        self._most = most
        self._each = each
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()

    def take(self, token: str) -> None:
        """Take a place. Raise `Problem` if there is none."""
        with self._lock:
            if self._taken[token] >= self._each:
                raise problem(
                    "too much is under way with this token",
                    429,
                    "busy",
                    why=f"Of what one token asks for, {self._each} calls and streams are open at a time.",
                    fix="Wait for one to end, or close one. 'Prefer: respond-async' leaves none open for a change.",
                    retry_after=SOON,
                )
            if self._taken.total() >= self._most:
                raise problem(
                    "too much is under way",
                    503,
                    "busy",
                    why=f"The server keeps {self._most} calls and streams open at a time.",
                    fix="Try again in a moment.",
                    retry_after=LATER,
                )
            self._taken[token] += 1

    def leave(self, token: str) -> None:
        """Release the place."""
        with self._lock:
            self._taken[token] -= 1
            if not self._taken[token]:
                del self._taken[token]


def rooms() -> dict[str, Room]:
    """Return the limits of one instance."""
    return {"calls": Room(CALLS, CALLS_EACH), "pages": Room(PAGES, PAGES_EACH)}


def hold(name: str, token: str) -> None:
    """Take a place until the response to this request is sent, however it ends."""
    room: Room = current_app.config["ROOMS"][name]
    room.take(token)

    @after_this_request
    def leave(response: Response) -> Response:
        response.call_on_close(lambda: room.leave(token))
        return response
