"""Running programs that have to succeed."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


def environment(**more: str) -> dict[str, str]:
    """This process's own, with the folders of servers in the path and nothing of the account's git settings."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    own = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C.UTF-8"}
    kept = {name: value for name, value in os.environ.items() if name != "SSH_AUTH_SOCK"}
    return {**kept, **own, "PATH": path, **more}


def run(argv: Sequence[str], *, folder: Path | None = None, env: Mapping[str, str] | None = None, text: str = "",
        timeout: float = 600.0) -> str:  # fmt: skip
    """What the program writes to standard output. Raises `RuntimeError` with its last words when it fails."""
    done = subprocess.run(
        argv, cwd=folder, env=dict(env or environment()), input=text.encode(), capture_output=True, check=False,
        timeout=timeout,
    )  # fmt: skip
    if done.returncode:
        words = (done.stderr or done.stdout).decode(errors="replace")[-2000:]
        raise RuntimeError(f"{' '.join(argv)} ended with {done.returncode}: {words}")
    return done.stdout.decode(errors="replace")


def timed(argv: Sequence[str], *, folder: Path | None = None, env: Mapping[str, str] | None = None) -> float:
    """The seconds that the program took."""
    surroundings = dict(env or environment())
    began = time.perf_counter()
    done = subprocess.run(
        argv, cwd=folder, env=surroundings, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=600
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)} ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
    return seconds
