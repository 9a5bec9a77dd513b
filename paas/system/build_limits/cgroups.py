"""A control group for the processes of builds, so that apps stay responsive.

See https://docs.kernel.org/admin-guide/cgroup-v2.html

BuildKit inside Docker starts the processes of a build, and does not report them: Docker before 23.0 ignores
``--cgroup-parent``, and if systemd manages the groups, its meaning is another one. So the platform marks its builds:
with a host name in NO_PROXY, which BuildKit passes to every RUN step and leaves out of the image and of the cache's
key. Processes with the mark are moved here; their children start here.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_log = logging.getLogger(__name__)

ROOT = Path("/sys/fs/cgroup")
PROC = Path("/proc")
POLL_SECONDS = 0.05
LOOKS, OLD_LOOKS = 40, 3
"""How often a new process is examined: the process of a step is one of Docker's own programs at first.

Older processes are examined less often, as there may be many.
"""
_CONTROLLERS = ("cpu", "memory")
_CONTAINER = re.compile(r"(?:.*[/-])?[0-9a-f]{64}(?:\.scope)?(?:/.*)?")
"""Control group of a container, or one below it:

Docker names them after ids of 64 digits. Steps of builds have other names.
"""


class BuildGroup:
    """One control group, in the hierarchies of version 1 or in that of version 2.

    The groups of the ``spared`` processes are not touched, and neither are those of containers: an app must not be able
    to leave its own limits.
    """

    def __init__(self, name: str, root: Path = ROOT, proc: Path = PROC, *, spared: Sequence[str] = ("self",)) -> None:
        self.name = name
        self._root = root
        self._proc = proc
        self._unified = (root / "cgroup.controllers").exists()
        self._looks: dict[str, int] = {}
        self._sources: set[str] = set()
        # The docker command of a build has the mark, too, and is in the server's group.
        self._spared = {self._group_of(pid) for pid in spared}

    def _folders(self) -> list[Path]:
        return [self._root / self.name] if self._unified else [self._root / key / self.name for key in _CONTROLLERS]

    def prepare(self, weight: int, memory: int) -> str:
        """Create the group with these limits. Return the reason if that is not possible, else an empty text."""
        try:
            if self._unified:
                self._delegate()
            for folder in self._folders():
                folder.mkdir(exist_ok=True)
            for path, value in self._limits(weight, memory):
                path.write_text(value, encoding="ascii")
        except OSError as error:
            return f"{error.filename or self._root}: {error.strerror}"
        return ""

    def entrances(self) -> list[Path]:
        """Return the files by which a process enters the group, created without limits if it is missing; none if that
        is not possible.
        """
        try:
            if self._unified:
                self._delegate()
            for folder in self._folders():
                folder.mkdir(exist_ok=True)
        except OSError:
            return []
        return [folder / "cgroup.procs" for folder in self._folders()]

    def trouble(self) -> str:
        """Return the reason why the group can't be created; empty if it can, or exists."""
        for folder in self._folders():
            if not folder.parent.is_dir():
                return f"there is no {folder.parent}"
            if not os.access(folder if folder.exists() else folder.parent, os.W_OK):
                return f"{folder.parent} can't be written to"
        return ""

    def remove(self) -> None:
        """Remove the group, if it exists."""
        for folder in self._folders():
            if folder.exists():
                folder.rmdir()

    def _delegate(self) -> None:
        control = self._root / "cgroup.subtree_control"
        if not set(_CONTROLLERS) <= set(control.read_text(encoding="ascii").split()):
            control.write_text(" ".join(f"+{key}" for key in _CONTROLLERS), encoding="ascii")

    def _limits(self, weight: int, memory: int) -> list[tuple[Path, str]]:
        if self._unified:
            folder = self._root / self.name
            return [(folder / "cpu.weight", str(weight)), (folder / "memory.max", str(memory) if memory else "max")]
        # Version 1 counts in shares, with a default of 1024.
        cpu, space = self._folders()
        shares = max(2, weight * 1024 // 100)
        return [(cpu / "cpu.shares", str(shares)), (space / "memory.limit_in_bytes", str(memory or -1))]

    @contextmanager
    def gather(self, mark: str) -> Iterator[None]:
        """Return a context in which processes with the mark in their environment are moved into the group soon after
        their start, with all others of their original group.
        """
        stop = threading.Event()
        thread = threading.Thread(target=self._run, args=(mark.encode(), stop), name="build-group", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _run(self, mark: bytes, stop: threading.Event) -> None:
        try:
            # At once, so that processes of the build are new.
            self.gather_once(mark)
            while not stop.wait(POLL_SECONDS):
                self.gather_once(mark)
        except OSError as error:
            _log.warning("builds are not limited any more: %s", error)

    def gather_once(self, mark: bytes) -> None:
        """Examine the processes once."""
        present = {entry.name for entry in self._proc.iterdir() if entry.name.isdecimal()}
        before, self._looks = self._looks, {}
        for pid in present:
            looks = before.get(pid, 0) if before else LOOKS - OLD_LOOKS
            self._looks[pid] = looks + 1
            if looks < LOOKS and mark in self._read(self._proc / pid / "environ"):
                source = self._group_of(pid)
                if source and source != self.name and source not in self._spared and not _CONTAINER.fullmatch(source):
                    self._sources.add(source)
        for source in list(self._sources):
            self._empty(source)

    def _group_of(self, pid: str) -> str:
        """Return the group of the process, relative to the root."""
        for line in self._read(self._proc / pid / "cgroup").decode("utf-8", "replace").splitlines():
            number, controllers, path = line.split(":", 2)
            if (number == "0") if self._unified else ("cpu" in controllers.split(",")):
                return path.strip("/")
        return ""

    def _empty(self, source: str) -> None:
        """Move all processes of the group; forget it once it is gone."""
        folder = self._root / source if self._unified else self._root / "cpu" / source
        if not folder.exists():
            self._sources.discard(source)
            return
        for pid in self._read(folder / "cgroup.procs").decode("ascii").split():
            for own in self._folders():
                try:
                    (own / "cgroup.procs").write_text(pid, encoding="ascii")
                except OSError as error:
                    # It has ended meanwhile.
                    if error.errno != errno.ESRCH:
                        raise

    @staticmethod
    def _read(path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            # Processes and their groups may end meanwhile; those of the kernel have no environment.
            if error.errno in (errno.ENOENT, errno.ESRCH, errno.EACCES, errno.ENODEV):
                return b""
            raise
