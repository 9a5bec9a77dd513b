"""Read tar, tar.gz and zip archives entry by entry. Nothing is unpacked to disk: the content goes directly to git."""

from __future__ import annotations

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from paas.core.sources import archive
from paas.core.sources.archive import ArchiveLimits, ArchiveRefused, Guard
from paas.system.spool import CHUNK, Bounded, gunzipped, size_of, spooled

_SPECIAL = {tarfile.CHRTYPE: "a device node", tarfile.BLKTYPE: "a device node", tarfile.FIFOTYPE: "a named pipe"}
_TROUBLE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OverflowError),
    # Headers of headers of headers.
    RecursionError,
)
_MISSING = "It ends in the middle of an entry."


@dataclass(frozen=True)
class Member:
    """File or symbolic link of an archive.

    ``content`` has ``size`` bytes, for a link its target; read it before the next member. ``same_as`` is the path of an
    earlier member with the same content, usually empty.
    """

    path: str
    mode: str
    size: int = 0
    content: Iterator[bytes] = field(default_factory=lambda: iter(()))
    same_as: str = ""


FILE, PROGRAM, LINK = "100644", "100755", "120000"


@contextmanager
def opened(file: IO[bytes], type_: str, limits: ArchiveLimits, folder: Path) -> Iterator[Iterator[Member]]:
    """Yield the files and links of the archive in order, each checked first. Raise `ArchiveRefused`."""
    guard = Guard(limits, size_of(file))
    try:
        if type_ == "zip":
            yield _zip(file, limits, guard)
        elif type_ == "tar":
            yield _tar(file, guard)
        else:
            # Into a file first, since tarfile seeks. Decompression bombs are detected here.
            with spooled(folder, gunzipped(file), Guard(limits, size_of(file)).unpacked) as plain:
                yield _tar(plain, guard)
    except _TROUBLE as error:
        raise archive.broken(error) from error


def _tar(file: IO[bytes], guard: Guard) -> Iterator[Member]:
    bounded = Bounded(file, archive.too_much_header)
    bounded.allow(archive.HEADER_BYTES)
    with tarfile.open(fileobj=cast(IO[bytes], bounded), mode="r:", errorlevel=2) as tar:
        while True:
            bounded.allow(archive.HEADER_BYTES)
            info = tar.next()
            if info is None:
                _check_end(bounded, tar.offset)
                return
            guard.entry()
            bounded.allow(None)
            member = _tar_member(tar, info, guard)
            if member is not None:
                yield member


def _check_end(file: Bounded, offset: int) -> None:
    """Raise `ArchiveRefused` for a truncated tar: it must end with a block of zeros, not with the file's end or an
    invalid header.
    """
    file.seek(offset)
    if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise archive.broken("It is truncated or damaged after its last complete entry.")


def _tar_member(tar: tarfile.TarFile, info: tarfile.TarInfo, guard: Guard) -> Member | None:
    path = archive.path_of(info.name)
    if info.isdir() or (not path and not info.islnk()):
        return None
    if info.type in _SPECIAL:
        raise archive.special(path, _SPECIAL[info.type])
    if info.issparse() or not (info.isreg() or info.issym() or info.islnk()):
        raise archive.special(path, "an entry of an unsupported type")
    if archive.is_history(path):
        return None
    if info.issym():
        return _link(path, info.linkname)
    mode = PROGRAM if info.mode & stat.S_IXUSR else FILE
    if info.islnk():
        return Member(path, mode, same_as=archive.path_of(info.linkname))
    guard.unpacked(info.size)
    source = tar.extractfile(info)
    if source is None:
        raise archive.special(path, "an entry without content")
    return Member(path, mode, info.size, _exactly(source, info.size))


def _zip(file: IO[bytes], limits: ArchiveLimits, guard: Guard) -> Iterator[Member]:
    bounded = Bounded(file, archive.too_much_header)
    bounded.allow(limits.files * archive.ZIP_ENTRY_BYTES + (1 << 18))
    with zipfile.ZipFile(cast(IO[bytes], bounded)) as found:
        bounded.allow(None)
        for info in found.infolist():
            guard.entry()
            member = _zip_member(found, info, guard)
            if member is not None:
                yield member


def _zip_member(found: zipfile.ZipFile, info: zipfile.ZipInfo, guard: Guard) -> Member | None:
    path = archive.path_of(info.filename)
    mode = info.external_attr >> 16
    kind = stat.S_IFMT(mode)
    if info.is_dir() or kind == stat.S_IFDIR or not path:
        return None
    if kind not in (0, stat.S_IFREG, stat.S_IFLNK):
        raise archive.special(path, "a device node or another special file")
    if info.flag_bits & 1:
        raise ArchiveRefused("the archive is encrypted", fix="Create it without a password.", code="archive-encrypted")
    if archive.is_history(path):
        return None
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # For other methods zipfile unpacks everything that it has read at once, which may be thousands of times as
        # much.
        raise ArchiveRefused(
            f"{path} is compressed with an unsupported method",
            why="Supported are zip entries that are stored or compressed with deflate.",
            fix="Create it without bzip2 and LZMA.",
            code="archive-special",
        )
    guard.unpacked(info.file_size)
    if kind == stat.S_IFLNK:
        if info.file_size > archive.LONGEST_PATH:
            raise archive.broken("A symbolic link in it is too long.")
        return _link(path, found.read(info).decode("utf-8", "replace"))
    content = _exactly(found.open(info), info.file_size)
    return Member(path, PROGRAM if mode & stat.S_IXUSR else FILE, info.file_size, content)


def _link(path: str, target: str) -> Member:
    data = target.encode("utf-8", "surrogateescape")
    return Member(path, LINK, len(data), iter((data,)))


def _exactly(source: IO[bytes], size: int) -> Iterator[bytes]:
    """Yield the content in chunks. Raise an error if its size differs from the declared one."""
    with source:
        left = size
        while left:
            chunk = source.read(min(left, CHUNK))
            if not chunk:
                raise archive.broken(_MISSING)
            left -= len(chunk)
            yield chunk
        if source.read(1):
            raise archive.broken("An entry is longer than its header says.")
