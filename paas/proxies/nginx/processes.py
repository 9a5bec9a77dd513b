"""nginx processes, as the kernel reports them (``/proc``, see proc(5)).

nginx writes the role of a process into its command line: ``nginx: master process <command>``, ``nginx: worker
process``, ``nginx: worker process is shutting down``.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

PROC = Path("/proc")


def title(pid: int) -> str:
    """Return the command line of the process; empty for an ended one, a zombie, or a kernel thread."""
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def is_master(pid: int, prefix: Path) -> bool:
    """Return True if the process is an nginx master that was started with ``-p prefix``."""
    return title(pid).startswith("nginx: master process ") and f" -p {prefix} " in f"{title(pid)} "


def is_ready(pid: int) -> bool:
    """Return True if the process is a worker that accepts new connections."""
    return title(pid) == "nginx: worker process"


def is_accepting(pid: int) -> bool:
    """Return True if the process is a worker that accepts new connections, or is about to: a new one has no title yet.
    """
    return title(pid).startswith(("nginx: worker process", "nginx: master process")) and not is_finishing(pid)


def is_finishing(pid: int) -> bool:
    """Return True if the process is a worker that accepts no new connections and ends with its last request."""
    return title(pid) == "nginx: worker process is shutting down"


def started(pid: int) -> float:
    """Return when the process was started, in seconds since boot; 0 if it is gone."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return 0.0

    # The name in brackets may contain anything. See proc(5), field 22.
    return int(text.rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> frozenset[int]:
    """Return the process ids of the children.

    The kernel may skip one while another ends, so read until two answers agree.
    """
    before: frozenset[int] | None = None

    while True:
        found = _children(pid)

        if found == before:
            return found

        before = found


def heeds(pid: int, number: signal.Signals) -> bool:
    """Return True if the process would act on the signal at once: it is neither blocked nor already pending.

    A master accepts signals only while it is idle. Before that it may still be starting workers.
    """
    try:
        text = (PROC / str(pid) / "status").read_text()
    except OSError:
        return True

    masks = re.findall(r"^(?:SigPnd|ShdPnd|SigBlk):\s*([0-9a-f]+)$", text, re.MULTILINE)
    return not any(int(mask, 16) >> (number - 1) & 1 for mask in masks)


def is_nginx(pid: int) -> bool:
    """Return True if the process has an nginx title."""
    return title(pid).startswith("nginx: ")


def find_all() -> list[int]:
    """Return the process ids of all processes on this machine with an nginx title."""
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit() and is_nginx(int(entry.name))]


def holds(pid: int, path: Path) -> bool:
    """Return True if the process has this file, or one below this folder, open. False if the kernel does not allow it.
    """
    try:
        opened = list((PROC / str(pid) / "fd").iterdir())
    except OSError:
        return False

    return any(link == str(path) or link.startswith(f"{path}/") for link in map(_target, opened))


def bound(path: Path) -> bool:
    """Return True if a socket of any process was bound to the path, even if the file was removed since."""
    try:
        lines = (PROC / "net" / "unix").read_text(errors="replace").splitlines()
    except OSError:
        return False

    return any(line.endswith(f" {path}") for line in lines)


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Send the signal to each existing process."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            # It is gone, or listens to its master only: the master sends it the same a moment later.
            continue


def wait_until(
    condition: Callable[[], object], seconds: float, hopeless: Callable[[], object] = lambda: False
) -> bool:
    """Return True if the condition became true in time. Both are checked a thousand times a second."""
    deadline = time.monotonic() + seconds

    while not condition():
        if time.monotonic() > deadline or hopeless():
            return False

        time.sleep(0.001)

    return True


def _children(pid: int) -> frozenset[int]:
    try:
        words = (PROC / str(pid) / "task" / str(pid) / "children").read_text().split()
    except OSError:
        return frozenset()

    return frozenset(map(int, words))


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""
