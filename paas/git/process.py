"""Run git in a neutral environment, independent of the settings of machine and user."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from paas.core.errors import PaasError, disk_full
from paas.core.git.refs import one_line
from paas.system.oom import expendable
from paas.system.spans import span

_SETTINGS = (
    "core.hooksPath=/dev/null",
    # The data root may belong to another account after a restore or a mount; only the daemon writes there.
    "safe.directory=*",
    # Larger blobs are streamed instead of held in memory.
    "core.bigFileThreshold=4m",
    # Per thread; more is never needed with blobs of that size.
    "pack.windowMemory=64m",
    "core.fsmonitor=false",
    "gc.auto=0",
    # Another push may hold a ref's lock while the disk is slow; git itself waits for a tenth of a second.
    "core.filesRefLockTimeout=10000",
    "core.packedRefsTimeout=10000",
)
_TAIL = 4096
_NO_MEMORY = b"Out of memory"
MOST_MEMORY = 1 << 30
"""Bytes that one git process may allocate: a few bytes of a delta can expand to an object of gigabytes in memory."""
MOST_MEMORY_OF_ALL = 2 << 30
"""The same for git programs that keep a table of all objects."""
_OF_ALL = frozenset({"fetch", "gc", "rev-list", "upload-pack"})
_NO_SPACE = os.strerror(errno.ENOSPC).encode()
_NOT_WRITTEN = b"unable to write file"
_FULL = 64 << 10
"""A disk with fewer free bytes counts as full, even if a small file still fits."""


class GitFailed(PaasError):
    """git ended with an error. ``reason`` is its last message, one line without its prefix."""

    code = "git"

    def __init__(self, command: str, reason: str) -> None:
        super().__init__(f"git {command} failed: {reason}")
        self.reason = reason


class GitHungry(GitFailed):
    """git ended because it exceeded its memory limit."""

    code = "git-memory"

    def __init__(self, command: str) -> None:
        super().__init__(command, f"an object takes more memory than git may use ({MOST_MEMORY >> 20} MiB)")
        self.why = "It is a file of several hundred megabytes, or a crafted delta that expands to one."
        self.fix = "Leave large files out of the repository, and fetch them in the Dockerfile."


class GitMissing(PaasError):
    """git is not installed on this server."""

    code = "git-missing"

    def __init__(self) -> None:
        super().__init__("git is not installed on the server", fix="Install it there: apt-get install git")


def environment(repository: Path) -> dict[str, str]:
    """Return the complete environment for git: only the search path comes from the daemon's own."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(repository),
        "LC_ALL": "C",
        "GIT_DIR": str(repository),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        # refs/replace/* can be pushed; they must not change the meaning of a commit here.
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }


def start(
    repository: Path,
    arguments: Sequence[str],
    *,
    extra: Mapping[str, str] | None = None,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.PIPE,
    stderr: int | IO[bytes] = subprocess.PIPE,
    directory: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start ``git ARGUMENTS…`` on the repository, in its own process group, with a umask of 022.

    ``extra`` is added to the environment. The umask matters for work trees: images are built from them, whose programs
    run as other users. Raise `GitMissing`.
    """
    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    try:
        process = subprocess.Popen(
            ["git", *settings, *arguments],
            env=environment(repository) | dict(extra or {}),
            cwd=directory or repository.parent,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            process_group=0,
            umask=0o022,
        )
    except FileNotFoundError as error:
        if error.filename != "git":
            raise
        raise GitMissing from error
    _limit(process.pid, MOST_MEMORY if _OF_ALL.isdisjoint(arguments) else MOST_MEMORY_OF_ALL)
    expendable(process.pid)
    return process


def _limit(pid: int, memory: int) -> None:
    """Limit the memory that the process and its children may allocate. Mapped files don't count."""
    # A program that has already ended needs no limit.
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_DATA, (memory, memory))


def run(
    repository: Path,
    arguments: Sequence[str],
    *,
    extra: Mapping[str, str] | None = None,
    stdin: int | None = None,
    text: bytes = b"",
    directory: Path | None = None,
    most: int | None = None,
) -> bytes:
    """Run git to its end and return its output. Raise `GitFailed`, `GitMissing`, or `DiskFull`.

    Its input is the file descriptor ``stdin``, or ``text``. Only the end of its error output is read. After more than
    ``most`` bytes of output git is ended, and these are returned; it gets no ``text`` then.
    """
    with span(f"git {arguments[0]}"), tempfile.TemporaryFile() as complaints:
        process = start(
            repository,
            arguments,
            extra=extra,
            stdin=subprocess.PIPE if stdin is None else stdin,
            stderr=complaints,
            directory=directory,
        )
        with ending(process):
            if most is None:
                output, _ = process.communicate(text if stdin is None else None)
            else:
                assert process.stdout is not None
                output = process.stdout.read(most + 1)
                if len(output) > most:
                    return output
                process.communicate()
        if process.returncode:
            raise failure(arguments[0], _tail(complaints), _free(repository))
    return output


def failure(command: str, complaints: bytes, free: int | None = None) -> PaasError:
    """Return the error for what git wrote: `DiskFull`, `GitHungry`, or `GitFailed` for everything else.

    ``free`` is the room on the disk of the repository in bytes. Some of git's messages about a failed write do not give
    the reason.
    """
    if _NO_SPACE in complaints or (_NOT_WRITTEN in complaints and free is not None and free < _FULL):
        return disk_full("a file of a repository")
    if _NO_MEMORY in complaints:
        return GitHungry(command)
    return GitFailed(command, last_words(complaints))


def _free(path: Path) -> int | None:
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


@contextmanager
def ending(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Yield the process. At the end, neither it nor a child of it nor a pipe to it is left."""
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        process.wait()


def last_words(complaints: bytes) -> str:
    """Return the last error in git's output, without its prefix, in one line."""
    lines = complaints.decode(errors="replace").splitlines()
    errors = [line for line in lines if line.startswith(("fatal: ", "error: "))] or lines or ["no message"]
    return one_line(errors[-1].removeprefix("fatal: ").removeprefix("error: "))


def _tail(file: IO[bytes]) -> bytes:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL))
    return file.read()
