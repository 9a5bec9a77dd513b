"""Reads trees and files out of a repository without checking anything out."""

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
"""Bytes that the list of a commit's files and folders may have: half a million, as names are."""

Read = Callable[[str, str, int], bytes | None]
"""Takes the name of an object, what to call it in an error, and the largest size that may be read."""


@dataclass(frozen=True)
class TreeEntry:
    """A file, symbolic link (mode 120000) or submodule (160000) of a commit; ``size`` is -1 where not asked for."""

    mode: str
    sha: str
    size: int
    path: str


def listing(repository: Path, commit: str, extra: Mapping[str, str], *, sizes: bool = False) -> list[TreeEntry]:
    """All entries of the commit's tree and the trees below. Sizes take longer: each object has to be looked up.

    Raises `Unsupported` as `listed` does.
    """
    # Folders are told, too, so that those that have no files count.
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
    """What ``git ls-tree`` says of the commit.

    Raises `Unsupported` for more than `MOST_LISTED`: a dozen objects can stand for more files than any disk takes.
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
    """Lends a function that reads one file after the other, all with one git process (``git cat-file --batch``)."""
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

    # "SHA TYPE SIZE", or "NAME missing" and the like, or "symlink SIZE" and such for links that lead nowhere.
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
