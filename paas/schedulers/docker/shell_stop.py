"""Stop a container whose first process is a shell that waits for programs.

Such a shell does not forward signals. It dies of SIGTERM at once, the container's init ends with it, and the kernel
kills the programs. So before Docker is told to stop the container, a script inside it sends the signal to the programs,
and suspends the shell until they have ended: Docker's own signal waits until then.

The script runs inside, because the server may not be allowed to send signals to its processes. It needs a shell, which
is there.
"""

from __future__ import annotations

import logging
import re
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import docker.errors
import requests.exceptions

from paas.schedulers.docker import exec_stream

_log = logging.getLogger(__name__)

PROC = Path("/proc")
SECONDS = 60.0
"""How long Docker may take to run the script.

The script itself is fast, but a busy Docker is not, and an interrupted script leaves suspended shells.
"""
ATTEMPTS = 3
"""How often to try to start the script in a running container. A busy Docker may fail to start it."""
_RUNNER = re.compile(r"node\0/\S*/(bin/(yarn|pnpm)|yarn\.c?js)")
SHELLS = frozenset({"sh", "bash", "dash", "ash", "busybox", "ksh", "zsh"})

# Only features of every POSIX shell, for dash, bash and busybox. Programs are the leaves below the shells: a shell that
# catches or ignores the signal counts as one, since it handles signals itself. A program that reads from a pipe and
# does not catch the signal (cat, tee, grep) ends with its input, and is left alone until then, since the output of its
# neighbor must go somewhere. A program ends its own children itself; but npm, yarn and pnpm forward signals only to the
# shell of a script, so their children are treated like those of a shell.
SCRIPT = r"""
number=$1 bit=$(( 1 << ($1 - 1) )) targets= readers= held=

has() { while [ ${#1} -gt 8 ]; do set -- "${1#?}"; done; [ $(( 0x${1:-0} & bit )) -ne 0 ]; }

nap() { sleep 0.05 2>/dev/null || sleep 1; }

look() {
    name= state= caught=0 ignored=0 pending=0
    while read -r key value rest; do
        case $key in
            Name:) name=$value ;;
            State:) state=$value ;;
            ShdPnd:) pending=$value ;;
            SigIgn:) ignored=$value ;;
            SigCgt:) caught=$value ;;
        esac
    done 2>/dev/null </proc/$1/status
    case $state in Z*|X*|'') return 1 ;; esac
}

shell() {
    has "$caught" || has "$ignored" && return 1
    case $name in sh|bash|dash|ash|busybox|ksh|zsh) return 0 ;; esac
    line=
    read -r line 2>/dev/null </proc/$1/cmdline
    case $line in
        /bin/sh[-/.]*|/bin/bash[-/.]*|/bin/dash[-/.]*|/bin/ash[-/.]*|/usr/bin/sh[-/.]*|/usr/bin/bash[-/.]*) return 0 ;;
    esac
    return 1
}

runner() {
    case $name in npm) return 0 ;; node|MainThread) ;; *) return 1 ;; esac
    line=
    read -r line 2>/dev/null </proc/$1/cmdline
    case $line in *node/*/bin/yarn*|*node/*/yarn.?js*|*node/*/yarn.js*|*node/*/bin/pnpm*) return 0 ;; esac
    return 1
}

children() { kids=; read -r kids 2>/dev/null </proc/$1/task/$1/children; [ -n "$kids" ]; }

piped() { [ -p /proc/$1/fd/0 ] && ! [ /proc/$1/fd/0 -ef /proc/$top/fd/0 ]; }

walk() {
    look $1 || return 0
    if { shell $1 || runner $1; } && children $1; then
        kill -STOP $1
        # It stops when it is scheduled next. Until then a signal with a lower number, like SIGTERM, comes first.
        while look $1; do
            case $state in T*) break ;; esac
            nap || break
        done
        held="$1 $held"
        children $1
        for kid in $kids; do walk $kid; done
        return 0
    fi
    if has "$caught" || ! piped $1; then targets="$targets $1"; else readers="$readers $1"; fi
}

left() { for pid in "$@"; do look $pid && return 0; done; return 1; }

kids=; read -r kids </proc/1/task/1/children
top=${kids%% *}
look $top && { shell $top || runner $top; } && children $top || exit 0
walk $top
for pid in $targets; do kill -$number $pid; done
(
    while left $targets; do nap || break; done
    # What is held has an end of its neighbor's pipe, too. The first of all has none, and goes last.
    inner=
    for pid in $held; do [ $pid = $top ] || inner="$inner $pid"; done
    for pid in $inner; do
        kill -$number $pid
        kill -CONT $pid
    done
    while left $readers $inner; do nap || break; done
    tries=0
    while look $top && ! has "$pending" && [ $tries -lt 100 ]; do tries=$((tries + 1)); nap || break; done
    kill -CONT $top
) </dev/null >/dev/null 2>&1 &
"""


def tell(api: Any, container_id: str) -> None:
    """Send the container's stop signal to the programs below its shell, if its first process is one.

    Call it right before Docker stops the container. Errors are logged, and leave the rest to Docker.
    """
    try:
        for _ in range(ATTEMPTS):
            found = api.inspect_container(container_id)
            number = stop_signal(found["Config"])
            if number is None or not found["State"]["Running"] or not waits(int(found["State"]["Pid"])):
                return
            argv = ["/bin/sh", "-c", SCRIPT, "sh", str(number)]
            status, output = exec_stream.run(api, container_id, argv, SECONDS)
            if status != exec_stream.IMPOSSIBLE:
                break
    except docker.errors.NotFound:
        return
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        _log.warning("the programs of container %.12s are not told that it stops: %s", container_id, error)
        return
    if status != 0:
        _log.warning("the programs of container %.12s are not told that it stops: %s", container_id, output.strip())


def stop_signal(config: Mapping[str, Any]) -> int | None:
    """Return the number of the container's stop signal; None for one beyond the usual 31."""
    text = str(config.get("StopSignal") or "TERM").upper()
    if text.isdecimal():
        return int(text) if 0 < int(text) < 32 else None
    try:
        return int(signal.Signals[f"SIG{text.removeprefix('SIG')}"])
    except KeyError:
        return None


def waits(pid: int, proc: Path = PROC) -> bool:
    """Return True if the only child of the container's init is a shell, or a script runner, with a child.

    ``pid`` is that of the init.
    """
    first, *_ = _children(proc, pid) or [0]
    if not first or not _children(proc, first):
        return False
    try:
        name = (proc / str(first) / "comm").read_text(encoding="utf-8", errors="replace").strip()
        words = (proc / str(first) / "cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:
        return False
    program = words.partition("\0")[0]
    return name in SHELLS or Path(program).name in SHELLS or name.startswith("npm") or bool(_RUNNER.search(words))


def _children(proc: Path, pid: int) -> list[int]:
    try:
        return [int(word) for word in (proc / str(pid) / "task" / str(pid) / "children").read_text("ascii").split()]
    except OSError:
        return []
