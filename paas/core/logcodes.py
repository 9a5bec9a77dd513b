"""Codes of errors in an app's log, after Heroku's: https://devcenter.heroku.com/articles/error-codes

H codes are of requests, R codes of processes.
"""

from __future__ import annotations

import re

CODES = {
    "H10": "App crashed",
    "H12": "Request timeout",
    "H13": "Connection closed without response",
    "H14": "No web processes running",
    "H19": "Backend connection timeout",
    "H20": "App boot timeout",
    "H27": "Client request interrupted",
    "H80": "Maintenance mode",
    "H99": "Platform error",
    "R15": "Memory quota vastly exceeded",
}
"""What each code is called; docs/logs.md says when it is given and what to do."""

BOOT_TIMEOUT = frozenset(
    {"not-listening", "bad-answer", "bad-host", "check-failed", "missing-content", "not-up", "wrong-port",
     "listens-on-loopback"}
)  # fmt: skip
"""The codes of a start that failed although the process ran: it did not become healthy in time."""

_NONE = ("", "-")
_ADDRESS = re.compile(r":[0-9]+$|^unix:")


def of_request(status: str, upstream: str, connected: str, answered: str) -> str:
    """The code of a request, empty for none: what nginx says of it, not what the app answered.

    ``upstream`` are the addresses that nginx tried; ``connected`` and ``answered`` the times that connections to them
    and the headers of their answers took, "-" where there was none. Of several the last one counts.
    """
    if status == "499":
        return "H27"
    if status == "503":
        return "H14" if upstream in _NONE else ""
    if status not in ("502", "504") or _last(answered) not in _NONE:
        return ""
    if status == "502" and not _ADDRESS.search(_last(upstream)):
        # nginx puts the name of the group there when it asked nobody: "no live upstreams".
        return "H99"
    if _last(connected) in _NONE:
        return "H10" if status == "502" else "H19"
    return "H13" if status == "502" else "H12"


def _last(values: str) -> str:
    return values.replace(" : ", ", ").rpartition(", ")[2].strip()


def of_start(error: str) -> str:
    """The code of a start that failed with that error of ours, empty for none."""
    if error in BOOT_TIMEOUT:
        return "H20"
    return {"out-of-memory": "R15", "exited": "H10", "command-not-found": "H10", "crash-loop": "H10"}.get(error, "")


def described(code: str) -> str:
    """``Error H10 (App crashed)``."""
    return f"Error {code} ({CODES[code]})"


def of_end(status: int, out_of_memory: bool, *, again: bool) -> tuple[str, str]:
    """Return the code and the sentence for a process that ended and was not asked to.

    ``again`` says whether it is started again.
    """
    goes_on = ", it is started again" if again else ""
    if out_of_memory:
        return "R15", f"{described('R15')}: the kernel killed the process{goes_on}"
    signal = f" (signal {status - 128})" if status > 128 else ""
    code = "H10" if status else ""
    said = f"Process exited with status {status}{signal}{goes_on}"
    return code, f"{described(code)}: {said}" if code else said
