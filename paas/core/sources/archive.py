"""Rules for archives that become a commit: paths, links, number and size of entries.

Nothing is unpacked before it passed these checks, and a refused archive leaves nothing behind.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from paas.core.errors import PaasError
from paas.core.git.refs import one_line

TYPES = ("tar", "tar.gz", "zip")
RATIO_FROM = 10 << 20
HEADER_BYTES = 1 << 20
"""Limit in bytes of the headers of one tar entry."""
LONGEST_PATH = 4096
LONGEST_NAME = 255
MOST_LINKS = 40
ZIP_ENTRY_BYTES = 1024
"""Limit in bytes of one entry in a zip's directory, on average."""

_FIX_LIMIT = "An administrator can raise it: 'git:set --global {} VALUE'."


class ArchiveRefused(PaasError):
    """The archive is broken or contains something that is not accepted. Nothing of it was kept."""

    code = "archive-refused"


@dataclass(frozen=True)
class ArchiveLimits:
    """Limits: ``size`` in bytes of the archive and its content, ``files`` entries, ``ratio`` of content to archive."""

    size: int
    files: int
    ratio: int


def type_of(head: bytes, said: str) -> str:
    """Return the archive's type by its first bytes. Raise an error if that is not the given type."""
    found = "zip" if head[:4] in (b"PK\x03\x04", b"PK\x05\x06") else "tar.gz" if head[:2] == b"\x1f\x8b" else "tar"
    if said and found != said:
        raise ArchiveRefused(
            f"the archive is not a {said}",
            why=f"Its first bytes are those of a {found}." if found != "tar" else "Its first bytes are others.",
            fix="Leave --archive-type out, or give the right one.",
            code="archive-type",
        )
    return found


def broken(why: object) -> ArchiveRefused:
    """Return the error for an unreadable archive."""
    return ArchiveRefused(
        "the archive can't be read",
        why=one_line(str(why)),
        fix=f"It must be one of: {', '.join(TYPES)}; was it sent completely?",
        code="archive-broken",
    )


def path_of(name: str) -> str:
    """Return the path of an entry inside the app, ``""`` for the top. Raise an error for a path outside."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts:
        raise ArchiveRefused(
            f"the archive has an entry outside of its own folder: {one_line(name, 120)!r}",
            why="Paths in it must not be absolute, and must not have '..'.",
            code="archive-path",
        )
    if not name.isprintable() or "\\" in name or len(name) > LONGEST_PATH or any(len(p) > LONGEST_NAME for p in parts):
        raise ArchiveRefused(
            f"the archive has an entry with a name that is not taken: {one_line(name, 120)!r}",
            why="Names have printable characters without backslash, at most 255 in each part.",
            code="archive-path",
        )
    return "/".join(parts)


def is_history(path: str) -> bool:
    """Return True if the path belongs to a git checkout: such entries are skipped."""
    return ".git" in path.lower().split("/")


def too_much_header() -> ArchiveRefused:
    """Return the error for an archive with too large headers."""
    return ArchiveRefused(
        "the archive's own tables are too large",
        why="They are read into memory, so they have a limit of their own.",
        fix="Make it with the usual programs: tar, zip, git archive.",
        code="archive-headers",
    )


def special(path: str, what: str) -> ArchiveRefused:
    """Return the error for an entry that is neither file, folder nor link."""
    return ArchiveRefused(
        f"the archive has {what}: {one_line(path, 120)!r}",
        why="Only files, folders and symbolic links are taken.",
        code="archive-special",
    )


class Guard:
    """Counter for the content of an archive of ``packed`` bytes, which enforces the limits."""

    def __init__(self, limits: ArchiveLimits, packed: int) -> None:
        self._limits = limits
        self._packed = max(packed, 1)
        self._entries = 0
        self._bytes = 0

    def entry(self) -> None:
        """Count one more entry."""
        self._entries += 1
        if self._entries > self._limits.files:
            raise ArchiveRefused(
                f"the archive has more than {self._limits.files} entries",
                why="git archive-max-files is the limit.",
                fix=_FIX_LIMIT.format("archive-max-files"),
                code="archive-too-many",
            )

    def unpacked(self, count: int) -> None:
        """Count these additional bytes, declared or read."""
        self._bytes += count
        if self._bytes > self._limits.size:
            raise too_large(self._limits)
        if self._bytes > RATIO_FROM and self._bytes > self._packed * self._limits.ratio:
            raise ArchiveRefused(
                f"the archive unpacks to more than {self._limits.ratio} times its size",
                why="That is what an archive does which is made to fill a disk (git archive-max-ratio).",
                fix=_FIX_LIMIT.format("archive-max-ratio"),
                code="archive-ratio",
            )


def too_large(limits: ArchiveLimits) -> ArchiveRefused:
    """Return the error for too many bytes."""
    return ArchiveRefused(
        f"the archive is larger than {limits.size} bytes, packed or unpacked",
        why="git archive-max-size is the limit.",
        fix=_FIX_LIMIT.format("archive-max-size"),
        code="archive-too-large",
    )


def check_links(links: Mapping[str, str]) -> None:
    """Raise an error for symbolic links that lead outside the archive, directly or through others, and for cycles.

    ``links`` are the targets by path. A link may point to nothing.
    """
    for path, target in links.items():
        problem = _leads_out(links, path)
        if problem:
            raise ArchiveRefused(
                f"the archive has a symbolic link that {problem}: {one_line(path, 80)} -> {one_line(target, 80)}",
                why="Links must stay inside the archive.",
                code="archive-link",
            )


def _leads_out(links: Mapping[str, str], start: str) -> str:
    here: list[str] = []
    ahead = start.split("/")
    followed = 0
    while ahead:
        part = ahead.pop(0)
        if part == "..":
            if not here:
                return "leads out of it"
            here.pop()
        elif part not in ("", "."):
            here.append(part)
            target = links.get("/".join(here))
            if target is None:
                continue
            followed += 1
            if target.startswith("/") or not target.isprintable():
                return "leads out of it"
            if followed > MOST_LINKS:
                return "goes in circles"
            here.pop()
            ahead = [*target.split("/"), *ahead]
    return ""


def check_shape(paths: Collection[str]) -> None:
    """Raise an error for a file or link that is also a folder of others: unpacking would write elsewhere."""
    for path in paths:
        parent = posixpath.dirname(path)
        while parent:
            if parent in paths:
                raise ArchiveRefused(
                    f"the archive has {one_line(parent, 80)!r} both as a folder and as something else",
                    why=f"It has {one_line(path, 80)!r}, too.",
                    code="archive-path",
                )
            parent = posixpath.dirname(parent)


def top_folder(paths: Collection[str]) -> str:
    """Return the single folder that contains everything, as in archives of a release; empty if there is none."""
    tops = {path.partition("/")[0] for path in paths}
    return tops.pop() if len(tops) == 1 and all("/" in path for path in paths) else ""
