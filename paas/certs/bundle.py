"""Read the PEM files of a certificate, plain or from a tar archive."""

from __future__ import annotations

import io
import tarfile
import zlib
from pathlib import Path

from paas.core.errors import InvalidValue, NotFound
from paas.system.spool import gunzipped

LIMIT = 1 << 20
MOST_FILES = 20
MOST_UNPACKED = 2 * LIMIT
"""Largest size of an unpacked archive in bytes, including headers and padding."""
_GZIP = b"\x1f\x8b"
# Their decompressors cannot be limited reliably, and a few kilobytes of PEM need no such format.
_OTHERS = {b"\xfd7zXZ\x00": "xz", b"BZh": "bzip2", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip"}
_DAMAGED = (tarfile.TarError, EOFError, OSError, ValueError, RecursionError)


def unpack(data: bytes) -> bytes:
    """Return the files of a tar archive (plain or gzipped), concatenated; return other data unchanged.

    Nothing is written to disk, and memory use is limited to a few times `LIMIT`. Raise `InvalidValue` for an archive
    that is too large or of another format.
    """
    _check_kind(data)
    plain = _gunzipped(data) if data.startswith(_GZIP) else data
    try:
        # Not "r", which would accept any compression.
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
            return b"\n".join(_files(archive))
    except tarfile.ReadError:
        return plain
    except _DAMAGED as error:
        raise _damaged(error) from error


def _check_kind(data: bytes) -> None:
    kind = next((name for magic, name in _OTHERS.items() if data.startswith(magic)), "")
    if kind:
        raise InvalidValue(
            f"the input is {kind}, not a certificate",
            why="Standard input must be PEM, or a plain or gzipped tar archive.",
            fix="Example: tar cf - server.crt server.key | … certs:add APP",
            code="certificate-unreadable",
        )


def _gunzipped(data: bytes) -> bytes:
    plain = bytearray()
    try:
        for chunk in gunzipped(io.BytesIO(data)):
            plain += chunk
            if len(plain) > MOST_UNPACKED:
                raise _too_large()
    except (zlib.error, EOFError) as error:
        raise _damaged(error) from error
    return bytes(plain)


def _files(archive: tarfile.TarFile) -> list[bytes]:
    found: list[bytes] = []
    size = 0
    for member in archive:
        # macOS adds a file with metadata for each file.
        if not member.isfile() or Path(member.name).name.startswith("._"):
            continue
        size += member.size
        if size > LIMIT or len(found) >= MOST_FILES:
            raise _too_large()
        file = archive.extractfile(member)
        found.append(file.read() if file else b"")
    return found


def _too_large() -> InvalidValue:
    return InvalidValue(
        "the archive is too large for a certificate and its key",
        why=f"The limit is {MOST_FILES} files of {LIMIT} bytes in total.",
        code="input-too-long",
    )


def _damaged(error: Exception) -> InvalidValue:
    return InvalidValue("the archive is damaged", why=str(error)[:200], code="certificate-unreadable")


def read_files(paths: list[Path]) -> bytes:
    """Return the content of the files, concatenated. Raise `NotFound` for a file that can't be read."""
    found = []
    for path in paths:
        try:
            with path.open("rb") as file:
                found.append(file.read(LIMIT))
        except OSError as error:
            raise NotFound(
                f"{path} can't be read on the server",
                why=f"{error.strerror}.",
                fix="Send local files on standard input: cat CRT KEY | … certs:add APP",
                code="no-such-file",
            ) from error
    return b"\n".join(found)
