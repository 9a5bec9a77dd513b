"""All errors that a user can meet, each with a stable code and an exit status.

An error says what happened, why, and what to do next. Code catches them by type, never by message.
"""

from __future__ import annotations

import errno


class PaasError(Exception):
    """Error that is reported to the user.

    ``what`` is one sentence without a final period; ``why`` and ``fix`` may be empty or have several lines. ``code`` is
    stable across versions, so scripts may match on it; ``status`` is the exit status of the command.
    """

    code = "failed"
    status = 1

    def __init__(self, what: str, *, why: str = "", fix: str = "", code: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix
        if code is not None:
            self.code = code

    def lines(self) -> list[str]:
        """Return the message as lines without a prefix; the last one ends with the code in brackets."""
        text = [*self.what.splitlines(), *self.why.splitlines(), *self.fix.splitlines()]
        text[-1] = f"{text[-1]} [{self.code}]"
        return text


class UsageError(PaasError):
    """The command line is invalid."""

    code = "usage"
    status = 2


class InvalidValue(UsageError):
    """A value breaks the rule for its kind; the rule is in ``why``."""

    code = "invalid-value"


class NoSuchApp(PaasError):
    """The app does not exist."""

    code = "no-such-app"
    status = 20


class NotFound(PaasError):
    """A thing other than an app does not exist."""

    code = "not-found"


class AlreadyExists(PaasError):
    """The name is taken."""

    code = "already-exists"


class Forbidden(PaasError):
    """The caller's role does not allow the command."""

    code = "forbidden"


class InvalidToken(Forbidden):
    """The token does not exist, or was revoked."""

    code = "unknown-token"


class DeployFailed(PaasError):
    """A deploy stopped; the release that was serving was not touched."""

    code = "deploy-failed"


class BuildFailed(DeployFailed):
    """The image could not be built."""

    code = "build-failed"


class Unhealthy(DeployFailed):
    """A candidate container did not become healthy."""

    code = "unhealthy"


class Unsupported(DeployFailed):
    """The repository uses something that this server does not handle."""

    code = "unsupported"


class Cancelled(DeployFailed):
    """The deploy was cancelled, superseded, or the server was stopped."""

    code = "cancelled"


class DockerError(PaasError):
    """Docker Engine refused or does not answer."""

    code = "engine"


class CommandNotFound(DockerError):
    """The image does not contain the command. The exit status is that of shells."""

    code = "command-not-found"
    status = 127


class ProxyError(PaasError):
    """nginx refused a configuration or does not answer."""

    code = "proxy"


class IssuanceFailed(PaasError):
    """An authority issued no certificate.

    ``retry_after`` are the seconds that it asks to wait, 0 if it does not say; ``refused``: the authority answered,
    which counts for its limits, rather than being unreachable.
    """

    code = "certificate-refused"

    def __init__(
        self, what: str, *, why: str = "", fix: str = "", retry_after: float = 0.0, refused: bool = False
    ) -> None:
        super().__init__(what, why=why, fix=fix)
        self.retry_after = retry_after
        self.refused = refused


class DiskFull(PaasError):
    """A disk of the server is full."""

    code = "disk-full"


class PushRefused(PaasError):
    """A push breaks a rule; nothing of it was kept."""

    code = "push-refused"


class Disconnected(Exception):
    """The client has disconnected. It is not reported: no client is left to read it."""


def unexpected(fault: Exception) -> PaasError:
    """Return the error to report for an unexpected exception: a full disk, or a reference to the server's log."""
    if isinstance(fault, OSError) and fault.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(str(fault.filename or ""))
    return PaasError("internal server error", why="The server's log has the details.", code="internal")


def disk_full(where: str) -> DiskFull:
    """Return the error for a write to a full disk; ``where`` is a path, or empty."""
    return DiskFull(
        "a disk of the server is full" + (f": {where} could not be written" if where else ""),
        why="Nothing was changed. The apps keep running.",
        fix="'cleanup --dry-run' shows what could go, 'doctor' how full the disks are.",
    )
