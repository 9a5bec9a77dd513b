"""Error codes in an app's log, based on Heroku's: https://devcenter.heroku.com/articles/error-codes

H codes are for requests, R codes for processes. E codes are for errors of requests that have no code at Heroku.
"""

from __future__ import annotations

import re
from collections.abc import Callable

CODES = {
    "E10": "Closed before the request was read",
    "E11": "Response header too large",
    "E12": "Request header too large",
    "E14": "No final response",
    "E15": "No space for the request or response",
    "H10": "App crashed",
    "H12": "Request timeout",
    "H13": "Connection closed without response",
    "H14": "No web processes running",
    "H15": "Idle connection",
    "H17": "Poorly formatted HTTP response",
    "H18": "Server request interrupted",
    "H19": "Backend connection timeout",
    "H20": "App boot timeout",
    "H24": "Forced close",
    "H27": "Client request interrupted",
    "H28": "Client connection idle",
    "H80": "Maintenance mode",
    "H99": "Platform error",
    "R15": "Memory quota vastly exceeded",
}
"""Title of each code; docs/logs.md has causes and fixes."""

BOOT_TIMEOUT = frozenset(
    {"not-listening", "bad-answer", "bad-host", "check-failed", "missing-content", "not-up", "wrong-port",
     "listens-on-loopback"}
)  # fmt: skip
"""Errors of a process that runs, but did not become healthy in time."""

_NONE = ("", "-")
_ADDRESS = re.compile(r":[0-9]+$|^unix:")


def of_request(
    status: str,
    upstream: str,
    connected: str,
    answered: str,
    *,
    complete: bool = True,
    why: Callable[[], str] = lambda: "",
) -> str:
    """Return the code of a request, empty for none. It describes nginx's errors, not the app's response.

    ``upstream`` has the addresses that nginx tried; ``connected`` and ``answered`` the times until connection and
    response header, "-" if there was none. If there are several, the last one applies. ``complete`` is true if the
    whole response was sent; ``why`` returns the request's entry in nginx's error log.
    """
    if status == "499":
        return "H27"
    if status == "408" and not complete:
        return "H28"
    if status in ("414", "431") and upstream in _NONE:
        return "E12"
    if status == "503":
        return "H14" if upstream in _NONE else ""
    if status.startswith("1") and status != "101":
        return "E14"
    if status in ("500", "502", "504") and _last(answered) in _NONE:
        return of_error(why()) or _unanswered(status, upstream, connected)
    return "" if complete else of_error(why()) or "H27"


def _unanswered(status: str, upstream: str, connected: str) -> str:
    """Return the code of a request that nginx itself had to answer without an entry in its error log."""
    if status == "500":
        return ""
    if status == "502" and not _ADDRESS.search(_last(upstream)):
        # nginx logs the name of the upstream group if it tried no server: "no live upstreams".
        return "H99"
    if _last(connected) in _NONE:
        return "H10" if status == "502" else "H19"
    return "H13" if status == "502" else "H12"


CUT = "the time of the worker was up"
"""Stands for the cause of a request that was open when nginx ended its old worker, which nginx does not log."""

_ERRORS = (
    ("H24", re.compile(re.escape(CUT))),
    ("E15", re.compile(r"open\(\) .*\(13: Permission denied\)|\((28|122): ")),
    ("E11", re.compile(r"upstream sent too big header")),
    ("H17", re.compile(r"upstream sent (invalid|no valid|unexpected|unsupported|duplicate|frame|too)")),
    ("E10", re.compile(r"while sending request to upstream")),
    # A reset of a request with a body: the app closed the connection before it had read all of it.
    ("E10", re.compile(r'\(104: .*while reading response header.* request: "(POST|PUT|PATCH) ')),
    ("H15", re.compile(r"\(110: .*while (reading upstream|proxying upgraded connection)")),
    ("H18", re.compile(r"(prematurely closed|\(104: |\(32: ).*while (reading upstream|proxying upgraded connection)")),
)
"""Codes by the entry in nginx's error log; the first match applies."""


def of_error(words: str) -> str:
    """Return the code for an entry of nginx's error log, empty if none matches."""
    return next((code for code, pattern in _ERRORS if words and pattern.search(words)), "")


def _last(values: str) -> str:
    return values.replace(" : ", ", ").rpartition(", ")[2].strip()


def of_start(error: str) -> str:
    """Return the code of a failed start by its error code, empty for none."""
    if error in BOOT_TIMEOUT:
        return "H20"
    return {"out-of-memory": "R15", "exited": "H10", "command-not-found": "H10", "crash-loop": "H10"}.get(error, "")


def described(code: str) -> str:
    """Return code and title: ``Error H10 (App crashed)``."""
    return f"Error {code} ({CODES[code]})"


def of_end(status: int, out_of_memory: bool, *, again: bool) -> tuple[str, str]:
    """Return code and message for a process that ended unexpectedly. ``again``: it is restarted."""
    goes_on = ", restarting it" if again else ""
    if out_of_memory:
        return "R15", f"{described('R15')}: the kernel killed the process{goes_on}"
    signal = f" (signal {status - 128})" if status > 128 else ""
    code = "H10" if status else ""
    said = f"Process exited with status {status}{signal}{goes_on}"
    return code, f"{described(code)}: {said}" if code else said
