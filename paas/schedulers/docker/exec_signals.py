"""Signals for a command that runs beside a container's own, for which Docker has no call.

Its process is in the host's process table, and leads its own group.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import Any

import docker.errors


def send(pid: int, number: signal.Signals) -> bool:
    """Send the signal to its group.

    Return True if it arrived, or the group is gone; False if this process may not send it.
    """
    try:
        if os.getpgid(pid) == pid:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return True


def send_inside(api: Any, container_id: str, pid: int, number: signal.Signals) -> None:
    """Send the signal from within the container, if this process may not; the image must have a shell."""
    inner = _inner(pid)
    if inner is None:
        return
    name = number.name.removeprefix("SIG")
    line = f"kill -s {name} -- -{inner} || kill -s {name} {inner}"
    made = api.exec_create(container_id, ["sh", "-c", line], stdout=False, stderr=False)["Id"]
    with contextlib.suppress(docker.errors.APIError):
        # For example without a shell.
        api.exec_start(made, detach=True)


def _inner(pid: int) -> int | None:
    """Return the process id inside its container; None once it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[-1]) for line in lines if line.startswith("NSpid:")), None)
