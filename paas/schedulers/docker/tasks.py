"""One-off containers on Docker Engine: with input and terminals, and outside of any formation.

API: https://docs.docker.com/reference/api/engine/
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import docker.errors
import docker.types
import requests.exceptions

from paas.core.containers import container as labels
from paas.core.errors import CommandNotFound
from paas.core.runs import oneoff
from paas.core.runs.oneoff import Task, TaskSpec
from paas.schedulers.container_stream import ContainerStream
from paas.schedulers.docker.api import Docker, host_options
from paas.schedulers.docker.client import engine_call
from paas.schedulers.docker.exec_command import DockerExec

# Keys that detach a client from a terminal, which must never be pressed. For containers it is a byte that no UTF-8 text
# contains; for commands beside them it must be text, and eight times Ctrl-^ is never typed.
_NO_DETACH = b",".join([b"\xff"] * 8)
_NO_DETACH_TEXT = ",".join(["ctrl-^"] * 8)

_GONE = (404, 409)


def _stream(sock: Any, *, terminal: bool) -> ContainerStream:
    """Wrap the connection that the SDK returns, including data that it has read beyond the headers."""
    raw = getattr(sock, "_sock", sock)
    # The headers were read through a buffer, which may contain the first output.
    buffered = sock._response.raw._fp.fp if hasattr(sock, "_response") else None
    raw.settimeout(0)
    early = bytes(buffered.peek()) if buffered is not None else b""
    return ContainerStream(raw, terminal=terminal, early=early, owner=sock)


def _status(error: docker.errors.APIError) -> int:
    return error.response.status_code if error.response is not None else 0


class DockerTasks:
    """Tasks of one instance, as `paas.schedulers.tasks.Tasks` defines them."""

    def __init__(self, engine: Docker) -> None:
        self.instance = engine.instance
        self._engine = engine

    @property
    def _api(self) -> Any:
        return self._engine.client

    @engine_call("creating a container")
    def create(self, spec: TaskSpec) -> str:
        log = docker.types.LogConfig(type="json-file", config={"max-size": "10m", "max-file": "3"})
        host = self._api.create_host_config(
            init=True,
            restart_policy={"Name": "unless-stopped" if spec.lasting else "no"},
            cap_drop=["ALL"],
            cap_add=list(labels.CAPABILITIES),
            security_opt=["no-new-privileges"],
            pids_limit=spec.pids,
            oom_score_adj=labels.OOM_SANDBOX if spec.lasting else labels.OOM_APP,
            mem_limit=spec.memory or None,
            log_config=log if spec.logged else docker.types.LogConfig(type="none"),
            network_mode=spec.network,
            **host_options(spec.options),
        )
        if spec.terminal:
            # Versions before 23.0 ignore it: the first size is set a moment after the start.
            host["ConsoleSize"] = [spec.terminal[1], spec.terminal[0]]
        created = self._api.create_container(
            image=spec.image,
            command=spec.argv,
            name=spec.name,
            hostname=spec.hostname or None,
            environment=dict(spec.environment),
            labels={**spec.options.labels, **spec.labels},
            stop_signal=spec.options.stop_signal or None,
            stdin_open=spec.interactive,
            tty=spec.terminal is not None,
            host_config=host,
            stop_timeout=spec.stop_timeout,
        )
        return str(created["Id"])

    @engine_call("attaching to a container")
    def attach(self, container_id: str, *, terminal: bool) -> ContainerStream:
        wanted = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1, "detachKeys": _NO_DETACH}
        return _stream(self._api.attach_socket(container_id, params=wanted), terminal=terminal)

    @engine_call("starting a container")
    def start(self, container_id: str) -> None:
        try:
            self._api.start(container_id)
        except docker.errors.APIError as error:
            # 400: Docker created the container's environment, and found no program to execute.
            if _status(error) in (400, 404):
                raise CommandNotFound(
                    "the command could not be started",
                    why=str(error.explanation or error),
                    fix="Is it in the image, and executable? A line for the shell is one word: run APP 'ls | wc -l'",
                ) from error
            raise

    def resize(self, container_id: str, columns: int, rows: int) -> None:
        with contextlib.suppress(docker.errors.APIError, requests.exceptions.RequestException):
            self._api.resize(container_id, height=rows, width=columns)

    @engine_call("waiting for a container")
    def wait(self, container_id: str) -> int | None:
        try:
            # Without a timeout: the time limit of a run is enforced elsewhere.
            return int(self._api.wait(container_id, timeout=None)["StatusCode"])
        except docker.errors.NotFound:
            return None

    @engine_call("inspecting a container")
    def ended_at(self, container_id: str) -> float | None:
        try:
            state = self._api.inspect_container(container_id)["State"]
        except docker.errors.NotFound:
            return None
        return datetime.fromisoformat(state["FinishedAt"]).timestamp() if state["Status"] == "exited" else None

    @engine_call("inspecting a container")
    def out_of_memory(self, container_id: str) -> bool:
        try:
            return bool(self._api.inspect_container(container_id)["State"]["OOMKilled"])
        except docker.errors.NotFound:
            return False

    @engine_call("signalling a container")
    def hang_up(self, container_id: str) -> None:
        try:
            self._api.kill(container_id, "SIGHUP")
        except docker.errors.APIError as error:
            if _status(error) not in _GONE:
                raise

    def stop(self, container_id: str, grace: int) -> None:
        self._engine.stop(container_id, grace)

    def remove(self, container_id: str) -> None:
        self._engine.remove(container_id)

    @engine_call("listing containers")
    def all(self) -> list[Task]:
        wanted = [f"{labels.LABEL_INSTANCE}={self.instance}", labels.LABEL_ROLE]
        rows = self._api.containers(all=True, filters={"label": wanted})
        found = [
            oneoff.task(row["Id"], row["Names"][0].lstrip("/"), row["Labels"], row["State"])
            for row in rows
            if row["Names"]
        ]
        return [one for one in found if one]

    def save_log(self, container_id: str, path: Path) -> None:
        with path.open("wb") as file, self._engine.follow(container_id, None, follow=False) as lines:
            file.writelines(lines)

    def log(self, container_id: str, tail: int | None) -> list[bytes]:
        return self._engine.logs(container_id, tail)

    @contextmanager
    def follow(self, container_id: str, tail: int) -> Iterator[Iterator[bytes]]:
        with self._engine.follow(container_id, tail) as chunks:
            yield chunks

    @engine_call("running a command in a container")
    def exec(
        self, container_id: str, argv: Sequence[str], *, terminal: bool, environment: Mapping[str, str]
    ) -> DockerExec:
        made = self._api.exec_create(
            container_id, list(argv), stdin=True, tty=terminal, environment=dict(environment),
            detach_keys=_NO_DETACH_TEXT,
        )["Id"]  # fmt: skip
        stream = _stream(self._api.exec_start(made, tty=terminal, socket=True), terminal=terminal)
        return DockerExec(self._api, container_id, made, stream)

    def app_network(self, app_id: int) -> str:
        return labels.network_of(app_id, self.instance)

    @engine_call("creating a network")
    def sandbox_network(self) -> str:
        name = f"paas-{self.instance[:6]}-sandboxes"
        if not self._api.networks(names=[f"^{name}$"]):
            try:
                self._api.create_network(
                    name,
                    driver="bridge",
                    options={"com.docker.network.bridge.enable_icc": "false"},
                    labels={labels.LABEL_INSTANCE: self.instance},
                    check_duplicate=True,
                )
            except docker.errors.APIError as error:
                if _status(error) != 409:
                    raise
        return name
