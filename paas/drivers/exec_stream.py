"""The output of a command that runs beside a container's own.

Framing: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

OUTPUT_LIMIT = 4096
"""Bytes of output that are kept."""

_log = logging.getLogger(__name__)
_HEAD = 8
_POLL_SECONDS = 0.005


def run(stream: Any, inspect: Callable[[], Mapping[str, Any]], timeout: float) -> tuple[int | None, str]:
    """Waits until the command has ended, at most ``timeout`` seconds, then it is killed.

    Its exit status, None if it was killed, and the first `OUTPUT_LIMIT` bytes of what it wrote. The stream is closed.
    """
    deadline = time.monotonic() + timeout
    with contextlib.closing(stream):
        output = _read(getattr(stream, "_sock", stream), deadline)
    # Its output may end a moment before it does, or long before.
    while (found := inspect())["Running"]:
        if time.monotonic() >= deadline:
            _kill(int(found["Pid"]))
            return None, output
        time.sleep(_POLL_SECONDS)
    return int(found["ExitCode"]), output


def _read(raw: Any, deadline: float) -> str:
    output, data = bytearray(), bytearray()
    while (left := deadline - time.monotonic()) > 0:
        raw.settimeout(left)
        try:
            chunk = raw.recv(65536)
        except TimeoutError:
            break
        if not chunk:
            break
        data += chunk
        # Frames: stream type, three zeros, big-endian length, data.
        while len(data) >= _HEAD and len(data) >= _HEAD + (size := int.from_bytes(data[4:_HEAD], "big")):
            output += data[_HEAD : _HEAD + size][: OUTPUT_LIMIT - len(output)]
            del data[: _HEAD + size]
    return output.decode("utf-8", "replace")


def _kill(pid: int) -> None:
    # The engine has no call to end a command that runs beside a container's own.
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    except PermissionError:
        _log.warning("a health check's command (pid %d) goes on after its time: it may not be killed", pid)
