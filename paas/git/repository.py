"""The bare repository of one app: its refs, and the content of its commits."""

from __future__ import annotations

import math
import posixpath
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dulwich.refs import DiskRefsContainer, Ref

from paas.core.errors import AlreadyExists, InvalidValue, NotFound, PaasError
from paas.core.git.refs import RefUpdate, name_problem, one_line
from paas.core.model import App
from paas.git import objects as git_objects
from paas.git import process
from paas.jobs.context import Context

if TYPE_CHECKING:
    from paas.git.quarantine import Quarantine

QUARANTINE = "quarantine"
LARGEST_FILE = 1 << 20
MOST_OF_A_COMMIT = 64 << 10
"""Limit in bytes of a commit's author and subject."""
PACKS_BEFORE_TIDYING = 50

_CONFIG = "[core]\n\tsymlinks = true\n[gc]\n\tauto = 0\n\tautoDetach = false\n"
_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_POINTER_SIZES = range(len(_POINTER), 1024)


@dataclass(frozen=True)
class CommitInfo:
    """Commit for display; ``time`` is the author's, in seconds since 1970."""

    sha: str
    subject: str
    author: str
    time: int


@dataclass(frozen=True)
class UnbuildableEntry:
    """Entry of a commit that can't be built from a plain checkout; ``kind`` is ``submodule`` or ``git-lfs``."""

    kind: str
    path: str


