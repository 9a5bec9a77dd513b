"""Errors as programs read them: RFC 9457's problem details, with the parts that every error here has."""

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
"""Characters of each part that are passed on: an error may quote what a program wrote."""

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
"""The first type that an error is of gives its status over HTTP."""

BY_CODE = {"no-such-command": 404, "method-not-allowed": 405, "busy": 503, "internal": 500, "protocol": 400}
REFUSED = 422
"""The status of what is none of these: the command was understood, and did not succeed."""


def http_status(error: PaasError) -> int:
    """The HTTP status that tells of the error."""
    if error.code in BY_CODE:
        return BY_CODE[error.code]
    return next((status for kind, status in STATUSES if isinstance(error, kind)), REFUSED)


def details(error: PaasError) -> dict[str, Any]:
    """The error's parts by name; ``status`` is for HTTP, ``exit_status`` that of the command."""
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
