"""Limits for builds if the server itself may not set them: a helper that runs as root, and its client.

The server keeps a connection to the helper's Unix socket during the build. It sends one line of JSON, ``group``,
``mark``, ``weight`` and ``memory`` as for `Host.limited`, and gets one line back: empty, or the reason why that is not
possible. systemd opens the socket, for root and the server's group, and starts the helper when it is needed
(systemd.socket(5)).
"""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from paas.system.build_limits.cgroups import PROC, ROOT, BuildGroup

_log = logging.getLogger(__name__)

SOCKET = Path("/run/paas-builds.sock")
FIRST_DESCRIPTOR = 3
"""Descriptor of the socket from systemd: sd_listen_fds(3)."""
IDLE_SECONDS = 60.0
ANSWER_SECONDS = 10.0
LONGEST = 4096

_GROUP = re.compile(r"paas-[0-9a-f]{12}")
_MARK = re.compile(r"build-[0-9a-f]{32}\.[0-9a-f]{12}\.paas\.invalid")


@contextmanager
def limited(group: str, mark: str, weight: int, memory: int, path: Path = SOCKET) -> Iterator[str]:
    """Do what `Host.limited` does, with the helper behind the socket."""
    with ExitStack() as stack:
        try:
            helper = stack.enter_context(socket.socket(socket.AF_UNIX))
            helper.settimeout(ANSWER_SECONDS)
            helper.connect(str(path))
            asked = {"group": group, "mark": mark, "weight": weight, "memory": memory}
            helper.sendall(json.dumps(asked).encode() + b"\n")
            trouble = _line(helper)
        except OSError as error:
            trouble = f"{path}: {error.strerror or error}"
        yield trouble


def serve(client: socket.socket, root: Path = ROOT, proc: Path = PROC) -> None:
    """Answer one server, and limit its build until it closes the connection."""
    with client:
        pid, _, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        try:
            asked = _checked(json.loads(_line(client)))
        except (ValueError, KeyError, TypeError) as error:
            client.sendall(f"the request makes no sense: {error}\n".encode())
            return
        # The server, its nginx and the docker command are in one group, and the docker command has the mark.
        group = BuildGroup(asked["group"], root, proc, spared=("self", str(pid)))
        trouble = group.prepare(asked["weight"], asked["memory"])
        client.sendall(trouble.encode() + b"\n")
        if not trouble:
            with group.gather(asked["mark"]):
                client.recv(1)


def _checked(asked: dict[str, Any]) -> dict[str, Any]:
    if not _GROUP.fullmatch(asked["group"]) or not _MARK.fullmatch(asked["mark"]):
        raise ValueError("that is no group or mark of an instance")
    if not (1 <= int(asked["weight"]) <= 10_000 and 0 <= int(asked["memory"]) < 1 << 60):
        raise ValueError("that is no limit")
    return asked


def _line(peer: socket.socket) -> str:
    data = b""
    while not data.endswith(b"\n") and len(data) < LONGEST and (more := peer.recv(LONGEST)):
        data += more
    return data.decode().rstrip("\n")


def main() -> int:
    """Serve the socket from systemd. Exit after a while without requests."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        _log.error("systemd starts this, by paas-builds.socket")
        return 2
    with socket.socket(fileno=FIRST_DESCRIPTOR) as listener:
        listener.settimeout(IDLE_SECONDS)
        while True:
            try:
                client, _ = listener.accept()
            except TimeoutError:
                if threading.active_count() == 1:
                    return 0
                continue
            client.settimeout(None)
            threading.Thread(target=_serve, args=(client,), daemon=True).start()


def _serve(client: socket.socket) -> None:
    try:
        serve(client)
    except OSError as error:
        _log.warning("a build is not limited any more: %s", error)


if __name__ == "__main__":
    sys.exit(main())
