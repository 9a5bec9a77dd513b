"""Sessions of the dashboard, and messages for their next page.

The cookie has a random pad, a file here the token combined with it: neither alone reveals anything.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

COOKIE, HOST_COOKIE = "paas_session", "__Host-paas_session"
"""Over HTTPS the name keeps the cookie to this host: no app below the same domain can set one of that name."""
LONGEST_SECONDS = 30 * 86_400
PAD_BYTES = 128
MOST_SAID = 1000
"""Limit on messages that wait for their pages."""


class Sessions:
    """The sessions of one instance, a file each in ``folder``, which is for the server's user alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._said: OrderedDict[tuple[str, str], str] = OrderedDict()

    def open(self, token: str) -> str:
        """Create a session for the token. Return the content of its cookie."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._tidy()
        pad = secrets.token_bytes(PAD_BYTES)
        path = self._path(pad)
        path.touch(mode=0o600)
        path.write_bytes(_under(pad, token.encode().ljust(PAD_BYTES)))
        return pad.hex()

    def token(self, cookie: str) -> str:
        """Return the token of the session; empty for an unknown one."""
        pad = _pad(cookie)
        try:
            sealed = self._path(pad).read_bytes()
            fresh = time.time() - self._path(pad).stat().st_mtime < LONGEST_SECONDS
        except FileNotFoundError:
            return ""
        return _under(pad, sealed).decode("ascii", "replace").strip() if fresh else ""

    def close(self, cookie: str) -> None:
        """End the session."""
        self._path(_pad(cookie)).unlink(missing_ok=True)

    def say(self, cookie: str, words: str) -> str:
        """Store a message for the session's next page. Return the code that stands for it in the page's address."""
        code = secrets.token_hex(4)
        with self._lock:
            self._said[form_key(cookie), code] = words
            while len(self._said) > MOST_SAID:
                self._said.popitem(last=False)
        return code

    def said(self, cookie: str, code: str) -> str:
        """Return the message of that code, once; empty for an unknown one."""
        with self._lock:
            return self._said.pop((form_key(cookie), code), "")

    def _path(self, pad: bytes) -> Path:
        return self._folder / hashlib.sha256(pad).hexdigest()

    def _tidy(self) -> None:
        oldest = time.time() - LONGEST_SECONDS
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < oldest:
                    path.unlink()


def form_key(cookie: str) -> str:
    """Return the key in every form of the session, which a page of another site can't know."""
    return hashlib.sha256(b"form " + _pad(cookie)).hexdigest()


def _pad(cookie: str) -> bytes:
    try:
        return bytes.fromhex(cookie)
    except ValueError:
        return b""


def _under(pad: bytes, data: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(pad, data, strict=False))
