"""The output of a command that runs beside a container's own."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import docker.errors

from paas.schedulers.container_stream import unframe
from paas.schedulers.docker import exec_signals

IMPOSSIBLE = 126
"""Exit status of a command that could not be run."""
OUTPUT_LIMIT = 4096
"""Bytes of output that are kept."""

_POLL_SECONDS = 0.005
START_SECONDS = 10.0
"""How long after its timeout a command may start, and be killed then."""


def run(api: Any, container_id: str, argv: Sequence[str], timeout: float) -> tuple[int | None, str]:
    """Run the command in the container: see `outcome`. Return `IMPOSSIBLE` if the container does not run."""
    try:
        made = api.exec_create(container_id, list(argv))["Id"]
        stream = api.exec_start(made, socket=True)
    except docker.errors.APIError as error:
        # 409: it does not run.
        if error.response is None or error.response.status_code not in (404, 409):
            raise
        return IMPOSSIBLE, str(error.explanation or error)

    def kill(pid: int) -> None:
        if not exec_signals.send(pid, signal.SIGKILL):
            exec_signals.send_inside(api, container_id, pid, signal.SIGKILL)

    return outcome(stream, lambda: api.exec_inspect(made), timeout, kill)


def outcome(
    stream: Any, inspect: Callable[[], Mapping[str, Any]], timeout: float, kill: Callable[[int], None]
) -> tuple[int | None, str]:
    """Wait until the command has ended, at most ``timeout`` seconds; then call ``kill`` with its process id.

    Return its exit status, None if it was killed, and the first `OUTPUT_LIMIT` bytes of its output. Close the stream.
    """
    deadline = time.monotonic() + timeout
    with contextlib.closing(stream):
        output = _read(getattr(stream, "_sock", stream), deadline)
    # Its output may end a moment before it does, or long before.
    while (found := inspect())["Running"]:
        late = time.monotonic() - deadline
        # Docker reports it as running too early, with 0 as its pid: killing that would kill this server's own group.
        if late >= 0 and (pid := int(found["Pid"])) > 0:
            kill(pid)
            return None, output
        if late >= START_SECONDS:
            return None, output
        time.sleep(_POLL_SECONDS)
    return int(found["ExitCode"]), output


def _read(raw: Any, deadline: float) -> str:
    output = bytearray()
    for _, part in unframe(_chunks(raw, deadline)):
        output += part[: OUTPUT_LIMIT - len(output)]
    return output.decode("utf-8", "replace")


def _chunks(raw: Any, deadline: float) -> Iterator[bytes]:
    while (left := deadline - time.monotonic()) > 0:
        raw.settimeout(left)
        try:
            chunk = raw.recv(65536)
        except TimeoutError:
            return
        if not chunk:
            return
        yield chunk
