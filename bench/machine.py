"""What was measured on: the machine, its load, and the versions of everything that takes part."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import time
from pathlib import Path

from bench.programs import environment
from paas.builders import buildkit
from paas.schedulers.docker.api import Docker

ROOT = Path(__file__).resolve().parent.parent


def facts() -> dict[str, str]:
    """As it is before the first measurement."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "commit": _first_line(["git", "-C", str(ROOT), "describe", "--always", "--dirty"]),
        "processor": f"{os.cpu_count()} × {_processor()}",
        "memory": f"{_memory() / 1e9:.0f} GB",
        "kernel": platform.release(),
        "system": _system(),
        "Python": platform.python_version(),
        "Docker Engine": Docker("bench").version(),
        "docker command": _first_line([buildkit.cli()[0], "--version"]),
        "nginx": _first_line(["nginx", "-v"]),
        "OpenSSH": _first_line(["ssh", "-V"]),
        "git": _first_line(["git", "--version"]),
        "load before": _load(),
    }


def ended() -> dict[str, str]:
    """As it is after the last one."""
    return {"load after": _load(), "ended": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())}


def _load() -> str:
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


def _processor() -> str:
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _system() -> str:
    release = platform.freedesktop_os_release()
    return release.get("PRETTY_NAME", release.get("NAME", ""))


def _first_line(argv: list[str]) -> str:
    program = shutil.which(argv[0], path=environment()["PATH"])
    if program is None:
        return "–"
    done = subprocess.run([program, *argv[1:]], capture_output=True, check=False, env=environment(), timeout=30)
    words = (done.stdout or done.stderr).decode(errors="replace").strip().splitlines()
    return words[0].removeprefix("nginx version: ") if words else ""
