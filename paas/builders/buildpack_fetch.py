"""Fetch a buildpack from a git repository or a folder of the server; a fetched one never changes."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from paas.core.access.remote_credentials import Fetched, RemoteCredentials
from paas.core.builds.buildpack_file import CODE
from paas.core.errors import InvalidValue
from paas.core.git.url import Remote
from paas.git.quarantine import Quarantine
from paas.git.repository import Repository
from paas.git.worktree import update_worktree

MOST_FILES, MOST_BYTES, MOST_FETCHED = 200, 4 << 20, 64 << 20
Fetch = Callable[[Quarantine, Remote, str, RemoteCredentials, threading.Event], Fetched]


@contextmanager
def changing(parent: Path) -> Iterator[None]:
    """Return a context in which no other thread keeps or drops buildpacks, so that one is not dropped before it is
    recorded.
    """
    parent.mkdir(mode=0o700, exist_ok=True)
    with (parent / ".lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def from_git(
    parent: Path, remote: Remote, reference: str, means: RemoteCredentials, fetch: Fetch, cancelled: threading.Event
) -> Iterator[tuple[Path, str]]:
    """Yield a folder with the newest files of the branch or tag (default: the default branch), and the commit.

    Raise the errors of `Remotes.fetch`, and `InvalidValue` for an invalid buildpack.
    """
    allowed = replace(means, newest_only=True, limit=min(means.limit, MOST_FETCHED))
    with _workplace(parent) as place:
        repository = Repository.create(place / "repo.git")
        with Quarantine(repository) as quarantine:
            commit = fetch(quarantine, remote, reference, allowed, cancelled).commit
            sizes = repository.sizes(commit, quarantine=quarantine)
            # Before they are written: a few bytes of a pack may expand to gigabytes.
            _check_amount(len(sizes), sum(sizes.values()), remote.url)
            update_worktree(repository, commit, place / "tree", place / "index", quarantine=quarantine)
        _check(place / "tree", remote.url)
        yield place / "tree", commit


@contextmanager
def from_folder(parent: Path, folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield a copy of the folder, and a digest of its files. Raise `InvalidValue` for an invalid buildpack."""
    if not folder.is_dir():
        raise InvalidValue(f"{folder} is not a folder on the server", code=CODE)
    _check(folder, str(folder))
    with _workplace(parent) as place:
        shutil.copytree(folder, place / "tree", ignore=shutil.ignore_patterns(".git"))
        digest = hashlib.sha256()
        for path in sorted((place / "tree").rglob("*")):
            if path.is_file():
                digest.update(f"{path.relative_to(place / 'tree')}\0{path.stat().st_size}\0".encode())
                digest.update(path.read_bytes())
        yield place / "tree", digest.hexdigest()[:40]


def keep(tree: Path, target: Path) -> None:
    """Move the fetched files to ``target`` atomically. An existing one is identical."""
    if not target.exists():
        tree.rename(target)


def drop_others(parent: Path, versions: set[str]) -> None:
    """Remove unused buildpacks."""
    for place in parent.iterdir() if parent.exists() else ():
        if place.name not in versions and not place.name.startswith("."):
            shutil.rmtree(place)


@contextmanager
def _workplace(parent: Path) -> Iterator[Path]:
    parent.mkdir(mode=0o700, exist_ok=True)
    with TemporaryDirectory(dir=parent, prefix=".new-") as folder:
        yield Path(folder)


def _check(tree: Path, source: str) -> None:
    """Raise an error unless it consists of a few small files without links, which might lead outside."""
    found = [path for path in tree.rglob("*") if ".git" not in path.relative_to(tree).parts]
    link = next((path for path in found if path.is_symlink()), None)
    if link is not None:
        raise InvalidValue(
            f"{source}: {link.relative_to(tree)} is a symbolic link",
            why="The server reads the files of a buildpack, so none of them may be a link.",
            fix="Replace the link with the file.",
            code=CODE,
        )
    _check_amount(len(found), sum(path.stat().st_size for path in found if path.is_file()), source)


def _check_amount(count: int, size: int, source: str) -> None:
    if count > MOST_FILES or size > MOST_BYTES:
        raise InvalidValue(
            f"{source} is not a buildpack: it has {count} files with {size} bytes",
            why=f"The limit for a buildpack is {MOST_FILES} files and {MOST_BYTES >> 20} MB.",
            code=CODE,
        )
