"""Health checks defined by an app or its image, and which of them apply.

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
"""Longest pause between two attempts of a check without ``wait``."""

STATED_BELOW = 400
"""A check defined by an app passes with a status from 200 to below this, as in Kubernetes."""

ALL, NONE = "_all_", "none"


@dataclass(frozen=True)
class Check:
    """Check of a process type. It tests the first that is set: the exit status of ``command``, ``uptime`` (seconds
    without a restart), ``listening`` (the port has a listener), else ``GET path``.

    ``kind`` is startup, readiness or liveness. ``port`` None is the process's own. ``attempts`` and ``wait`` (longest
    pause between attempts, in seconds) are None if the app does not set them; ``timeout`` is for one attempt. The first
    attempt comes ``initial_delay`` seconds after the start. An HTTP status passes from 200 to below ``below``. A failed
    check with ``warn`` only prints a warning. A new container has ``start_period`` additional seconds.
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
        """True if the check is an HTTP request."""
        return not (self.command or self.uptime or self.listening)

    @property
    def tries(self) -> int:
        """Number of consecutive failed attempts after which the check has failed."""
        return self.attempts or ATTEMPTS

    @property
    def interval(self) -> float:
        """Seconds between two runs of a liveness check."""
        return WAIT_SECONDS if self.wait is None else self.wait

    def what(self) -> str:
        """Return a description of the test."""
        if self.command:
            return " ".join(self.command)
        if self.uptime:
            return f"up for {self.uptime:g} s"
        port = f"port {self.port}" if self.port else "its port"
        if self.listening:
            return f"listening on {port}"
        return f"GET {self.path}" + (f" on {port}" if self.port else "")

    def title(self) -> str:
        """Return kind, name and test, for messages."""
        return f"{self.kind} check {self.name + ': ' if self.name else ''}{self.what()}"


def stored(row: Mapping[str, Any]) -> Check:
    """Restore a check from JSON, where tuples became lists."""
    headers = tuple((str(name), str(value)) for name, value in row["headers"])
    return Check(**{**row, "headers": headers, "command": tuple(row["command"])})


def for_start(given: Sequence[Check], port: int | None, of_image: Check | None, *, web: bool) -> tuple[Check, ...]:
    """Return the checks that a new container must pass, in order.

    ``given`` are the app's checks, ``of_image`` is the image's HEALTHCHECK. These are the app's startup and readiness
    checks; else, for a process with a port, the image's HEALTHCHECK; else the default: for web a response below 500,
    for a process without a port an uptime of a second. A process with a port must always listen on it.
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
    # Only web must speak HTTP.
    return (Check(below=500),) if web else listens


def alive(given: Sequence[Check]) -> tuple[Check, ...]:
    """Return the app's liveness checks."""
    return tuple(check for check in given if check.kind == LIVENESS)


def patience(check: Check, timeout: float) -> float:
    """Return the seconds that a new container has to pass the check: the check's own limit, else ``timeout``."""
    if check.attempts is None and check.wait is None:
        return check.initial_delay + check.start_period + max(timeout, check.uptime)
    return check.initial_delay + max(check.tries * check.interval, check.uptime)


def pause(check: Check, failed: int) -> float:
    """Return the seconds until the next attempt after ``failed`` attempts: they double up to ``wait``."""
    longest = QUICK_SECONDS if check.wait is None else check.wait
    return min(longest, POLL_SECONDS * (1 << min(failed - 1, 20)))


def next_look(up: float) -> float:
    """Return the seconds until the next look for a listener: 20 ms, or 2 % of the time ``up`` if that is longer."""
    return max(POLL_SECONDS, up / 50)


def of_image(healthcheck: Mapping[str, Any] | None, shell: Sequence[str] | None) -> Check | None:
    """Convert the image's HEALTHCHECK from Docker's form (times in nanoseconds); None for none or ``NONE``.

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
    """Mode of the checks of a process type."""

    ENABLED = "enabled"
    SKIPPED = "skipped"
    DISABLED = "disabled"


def mode(process_type: str, disabled: str, skipped: str) -> Mode:
    """Return the mode of the type according to the two lists."""
    if _names(process_type, disabled):
        return Mode.DISABLED
    return Mode.SKIPPED if _names(process_type, skipped) else Mode.ENABLED


def _names(process_type: str, text: str) -> bool:
    return process_type in (listed := text.split(",")) or ALL in listed


def add(text: str, types: Collection[str]) -> str:
    """Return the list with these types added, or all if none is given."""
    if not types or text == ALL:
        return ALL
    return ",".join(sorted({*_listed(text), *types}))


def drop(text: str, types: Collection[str], known: Iterable[str]) -> str:
    """Return the list without these types, or an empty one if none is given. ``known`` replaces ``_all_``."""
    if not types:
        return ""
    listed = set(known) if text == ALL else set(_listed(text))
    return ",".join(sorted(listed - set(types)))


def _listed(text: str) -> list[str]:
    return [word for word in text.split(",") if word and word != NONE]


_TYPES = re.compile(rf"{NONE}|{ALL}|[a-zA-Z0-9][a-zA-Z0-9_-]*(,[a-zA-Z0-9][a-zA-Z0-9_-]*)*")


def read_types(text: str) -> str:
    """Return the text if it is a comma-separated list of process types, ``_all_`` or ``none``. Raise ValueError."""
    if not _TYPES.fullmatch(text):
        raise ValueError(text)
    return text
