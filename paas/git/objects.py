"""Read trees and files from a repository without checking anything out."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from paas.core.errors import Unsupported
from paas.core.git.refs import one_line
from paas.git import process as git_process
from paas.system.spans import span

MOST_LISTED = 64 << 20
"""Limit in bytes of the list of a commit's files and folders: about half a million entries."""

Read = Callable[[str, str, int], bytes | None]
"""Function of an object's name, its name for errors, and the largest size to read."""


@dataclass(frozen=True)
class TreeEntry:
    """File, symbolic link (mode 120000) or submodule (160000) of a commit; ``size`` is -1 if not requested."""

    mode: str
    sha: str
    size: int
    path: str


def listing(repository: Path, commit: str, extra: Mapping[str, str], *, sizes: bool = False) -> list[TreeEntry]:
    """Return all entries of the commit's tree and its subtrees. Sizes take longer: each object is looked up.

    Raise `Unsupported` as `listed` does.
    """
    # List folders, too, so that empty ones count.
    options = ["-r", "-t", "-z", "--full-tree", *(["-l"] if sizes else [])]
    entries = []
    for line in listed(repository, commit, extra, options).split(b"\0")[:-1]:
        facts, _, path = line.partition(b"\t")
        mode, kind, sha, *size = facts.decode().split()
        if kind == "tree":
            continue
        entries.append(
            TreeEntry(mode, sha, int(size[0]) if size and size[0] != "-" else -1, path.decode(errors="replace"))
        )
    return entries


def listed(repository: Path, commit: str, extra: Mapping[str, str], options: list[str]) -> bytes:
    """Return the output of ``git ls-tree`` for the commit.

    Raise `Unsupported` for more than `MOST_LISTED`: a dozen objects can stand for more files than fit on any disk.
    """
    output = git_process.run(repository, ["ls-tree", *options, commit], extra=extra, most=MOST_LISTED)
    if len(output) > MOST_LISTED:
        raise Unsupported(
            "the commit has too many files",
            why=f"The list of their names has more than {MOST_LISTED >> 20} MiB.",
            fix="Leave out generated and installed files, such as node_modules.",
            code="too-many-files",
        )
    return output


@contextmanager
def reading(repository: Path, extra: Mapping[str, str]) -> Iterator[Read]:
    """Yield a function that reads files one by one with a single git process (``git cat-file --batch``)."""
    with span("git cat-file"):
        process = git_process.start(
            repository,
            ["cat-file", "--batch", "--follow-symlinks"],
            extra=extra,
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        with git_process.ending(process):
            yield lambda name, label, limit: _read(process, name, label, limit)


def _read(process: subprocess.Popen[bytes], name: str, label: str, limit: int) -> bytes | None:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(name.encode() + b"\n")
    process.stdin.flush()

    # "SHA TYPE SIZE", or "NAME missing" and similar, or "symlink SIZE" and similar for broken links.
    answer = process.stdout.readline()
    words = answer.split()
    if not answer:
        raise git_process.GitFailed("cat-file", "it ended early")
    if words[-1] in (b"missing", b"ambiguous"):
        return None

    size = int(words[-1])
    if size > limit:
        raise Unsupported(f"{one_line(label)} is too large: {size} bytes; the limit is {limit}")
    content = process.stdout.read(size + 1)[:-1]
    return content if words[1] == b"blob" else None
