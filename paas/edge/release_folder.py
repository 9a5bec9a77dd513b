"""The folder of one release with the files that the edge serves itself."""

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
    """``path`` gets the files of each prefix at that path, and error pages at `ERROR_PAGES`. Anybody may read them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self) -> None:
        """Makes it, empty."""
        self.remove()
        self.path.parent.parent.mkdir(mode=0o711, exist_ok=True)
        self.path.mkdir(parents=True)

    def unpack(self, place: str, chunks: Iterator[bytes]) -> int:
        """Writes the files of a tar stream, without its outermost folder, below ``place``; returns how many.

        Only files, and none with a name that begins with a dot, apart from ``.well-known``: what is meant to be seen
        by everybody has no such name. `InvalidValue` where it is more than one could mean.
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
            # Whatever the server's umask is: the workers of nginx are another user.
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
            # nginx makes the ETag of it, which stays from release to release when the file does.
            os.utime(path, (member.mtime, member.mtime))
        except OSError as error:
            raise PaasError(f"{member.name} could not be kept: {os.strerror(error.errno or 0)}") from error

    def pages(self) -> tuple[int, ...]:
        """The statuses that have an error page."""
        names = [path.name for path in (self.path / ERROR_PAGES).glob("*.html")]
        return tuple(sorted(int(match[1]) for match in map(_PAGE.fullmatch, names) if match))

    def exists(self) -> bool:
        """Whether it is there."""
        return self.path.is_dir()

    def remove(self) -> None:
        """Removes it with all that is in it."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.path)

    def remove_older(self, keep: int) -> None:
        """Removes those beside it that are older than the last ``keep``."""
        with contextlib.suppress(FileNotFoundError):
            beside = sorted(self.path.parent.iterdir(), key=lambda path: int(path.name.removeprefix("v")))
            for path in beside[:-keep]:
                shutil.rmtree(path)


def _hidden(part: str) -> bool:
    return part == ".." or (part.startswith(".") and part != ".well-known")


class _Stream(io.RawIOBase):
    """Chunks as a file to read from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """The next bytes; 0 at the end."""
        if not self._left:
            self._left = next(self._chunks, b"")
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count
