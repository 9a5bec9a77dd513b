"""Waiting for what becomes true, with a look every few milliseconds and an end."""

from __future__ import annotations

import http.client
import select
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

LOOK_SECONDS = 0.003
PATIENCE = 120.0


def until(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> float:
    """The time (`time.perf_counter`) at which the condition was first true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited in vain for {what}")
        select.select([], [], [], LOOK_SECONDS)
    return time.perf_counter()


def body(address: tuple[str, int], host: str, path: str = "/") -> str:
    """What ``GET path`` answers over a new connection; empty where it is not a 200."""
    connection = http.client.HTTPConnection(*address, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": host, "Connection": "close"})
        response = connection.getresponse()
        text = response.read().decode(errors="replace")
        return text if response.status == 200 else ""
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def live_after(
    argv: Sequence[str], environment: dict[str, str], folder: Path, answers: Callable[[], bool]
) -> tuple[float, float]:
    """Runs the command; the seconds until ``answers`` said yes, and those until the command had ended."""
    began = time.perf_counter()
    process = subprocess.Popen(
        argv, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    ended: list[float] = []

    def note_the_end() -> None:
        process.wait()
        ended.append(time.perf_counter())

    waiter = threading.Thread(target=note_the_end, daemon=True)
    waiter.start()
    try:
        live = until(lambda: answers() or process.poll() not in (None, 0), "the new release")
        waiter.join(PATIENCE)
    except BaseException:
        process.kill()
        raise
    finally:
        said = process.stdout.read() if process.stdout and process.poll() is not None else b""
    if process.returncode or not ended:
        raise RuntimeError(f"{' '.join(argv)} failed: {said.decode(errors='replace')[-2000:]}")
    return live - began, ended[0] - began
