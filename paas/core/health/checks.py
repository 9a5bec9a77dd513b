"""Health checks: what an app, or its image, says about how its processes are to be looked at; and what that means.

The fields are those of Dokku's app.json, https://dokku.com/docs/deployment/zero-downtime-deploys/
"""

from __future__ import annotations

import enum
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

STARTUP, READINESS, LIVENESS = "startup", "readiness", "liveness"
KINDS = (STARTUP, READINESS, LIVENESS)

ATTEMPTS = 3
TIMEOUT_SECONDS = 5.0
WAIT_SECONDS = 5.0
STAY_UP_SECONDS = 1.0
POLL_SECONDS = 0.02
QUICK_SECONDS = 0.25
"""The longest pause between two tries of a check that does not say one."""

STATED_BELOW = 400
"""Statuses from 200 to below it pass a check that an app states: what Kubernetes takes, too."""

ALL, NONE = "_all_", "none"


@dataclass(frozen=True)
class Check:
    """One check of one process type. Exactly one of these is looked at, in this order: the exit status of ``command``,
    ``uptime`` (seconds without a stop), ``listening`` (somebody listens on the port), else ``GET path``.

    ``kind`` is startup, readiness or liveness. ``port`` None is the process's own. ``attempts`` and ``wait`` (seconds
    between tries, at most) are None where the app says nothing; ``timeout`` is that of one try. ``initial_delay``
    seconds after the start it is looked at for the first time. An HTTP status counts from 200 to below ``below``.
    A failed check with ``warn`` is told and stops nothing. A new container is granted ``start_period`` seconds more.
    """

    kind: str = STARTUP
    name: str = ""
    path: str = "/"
    port: int | None = None
    content: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    command: tuple[str, ...] = ()
    listening: bool = False
    uptime: float = 0.0
    attempts: int | None = None
    timeout: float = TIMEOUT_SECONDS
    wait: float | None = None
    initial_delay: float = 0.0
    warn: bool = False
    below: int = STATED_BELOW
    start_period: float = 0.0

    @property
    def is_http(self) -> bool:
        """Whether it is a request."""
        return not (self.command or self.uptime or self.listening)

    @property
    def tries(self) -> int:
        """How many tries in a row have to fail before it has failed."""
        return self.attempts or ATTEMPTS

    @property
    def interval(self) -> float:
        """Seconds from one look of a liveness check to the next."""
        return WAIT_SECONDS if self.wait is None else self.wait

    def what(self) -> str:
        """What it looks at, in words."""
        if self.command:
            return " ".join(self.command)
        if self.uptime:
            return f"up for {self.uptime:g} s"
        port = f"port {self.port}" if self.port else "its port"
        if self.listening:
            return f"listening on {port}"
        return f"GET {self.path}" + (f" on {port}" if self.port else "")

    def title(self) -> str:
        """Its name and what it looks at, for messages."""
        return f"{self.kind} check {self.name + ': ' if self.name else ''}{self.what()}"


def stored(row: Mapping[str, Any]) -> Check:
    """The check that was stored as JSON, where tuples became lists."""
    headers = tuple((str(name), str(value)) for name, value in row["headers"])
    return Check(**{**row, "headers": headers, "command": tuple(row["command"])})


def for_start(given: Sequence[Check], port: int | None, of_image: Check | None, *, web: bool) -> tuple[Check, ...]:
    """What a new container has to pass, in order. ``given`` are the app's checks, ``of_image`` the image's HEALTHCHECK.

    The app's own startup and readiness checks; else, for a process with a port, the image's HEALTHCHECK; else the
    default: any answer below 500, or for other processes to stay up for a second. A process with a port must also
    listen on it, whatever is checked: requests go there.
    """
    own = tuple(check for check in given if check.kind != LIVENESS)
    listens = (Check(listening=True),) if port is not None else ()
    if own:
        covered = any((check.listening or check.is_http) and check.port in (None, port) for check in own)
        return own if covered else (*listens, *own)
    if port is None:
        return (Check(uptime=STAY_UP_SECONDS),)
    if of_image and not given:
        return (*listens, of_image)
    # What listens behind another port than that of web need not speak HTTP.
    return (Check(below=500),) if web else listens


def alive(given: Sequence[Check]) -> tuple[Check, ...]:
    """The app's liveness checks."""
    return tuple(check for check in given if check.kind == LIVENESS)


def patience(check: Check, timeout: float) -> float:
    """Seconds that a new container has to pass: what the check says itself, else ``timeout``."""
    if check.attempts is None and check.wait is None:
        return check.initial_delay + check.start_period + max(timeout, check.uptime)
    return check.initial_delay + max(check.tries * check.interval, check.uptime)


def pause(check: Check, failed: int) -> float:
    """Seconds until a new container is tried again after so many tries that failed: it doubles up to ``wait``."""
    longest = QUICK_SECONDS if check.wait is None else check.wait
    return min(longest, POLL_SECONDS * (1 << min(failed - 1, 20)))


def next_look(up: float) -> float:
    """Seconds until one looks again whether a container that is up so long listens: 20 ms, later 2 % of its time."""
    return max(POLL_SECONDS, up / 50)


def of_image(healthcheck: Mapping[str, Any] | None, shell: Sequence[str] | None) -> Check | None:
    """The image's HEALTHCHECK as the engine tells it (times in nanoseconds), None for none or ``NONE``.

    https://docs.docker.com/reference/dockerfile/#healthcheck
    """
    healthcheck = healthcheck or {}
    how, *words = healthcheck.get("Test") or ["NONE"]
    if how not in ("CMD", "CMD-SHELL") or not words:
        return None
    argv = words if how == "CMD" else [*(shell or ("/bin/sh", "-c")), *words]

    def seconds(key: str, default: float) -> float:
        nanoseconds: int = healthcheck.get(key) or 0
        return nanoseconds / 1e9 or default

    return Check(
        name="HEALTHCHECK",
        command=tuple(argv),
        timeout=seconds("Timeout", 30.0),
        start_period=seconds("StartPeriod", 0.0),
    )


class Mode(enum.Enum):
    """What becomes of the checks of a process type."""

    ENABLED = "enabled"
    SKIPPED = "skipped"
    DISABLED = "disabled"


def mode(process_type: str, disabled: str, skipped: str) -> Mode:
    """The mode of the type, from the two lists as they are set."""
    if _names(process_type, disabled):
        return Mode.DISABLED
    return Mode.SKIPPED if _names(process_type, skipped) else Mode.ENABLED


def _names(process_type: str, text: str) -> bool:
    return process_type in (listed := text.split(",")) or ALL in listed


def add(text: str, types: Collection[str]) -> str:
    """The list with these added; with all for none."""
    if not types or text == ALL:
        return ALL
    return ",".join(sorted({*_listed(text), *types}))


def drop(text: str, types: Collection[str], known: Iterable[str]) -> str:
    """The list without these; nothing is left for none. ``known`` are all types, where the list says all."""
    if not types:
        return ""
    listed = set(known) if text == ALL else set(_listed(text))
    return ",".join(sorted(listed - set(types)))


def _listed(text: str) -> list[str]:
    return [word for word in text.split(",") if word and word != NONE]


_TYPES = re.compile(rf"{NONE}|{ALL}|[a-zA-Z0-9][a-zA-Z0-9_-]*(,[a-zA-Z0-9][a-zA-Z0-9_-]*)*")


def read_types(text: str) -> str:
    """A list of process types with commas, ``_all_`` or ``none``; ValueError if it is none of that."""
    if not _TYPES.fullmatch(text):
        raise ValueError(text)
    return text
