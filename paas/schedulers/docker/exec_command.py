"""A command that runs beside a container's own, and how to end it."""

from __future__ import annotations

import logging
import signal
import threading
from typing import Any

import docker.errors
import requests.exceptions

from paas.core.errors import CommandNotFound, DockerError
from paas.core.runs import oneoff
from paas.schedulers.container_stream import ContainerStream
from paas.schedulers.docker import exec_signals
from paas.schedulers.docker.client import engine_call

_log = logging.getLogger(__name__)
_RECHECK_SECONDS = 0.005
_FIRST_LOOKS = 200
_LAST_LOOKS = 1000


class DockerExec:
    """Command that runs beside a container's own: a `paas.schedulers.tasks.Exec`."""

    def __init__(self, api: Any, container_id: str, exec_id: str, stream: ContainerStream) -> None:
        self._api = api
        self._container = container_id
        self._id = exec_id
        self.stream = stream

    def resize(self, columns: int, rows: int) -> None:
        # Docker may not have a terminal for a command that was just started, and refuses.
        never = threading.Event()
        for _ in range(_FIRST_LOOKS):
            try:
                self._api.exec_resize(self._id, height=rows, width=columns)
                return
            except (docker.errors.APIError, requests.exceptions.RequestException):
                if self._ended():
                    return
                never.wait(_RECHECK_SECONDS)
        _log.warning("the terminal of a command in container %.12s did not get its size", self._container)

    def _ended(self) -> bool:
        try:
            found = self._api.exec_inspect(self._id)
        except (docker.errors.APIError, requests.exceptions.RequestException):
            return True
        return not found["Running"] and found["ExitCode"] is not None

    @engine_call("waiting for a command in a container")
    def wait(self) -> int:
        # Its output ends a moment before Docker has its status.
        never = threading.Event()
        for _ in range(_LAST_LOOKS):
            found = self._api.exec_inspect(self._id)
            if not found["Running"]:
                if found["ExitCode"] in (126, oneoff.NOT_FOUND) and not found["Pid"]:
                    raise CommandNotFound(
                        "the command could not be started", fix="Is it in the image, and executable?"
                    )
                return int(found["ExitCode"])
            never.wait(_RECHECK_SECONDS)
        raise DockerError("the command closed its output and goes on", code="still-running")

    @engine_call("ending a command in a container")
    def hang_up(self) -> None:
        never = threading.Event()
        for number in (signal.SIGHUP, signal.SIGKILL):
            inside = False
            for _ in range(_LAST_LOOKS):
                found = self._api.exec_inspect(self._id)
                if not found["Running"] or not found["Pid"]:
                    return
                if not inside and not exec_signals.send(int(found["Pid"]), number):
                    # Once: it is itself a command.
                    inside = True
                    exec_signals.send_inside(self._api, self._container, int(found["Pid"]), number)
                never.wait(_RECHECK_SECONDS)
        _log.warning("a command in container %.12s goes on without its client: it could not be ended", self._container)
