"""Outcome of one attempt of a health check."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from paas.core.containers.tcp_table import Listener
from paas.core.health.checks import STATED_BELOW, Check

BODY_LIMIT = 1 << 20
"""Bytes of a response that are searched for a check's content."""
_SHOWN = 200
HTTP2 = "it answers HTTP/2, not HTTP/1.1"
NOT_HTTP = "it answers something that is not HTTP/1.1"


def not_http(begin: bytes) -> str:
    """Describe a response without a status line. HTTP/2 begins with a SETTINGS frame: type 4, stream 0."""
    settings = len(begin) >= 9 and begin[3] == 4 and begin[5:9] == bytes(4)
    return HTTP2 if settings else NOT_HTTP


@dataclass(frozen=True)
class Answer:
    """HTTP response: its status, and its body up to `BODY_LIMIT` if the check needs it.

    ``early``: responses with a status below 200 came before it, such as 103 Early Hints.
    """

    status: int
    body: str = ""
    early: bool = False


@dataclass(frozen=True)
class CheckOutcome:
    """Outcome of one attempt. ``answer`` is the HTTP response, or the error as text; None if nothing listened.

    ``exit_code`` and ``output`` are those of a command; ``exit_code`` is None if it timed out.
    """

    passed: bool
    listeners: Collection[Listener] = ()
    answer: Answer | str | None = None
    exit_code: int | None = None
    output: str = ""

    @property
    def asked(self) -> bool:
        """True if a request was sent or a command was run."""
        return self.answer is not None or self.exit_code is not None or bool(self.output)


def of_answer(check: Check, answer: Answer | str, listeners: Collection[Listener]) -> CheckOutcome:
    """Return the outcome of a request."""
    good = isinstance(answer, Answer) and _status_counts(check, answer.status) and check.content in answer.body
    return CheckOutcome(good, listeners, answer)


def _status_counts(check: Check, status: int) -> bool:
    return 200 <= status < check.below


def reaches(listeners: Collection[Listener], port: int | None) -> bool:
    """Return True if the port has a listener that is not limited to loopback."""
    return any(found.port == port and not found.loopback for found in listeners)


def came(check: Check, seen: CheckOutcome) -> str:
    """Describe the outcome, as the end of a sentence."""
    if check.command:
        return _of_command(check, seen)
    if check.uptime:
        return f"it is not up for {check.uptime:g} s yet"
    if isinstance(seen.answer, Answer):
        if not _status_counts(check, seen.answer.status):
            return f"it answered with status {seen.answer.status}"
        return f"its response with status {seen.answer.status} was {_excerpt(seen.answer.body)}"
    if seen.answer:
        return f"the request failed: {seen.answer}"
    return "nothing listens on the port"


def _of_command(check: Check, seen: CheckOutcome) -> str:
    if seen.exit_code is None:
        return f"it did not finish within {check.timeout:g} s"
    said = f" and printed {_excerpt(seen.output)}" if seen.output.strip() else ""
    return f"it exited with status {seen.exit_code}{said}"


def _excerpt(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…") if text else "empty"


def expected(check: Check) -> str:
    """Describe the expected outcome, as part of a sentence."""
    if check.command:
        return "exit status 0"
    if check.uptime:
        return f"up for {check.uptime:g} s"
    if check.listening:
        return "a listening socket"
    stated = check.below == STATED_BELOW
    status = f"a status from 200 to {check.below - 1}" if stated else f"a status below {check.below}"
    return f"{status} and a body with {check.content!r}" if check.content else status
