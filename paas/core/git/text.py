"""Decoding of text files of a commit, written by any editor."""

from __future__ import annotations

from paas.core.errors import InvalidValue

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def strict(path: str, data: bytes, code: str) -> str:
    """Decode a file that the platform itself interprets.

    Remove a byte order mark and turn CRLF into LF. Raise `InvalidValue` with ``code`` for anything but UTF-8.
    """
    if data.startswith(_UTF_16):
        raise InvalidValue(
            f"{path} is UTF-16 text",
            why="It begins with the byte order mark of UTF-16. PowerShell's '>' and Notepad's \"Unicode\" write that.",
            fix="Save it as UTF-8, and commit it.",
            code=code,
        )
    try:
        return _plain(data.decode())
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidValue(
            f"{path} is not UTF-8 text",
            why=f"Line {line} has the byte 0x{data[error.start]:02x}, which UTF-8 does not allow there.",
            fix="Save it as UTF-8, and commit it.",
            code=code,
        ) from error


def lenient(data: bytes) -> str:
    """Decode a file that another program interprets and the platform only searches.

    Such programs accept more than UTF-8: pip reads requirements in UTF-16. Undecodable bytes become U+FFFD.
    """
    return _plain(data.decode("utf-16" if data.startswith(_UTF_16) else "utf-8", "replace"))


def _plain(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n")
