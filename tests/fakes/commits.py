"""Commits of a user, without a git client."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from dulwich.index import commit_tree
from dulwich.object_store import DiskObjectStore
from dulwich.objects import Blob, Commit, ObjectID
from dulwich.repo import Repo

_AUTHOR = b"Ada <ada@example.org>"
_WHEN = 1767225600
_FILE = 0o100644


def init(folder: Path) -> None:
    """Create a bare repository, whose HEAD is ``main``."""
    folder.mkdir(parents=True)
    Repo.init_bare(folder, mkdir=False, default_branch=b"main").close()


def write(repository: Path, files: Mapping[str, str], parents: Sequence[str], message: str) -> str:
    """Add a commit of these files, and no others, to the bare repository; return its id.

    Names and contents that are not UTF-8 are given as `os.fsdecode` has them.
    """
    store = DiskObjectStore(str(repository / "objects"))
    try:
        blobs = {path: Blob.from_string(os.fsencode(content)) for path, content in files.items()}
        for blob in blobs.values():
            store.add_object(blob)
        commit = Commit()
        commit.tree = commit_tree(store, [(os.fsencode(path), blob.id, _FILE) for path, blob in blobs.items()])
        commit.parents = [ObjectID(parent.encode()) for parent in parents]
        commit.author = commit.committer = _AUTHOR
        commit.author_time = commit.commit_time = _WHEN
        commit.author_timezone = commit.commit_timezone = 0
        commit.message = message.encode()
        store.add_object(commit)
        return commit.id.decode()
    finally:
        store.close()


def give(source: Path, repository: Path) -> None:
    """Copy all objects of the source that the repository lacks."""
    there = str(source / "objects")
    here = str(repository / "objects")
    for folder, _, names in os.walk(there):
        target = here + folder.removeprefix(there)
        os.makedirs(target, exist_ok=True)  # noqa: PTH103 - with paths it takes three times as long
        for name in set(names).difference(os.listdir(target)):  # noqa: PTH208
            os.link(f"{folder}/{name}", f"{target}/{name}")


def point(head: Path, commit: str) -> None:
    """Make a branch, the file of its ref, point to the commit."""
    head.parent.mkdir(parents=True, exist_ok=True)
    new = head.with_name(f"{head.name}.new")
    new.write_text(f"{commit}\n", encoding="ascii")
    new.replace(head)