class Repository:
    """One bare repository. Any thread may use it; no state is kept between calls.

    Methods with a ``quarantine`` also see its objects: a push that was received but not accepted yet. All of them raise
    `git_process.GitFailed` when git fails.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path) -> Repository:
        """Create the repository completely, readable by its owner only. Raise `AlreadyExists`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
        try:
            options = ["--bare", "--quiet", "--template=", "--object-format=sha1", "--initial-branch=main"]
            process.run(unfinished, ["init", *options, str(unfinished)])
            with (unfinished / "config").open("a") as config:
                config.write(_CONFIG)
            (unfinished / QUARANTINE).mkdir()
            unfinished.rename(path)
        except OSError as error:
            if not path.exists():
                raise
            raise AlreadyExists(f"there is a repository at {path.name} already") from error
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        return cls(path)

    def exists(self) -> bool:
        """Return True if it was created and not deleted."""
        return (self.path / "HEAD").is_file()

    def delete(self) -> None:
        """Remove the repository, if it exists."""
        if self.path.exists():
            shutil.rmtree(self.path)

    def copy_to(self, path: Path) -> None:
        """Create a repository at ``path`` with the same refs and their objects.

        Pushes and `tidy` may run meanwhile, so the files are not copied directly: there could be refs without their
        objects, missing files, and stale locks.
        """
        copy = Repository.create(path)
        # A git process started by git gets neither the settings nor the whole environment.
        serve = "--upload-pack=git -c safe.directory=* --no-replace-objects upload-pack"
        copy._run(["fetch", "--quiet", "--no-write-fetch-head", serve, str(self.path), "+refs/*:refs/*"], None)
        copy._run(["symbolic-ref", "HEAD", self._run(["symbolic-ref", "HEAD"], None).decode().strip()], None)

    def refs(self) -> dict[str, str]:
        """Return all refs below ``refs/`` with their targets, sorted by name."""
        found = self._refs().as_dict()
        return {
            name.decode(errors="surrogateescape"): sha.decode()
            for name, sha in sorted(found.items())
            if name.startswith(b"refs/")
        }

    def resolve(self, ref: str) -> str | None:
        """Return the target of the ref (its full name, or ``HEAD``): 40 hex digits, or None if it doesn't exist."""
        try:
            return self._refs()[Ref(ref.encode(errors="surrogateescape"))].decode()
        except KeyError:
            return None

    def set_head(self, branch: str) -> None:
        """Make ``branch`` the one that a clone checks out, whether it exists or not."""
        ref = f"refs/heads/{branch}"
        if problem := name_problem(ref):
            raise InvalidValue(f"{one_line(branch)} can't be the name of a branch", why=problem)
        # Like all ref updates: a push that is being checked may hold the lock of HEAD, so wait for it.
        self._run(["symbolic-ref", "HEAD", ref], None)

    def move(self, update: RefUpdate) -> None:
        """Move one ref from its old value to the new one. Raise `git_process.GitFailed` if it has another value."""
        assert update.new is not None
        self._run(["update-ref", update.ref, update.new, update.old or "0" * 40], None)

    def read_file(
        self, commit: str, path: str, *, quarantine: Quarantine | None = None, limit: int = LARGEST_FILE
    ) -> bytes | None:
        """Return the content of one file of a commit; see `read_files`."""
        return self.read_files(commit, [path], quarantine=quarantine, limit=limit)[path]

    def read_files(
        self,
        commit: str,
        paths: Sequence[str],
        *,
        quarantine: Quarantine | None = None,
        limit: int = LARGEST_FILE,
        limits: Mapping[str, int] | None = None,
    ) -> dict[str, bytes | None]:
        """Return the content of files of a commit by path, None for missing files and for other entries.

        Symbolic links are followed inside the commit. Raise `Unsupported` for a file of more than ``limit`` bytes, or
        the limit of its path in ``limits``, without reading it, and `InvalidValue` for a path that leads out of the
        commit.
        """
        with git_objects.reading(self.path, _seeing(quarantine)) as read:
            return {path: read(f"{commit}:{_inside(path)}", path, (limits or {}).get(path, limit)) for path in paths}

    def sizes(self, commit: str, folder: str = "", *, quarantine: Quarantine | None = None) -> dict[str, int]:
        """Return the files of a commit, or of one folder of it, by their relative paths, with their sizes in bytes."""
        prefix = f"{_inside(folder)}/" if folder else ""
        entries = git_objects.listing(self.path, commit, _seeing(quarantine), sizes=True)
        return {
            entry.path.removeprefix(prefix): entry.size
            for entry in entries
            if entry.path.startswith(prefix) and entry.mode != "160000"
        }

    def stored(self) -> int:
        """Return the size of its packs in bytes."""
        return stored_in(self.path / "objects")

    def commit_info(self, commit: str, quarantine: Quarantine | None = None) -> CommitInfo:
        """Return author, time and first line of the commit (or of a tag's target). Raise `NotFound`."""
        # Names and subjects may have any length: they come last, so that the excess is not read.
        fields = "--format=%H%x00%at%x00%an%x00%s"
        try:
            output = self._run(["log", "-1", fields, f"{commit}^{{commit}}", "--"], quarantine, most=MOST_OF_A_COMMIT)
        except process.GitFailed as error:
            raise NotFound(f"there is no commit {one_line(commit)}", why=error.reason) from error

        text = output[:MOST_OF_A_COMMIT].decode(errors="replace").rstrip("\n")
        sha, time, author, subject = [*text.split("\0"), ""][:4]
        return CommitInfo(sha, one_line(subject), one_line(author), int(time))

    def descends(self, commit: str, ancestor: str, quarantine: Quarantine | None = None) -> bool:
        """Return True if the ancestor is part of the commit's history, or is that commit."""
        return not self._run(["rev-list", "--max-count=1", ancestor, "--not", commit, "--"], quarantine)

    def unsupported(self, commit: str, quarantine: Quarantine | None = None) -> tuple[UnbuildableEntry, ...]:
        """Return submodules, and files stored elsewhere by git-lfs: their content isn't in the repository.

        An attribute ``filter=lfs`` that no file of the commit uses is ignored.
        """
        entries = git_objects.listing(self.path, commit, _seeing(quarantine))
        submodules = [UnbuildableEntry("submodule", entry.path) for entry in entries if entry.mode == "160000"]
        attributes = [entry for entry in entries if posixpath.basename(entry.path) == ".gitattributes"]
        if not attributes:
            return tuple(submodules)

        with git_objects.reading(self.path, _seeing(quarantine)) as read:
            if not any(b"filter=lfs" in (read(entry.sha, entry.path, LARGEST_FILE) or b"") for entry in attributes):
                return tuple(submodules)

            small = [
                entry
                for entry in git_objects.listing(self.path, commit, _seeing(quarantine), sizes=True)
                if entry.size in _POINTER_SIZES
            ]
            pointers = [
                UnbuildableEntry("git-lfs", entry.path)
                for entry in small
                if (read(entry.sha, entry.path, LARGEST_FILE) or b"").startswith(_POINTER)
            ]
        return (*submodules, *pointers)

    def folders(self, commit: str, quarantine: Quarantine | None = None) -> list[str]:
        """Return the paths of all folders of the commit, sorted."""
        options = ["-d", "-r", "-z", "--name-only", "--full-tree"]
        output = git_objects.listed(self.path, commit, _seeing(quarantine), options)
        return sorted(name.decode(errors="replace") for name in output.split(b"\0") if name)

    def recover(self) -> None:
        """Remove what a crash may have left: received packs that were never accepted, and stale locks.

        Call it at the server's start, before the first push: no push may be running.
        """
        for folder in (self.path / QUARANTINE).glob("*"):
            shutil.rmtree(folder)
        for lock in (*self.path.glob("*.lock"), *(self.path / "refs").rglob("*.lock")):
            lock.unlink()
        for pack in (self.path / "objects/pack").glob("*.pack"):
            if not pack.with_suffix(".idx").exists():
                pack.unlink()

    def tidy(self, room: float = math.inf) -> bool:
        """Join the packs of many pushes into one and drop old unreachable objects. Return True if that was necessary.

        Pushes may be received meanwhile. It takes about as long as a clone: seconds to minutes. Raise `PaasError` if it
        could temporarily take more than ``room`` bytes of disk.
        """
        # A pack with an .mtimes file holds unreachable objects that git keeps: there is only one, however often it
        # joins.
        packs = [path for path in (self.path / "objects/pack").glob("*.pack") if not _is_cruft(path)]
        if len(packs) < PACKS_BEFORE_TIDYING:
            return False
        if sum(pack.stat().st_size for pack in packs) > room:
            raise PaasError("there is no room to join its packs", code="no-room")

        process.run(self.path, ["gc", "--quiet"])
        return True

    def _refs(self) -> DiskRefsContainer:
        return DiskRefsContainer(self.path)

    def _run(self, arguments: list[str], quarantine: Quarantine | None, most: int | None = None) -> bytes:
        return process.run(self.path, arguments, extra=_seeing(quarantine), most=most)


def stored_in(objects: Path) -> int:
    """Return the size in bytes of the packs in a folder of objects."""
    return sum(pack.stat().st_size for pack in (objects / "pack").glob("*.pack"))


def _seeing(quarantine: Quarantine | None) -> dict[str, str]:
    return quarantine.environment() if quarantine else {}


def _inside(path: str) -> str:
    plain = posixpath.normpath(path)
    if plain.startswith(("/", "../")) or plain in (".", "..") or not plain.isprintable():
        raise InvalidValue(f"{one_line(path)!r} isn't a path of a file inside the repository")
    return plain


def _is_cruft(pack: Path) -> bool:
    return pack.with_suffix(".mtimes").exists()


def repository_of(ctx: Context, app: App) -> Repository:
    """Return the app's repository, made on first use."""
    path = ctx.paths.repository(app)
    if not path.exists():
        # Another thread may create it at this moment.
        with suppress(AlreadyExists):
            return Repository.create(path)
    return Repository(path)
