"""Addresses of resources on other servers, as users write them: repositories, archives, hosts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from paas.core.errors import InvalidValue
from paas.core.git.refs import name_problem, one_line

SCHEMES = ("https", "ssh", "git")
FILE = "file"
"""Scheme that only `on_this_server` returns."""
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}")
_SCP = re.compile(r"(?:(?P<user>[^@/:\s]+)@)?(?P<host>[^@/:\s]+):(?P<path>[^:\s][^\s]*)")
_PATH = re.compile(r"[A-Za-z0-9._~!$&'()+,;=:@%/-]{1,1000}")
_SHA = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Remote:
    """Checked address. ``port`` 0 is the default port. ``url`` is the full URL, without a password."""

    scheme: str
    host: str
    port: int
    url: str

    @property
    def address(self) -> str:
        """``HOST`` or ``HOST:PORT``, the key for credentials and host keys."""
        return f"{self.host}:{self.port}" if self.port else self.host


def repository(text: str) -> Remote:
    """Parse the address of a git repository: https, ssh (also as ``git@host:path``) or git."""
    scp = _SCP.fullmatch(text) if "://" not in text else None
    if scp and "::" not in text:
        user = f"{scp['user']}@" if scp["user"] else ""
        text = f"ssh://{user}{scp['host']}/{scp['path'].removeprefix('/')}"
    return _remote(text, SCHEMES, "a git repository")


def on_this_server(text: str) -> Remote:
    """Parse the address of a repository in a folder of the server: ``file:///FOLDER``, for callers who may read there.
    """
    path = text.removeprefix("file://")
    if not path.startswith("/") or not path.isprintable():
        raise _wrong(one_line(text, 200), "a git repository", (FILE,), "It is file:// with a folder of the server.")
    return Remote(FILE, "", 0, f"file://{path}")


def archive(text: str) -> Remote:
    """Parse the address of an archive: https."""
    return _remote(text, ("https",), "an archive")


def _remote(text: str, schemes: tuple[str, ...], what: str) -> Remote:
    shown = one_line(re.sub(r"//[^/@]*@", "//…@", text), 200)
    if not text.isascii() or not text.isprintable() or " " in text:
        # Some of these would be silently ignored.
        raise _wrong(shown, what, schemes, "It has characters that are not taken.")
    try:
        parts = urlsplit(text)
        port = parts.port or 0
    except ValueError as error:
        raise _wrong(shown, what, schemes, str(error)) from error
    if parts.scheme not in schemes:
        raise _wrong(shown, what, schemes, f"{parts.scheme or 'A path'} is not taken.")
    if parts.password is not None or (parts.username and parts.scheme != "ssh"):
        raise InvalidValue(
            f"{shown} has credentials in it",
            why="They would be seen in lists of processes and in logs.",
            fix=f"Keep them on the server: 'git:auth {parts.hostname} USER', and give the address without them.",
            code="credentials-in-url",
        )
    if parts.username and not _USER.fullmatch(parts.username):
        raise _wrong(shown, what, schemes, "The user name has characters that are not allowed.")
    if not _HOST.fullmatch(parts.hostname or ""):
        raise _wrong(shown, what, schemes, "The host is missing or invalid.")
    query = f"?{parts.query}" if parts.query else ""
    if parts.fragment or (query and scheme_has_no_query(parts.scheme)) or not _PATH.fullmatch(parts.path + query[1:]):
        raise _wrong(shown, what, schemes, "The path is missing, or has characters that are not allowed.")
    user = f"{parts.username}@" if parts.username else ""
    host = str(parts.hostname) + (f":{port}" if port else "")
    return Remote(parts.scheme, str(parts.hostname), port, f"{parts.scheme}://{user}{host}{parts.path}{query}")


def scheme_has_no_query(scheme: str) -> bool:
    """Return True if addresses of the scheme end with their path."""
    return scheme != "https"


def _wrong(shown: str, what: str, schemes: tuple[str, ...], why: str) -> InvalidValue:
    return InvalidValue(
        f"{shown} is not the address of {what}",
        why=why,
        fix=f"Write for instance {schemes[0]}://example.org/project; taken are: {', '.join(schemes)}.",
        code="invalid-url",
    )


def host(text: str) -> str:
    """Parse a host, or host:port, for keys and credentials."""
    name, _, port = text.partition(":")
    if not _HOST.fullmatch(name) or ((port or ":" in text) and not (port.isdecimal() and 0 < int(port) < 65536)):
        raise InvalidValue(
            f"{one_line(text, 80)!r} is not a host", why="Write for instance github.com, or git.example.org:2222."
        )
    return text.lower()


def ref(text: str) -> str:
    """Parse a branch, a tag, or the 40 hex digits of a commit."""
    if is_commit(text) or (not text.startswith("-") and name_problem(f"refs/heads/{text}") is None):
        return text
    raise InvalidValue(
        f"{one_line(text, 80)!r} is not a ref",
        why="It is the name of a branch or tag, or all 40 digits of a commit.",
        code="invalid-ref",
    )


def is_commit(text: str) -> bool:
    """Return True if it is a full commit id."""
    return _SHA.fullmatch(text) is not None
