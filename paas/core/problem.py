"""Errors for programs: problem details of RFC 9457, with the parts of `PaasError`."""

from __future__ import annotations

from typing import Any

from paas.core.apps.lock import Locked
from paas.core.errors import (
    AlreadyExists,
    DiskFull,
    DockerError,
    Forbidden,
    InvalidToken,
    InvalidValue,
    IssuanceFailed,
    NoSuchApp,
    NotFound,
    PaasError,
    ProxyError,
    UsageError,
)

LONGEST = 16_000
"""Limit in characters of each part: an error may quote the output of a program."""

STATUSES: tuple[tuple[type[PaasError], int], ...] = (
    (InvalidValue, 422),
    (UsageError, 400),
    (InvalidToken, 401),
    (Forbidden, 403),
    (NoSuchApp, 404),
    (NotFound, 404),
    (AlreadyExists, 409),
    (Locked, 409),
    (IssuanceFailed, 502),
    (DockerError, 503),
    (ProxyError, 503),
    (DiskFull, 507),
)
"""HTTP statuses by error type; the first matching type counts."""

BY_CODE = {"no-such-command": 404, "method-not-allowed": 405, "busy": 503, "internal": 500, "protocol": 400}
REFUSED = 422
"""Status of all other errors: the command was understood, and failed."""


def http_status(error: PaasError) -> int:
    """Return the HTTP status for the error."""
    if error.code in BY_CODE:
        return BY_CODE[error.code]
    return next((status for kind, status in STATUSES if isinstance(error, kind)), REFUSED)


def details(error: PaasError) -> dict[str, Any]:
    """Return the error's parts by name; ``status`` is for HTTP, ``exit_status`` that of the command."""
    return {
        "type": "about:blank",
        "title": error.what[:LONGEST],
        "status": http_status(error),
        "detail": error.why[:LONGEST],
        "what": error.what[:LONGEST],
        "why": error.why[:LONGEST],
        "fix": error.fix[:LONGEST],
        "code": error.code,
        "exit_status": error.status,
    }
