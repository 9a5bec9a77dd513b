"""The PEM files of a certificate, from a tar archive or as they are."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from paas.core.errors import InvalidValue, NotFound

LIMIT = 1 << 20
MOST_FILES = 20


def unpack(data: bytes) -> bytes:
    """All files of a tar archive (plain or compressed) one after the other; what is no archive, as it is.

    Nothing is written to the disk. `InvalidValue` for one that is larger than a certificate could be.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            return b"\n".join(_files(archive))
    except tarfile.ReadError:
        return data
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InvalidValue("the tar archive is damaged", why=str(error), code="certificate-unreadable") from error


def _files(archive: tarfile.TarFile) -> list[bytes]:
    found: list[bytes] = []
    size = 0
    for member in archive:
        # Archives made on a Mac have a shadow of each file.
        if not member.isfile() or Path(member.name).name.startswith("._"):
            continue
        size += member.size
        if size > LIMIT or len(found) >= MOST_FILES:
            raise InvalidValue(
                "the archive is too large for a certificate and its key",
                why=f"It may hold {MOST_FILES} files of {LIMIT} bytes together.",
                code="input-too-long",
            )
        file = archive.extractfile(member)
        found.append(file.read() if file else b"")
    return found


def read_files(paths: list[Path]) -> bytes:
    """The content of the files, one after the other; `NotFound` names the one that can't be read."""
    found = []
    for path in paths:
        try:
            with path.open("rb") as file:
                found.append(file.read(LIMIT))
        except OSError as error:
            raise NotFound(
                f"{path} can't be read on the server",
                why=f"{error.strerror}.",
                fix="To send files from elsewhere, give them on standard input: cat CRT KEY | … certs:add APP",
                code="no-such-file",
            ) from error
    return b"\n".join(found)
