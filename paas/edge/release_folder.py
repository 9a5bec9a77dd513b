"""Folder with the static files of one release."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from paas.core.edge.rules import ERROR_PAGES
from paas.core.errors import InvalidValue, PaasError

MOST_FILES = 100_000
MOST_BYTES = 4 << 30
_PAGE = re.compile(r"([45][0-9]{2})\.html")


class ReleaseFolder:
    """Folder with the files of each prefix at that path, and error pages at `ERROR_PAGES`. World-readable."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self) -> None:
        """Create the folder, or empty it."""
        self.remove()
        self.path.parent.parent.mkdir(mode=0o711, exist_ok=True)
        self.path.mkdir(parents=True)

    def unpack(self, place: str, chunks: Iterator[bytes]) -> int:
        """Write the files of a tar stream, without its outermost folder, below ``place``. Return their number.

        Names that begin with a dot are skipped, except ``.well-known``: they are not meant to be public.
        Raise `InvalidValue` beyond `MOST_FILES` files or `MOST_BYTES` bytes.
        """
        top = self.path / place.strip("/")
        count = size = 0
        with tarfile.open(fileobj=io.BufferedReader(_Stream(chunks), 1 << 20), mode="r|") as archive:
            for member in archive:
                parts = PurePosixPath(member.name).parts[1:]
                if not member.isfile() or not parts or any(_hidden(part) for part in parts):
                    continue
                count, size = count + 1, size + member.size
                if count > MOST_FILES or size > MOST_BYTES:
                    raise InvalidValue(
                        f"the static folder for {place} is too large",
                        why=f"It has more than {MOST_FILES} files or {MOST_BYTES >> 30} GiB.",
                        code="static-too-large",
                    )
                self._write(archive, member, top.joinpath(*parts))
        for folder, _, _ in os.walk(self.path):
            # Independent of the server's umask: nginx workers run as another user.
            Path(folder).chmod(0o755)
        return count

    def _write(self, archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
        content = archive.extractfile(member)
        if content is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                shutil.copyfileobj(content, file, 1 << 20)
            path.chmod(0o644)
            # nginx derives the ETag from it: an unchanged file keeps its ETag across releases.
            os.utime(path, (member.mtime, member.mtime))
        except OSError as error:
            raise PaasError(f"cannot write {member.name}: {os.strerror(error.errno or 0)}") from error

    def pages(self) -> tuple[int, ...]:
        """Return the HTTP statuses that have an error page, sorted."""
        names = [path.name for path in (self.path / ERROR_PAGES).glob("*.html")]
        return tuple(sorted(int(match[1]) for match in map(_PAGE.fullmatch, names) if match))

    def exists(self) -> bool:
        """Return True if the folder exists."""
        return self.path.is_dir()

    def remove(self) -> None:
        """Delete the folder with its content, if it exists."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.path)

    def remove_older(self, keep: int) -> None:
        """Delete the folders of the app's older releases, except the newest ``keep``."""
        with contextlib.suppress(FileNotFoundError):
            beside = sorted(self.path.parent.iterdir(), key=lambda path: int(path.name.removeprefix("v")))
            for path in beside[:-keep]:
                shutil.rmtree(path)


def _hidden(part: str) -> bool:
    return part == ".." or (part.startswith(".") and part != ".well-known")


class _Stream(io.RawIOBase):
    """Readable file over an iterator of chunks."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer with the next bytes. Return their number, 0 at the end."""
        if not self._left:
            self._left = next(self._chunks, b"")
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count
