"""Create commits from files that did not come from git: the content goes to ``git fast-import``, never to a folder."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from paas.core.git.refs import one_line
from paas.core.sources import archive
from paas.git import process as git_process
from paas.git.archives import LINK, Member
from paas.git.quarantine import Quarantine

# The commit may be cloned on any system.
_FOR_ALL_SYSTEMS = ["-c", "core.protectNTFS=true", "-c", "core.protectHFS=true"]


@dataclass(frozen=True)
class Author:
    """Author of a commit, and its time in seconds since 1970; without an address an impossible one is used."""

    name: str
    time: float
    email: str = ""


def import_tree(quarantine: Quarantine, members: Iterable[Member], *, one_folder: bool = True) -> str:
    """Import the files into the quarantine and return their git tree; ``one_folder`` removes a single top folder.

    Raise `ArchiveRefused` for links that lead outside, and for files and folders of the same name.
    """
    with tempfile.TemporaryDirectory(prefix="paas-import-") as folder:
        marks = Path(folder) / "marks"
        files, links = _blobs(quarantine, members, marks)
        if not files:
            raise archive.broken("It contains no file.")
        archive.check_shape(files)
        top = archive.top_folder(files) if one_folder else ""
        cut = len(top) + 1 if top else 0
        archive.check_links({path[cut:]: target for path, target in links.items()})

        ids = dict(line.split() for line in marks.read_text(encoding="ascii").splitlines())
        entries = {path[cut:]: (mode, ids[f":{mark}"]) for path, (mode, mark) in files.items()}
        return _tree(quarantine, entries, Path(folder) / "index")


def commit_tree(quarantine: Quarantine, tree: str, parent: str | None, message: str, author: Author) -> str:
    """Create a commit of the tree in the quarantine. Return its id."""
    name = one_line(author.name).translate({ord(letter): None for letter in "<>"}).strip(" .") or "paas"
    email = author.email or f"{name.replace(' ', '-')}@paas.invalid"
    person = {"NAME": name, "EMAIL": email, "DATE": f"@{int(author.time)} +0000"}
    people = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in person.items()}
    arguments = ["commit-tree", tree, *(["-p", parent] if parent else [])]
    return _git(quarantine, arguments, message.encode(), people).decode().strip()


def tree_of(quarantine: Quarantine, commit: str) -> str:
    """Return the tree of the commit."""
    return _git(quarantine, ["rev-parse", "--verify", f"{commit}^{{tree}}"]).decode().strip()


def _blobs(
    quarantine: Quarantine, members: Iterable[Member], marks: Path
) -> tuple[dict[str, tuple[str, int]], dict[str, str]]:
    """Return mode and mark of each file by path, and the targets of the links. Later entries win."""
    files: dict[str, tuple[str, int]] = {}
    links: dict[str, str] = {}
    with tempfile.TemporaryFile() as complaints:
        process = git_process.start(
            quarantine.repository.path,
            ["-c", "fastimport.unpackLimit=1", "fast-import", "--quiet", f"--export-marks={marks}"],
            extra=quarantine.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
        )
        with git_process.ending(process):
            assert process.stdin is not None
            # If it ends early, its exit status is checked.
            with contextlib.suppress(BrokenPipeError):
                for mark, member in enumerate(members, 1):
                    _blob(process.stdin, mark, member, files, links)
                process.stdin.close()
            if process.wait():
                complaints.seek(0)
                raise git_process.failure("fast-import", complaints.read(4096))
    return files, links


def _blob(
    stdin: IO[bytes], mark: int, member: Member, files: dict[str, tuple[str, int]], links: dict[str, str]
) -> None:
    links.pop(member.path, None)
    if member.same_as:
        if member.same_as not in files:
            raise archive.ArchiveRefused(
                f"the archive has a hard link to an entry that does not precede it: {one_line(member.path, 120)!r}",
                why=f"It points to {one_line(member.same_as, 120)!r}.",
                code="archive-link",
            )
        mode, same = files[member.same_as]
        files[member.path] = (mode, same)
        if mode == LINK:
            links[member.path] = links[member.same_as]
        return
    stdin.write(f"blob\nmark :{mark}\ndata {member.size}\n".encode())
    for chunk in member.content:
        stdin.write(chunk)
        if member.mode == LINK:
            links[member.path] = chunk.decode("utf-8", "replace")
    stdin.write(b"\n")
    files[member.path] = (member.mode, mark)


def _tree(quarantine: Quarantine, entries: Mapping[str, tuple[str, str]], index: Path) -> str:
    lines = "".join(f"{mode} {blob}\t{path}\0" for path, (mode, blob) in sorted(entries.items()))
    own = {"GIT_INDEX_FILE": str(index)}
    data = lines.encode("utf-8", "surrogateescape")
    _git(quarantine, [*_FOR_ALL_SYSTEMS, "update-index", "-z", "--index-info"], data, own)
    # git skips names that it does not accept, such as those that other systems could take for .git.
    taken = _git(quarantine, ["ls-files", "-z", "--cached"], extra=own).decode("utf-8", "surrogateescape")
    if left_out := sorted(entries.keys() - set(taken.split("\0"))):
        raise archive.ArchiveRefused(
            f"the archive has a path that git refuses: {one_line(left_out[0], 120)!r}", code="archive-path"
        )
    return _git(quarantine, ["write-tree"], extra=own).decode().strip()


def _git(
    quarantine: Quarantine, arguments: list[str], text: bytes = b"", extra: Mapping[str, str] | None = None
) -> bytes:
    surroundings = quarantine.environment() | dict(extra or {})
    return git_process.run(quarantine.repository.path, arguments, extra=surroundings, text=text)
