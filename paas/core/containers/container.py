"""Specification of a container. All of it is fixed at launch: a change means a new container."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from paas.core.containers.options import ContainerOptions
from paas.core.model import App, Container, Ending, Release
from paas.core.releases.rollout import Candidate

LABEL_INSTANCE = "paas.instance"
LABEL_APP = "paas.app"
LABEL_APP_ID = "paas.app-id"
LABEL_PROCESS = "paas.process"
LABEL_INDEX = "paas.index"
LABEL_SLOT = "paas.slot"
LABEL_RELEASE = "paas.release"
LABEL_ROLE = "paas.role"
LABEL_RUN = "paas.run"
LABEL_SANDBOX = "paas.sandbox"

_FINDING = (
    LABEL_APP, LABEL_APP_ID, LABEL_PROCESS, LABEL_INDEX, LABEL_SLOT, LABEL_RELEASE, LABEL_ROLE, LABEL_RUN, LABEL_SANDBOX
)  # fmt: skip

CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID")
"""Capabilities of programs that start as root and drop privileges.

Missing from Docker's default set are those that reach beyond the container's own files and processes: raw sockets,
device nodes, chroot, audit, file capabilities.
"""

OOM_APP, OOM_SANDBOX = 300, 500
"""OOM scores.

When the machine is out of memory, the kernel kills processes with more memory and a higher score first: sandboxes
before apps, apps before the server, nginx and Docker. Memory limits of containers are independent of this.
"""

SLOTS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class ContainerSpec:
    """Specification of one container. ``argv`` None: the image's own command. ``host_port`` None: nothing is published.

    ``log_max_size`` is the size in bytes at which Docker starts a new log file, 0 for never.
    """

    name: str
    image: str
    argv: list[str] | None
    environment: Mapping[str, str]
    labels: Mapping[str, str]
    network: str
    aliases: tuple[str, ...]
    container_port: int | None
    host_port: int | None
    protocol: str
    stop_timeout: int
    memory_limit: int
    pids_limit: int
    options: ContainerOptions = field(default_factory=ContainerOptions)
    log_max_size: int = 10 << 20


def name_of(app: App, candidate: Candidate, instance: str) -> str:
    """Return ``hello.web.1.a-4f2c91-12``, which is unique across the instances on one Docker Engine.

    The number is the app's id: another app may have had its name before, and still have containers.
    """
    replica = candidate.replica
    slot = SLOTS[replica.slot] if replica.slot < len(SLOTS) else str(replica.slot)
    return f"{app.name}.{replica.label}.{slot}-{instance[:6]}-{app.id}"


def network_of(app_id: int, instance: str) -> str:
    """Return the name of the app's network."""
    return f"paas-{instance[:6]}-{app_id}"


def complete(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels, with empty values for those that identify other kinds of containers.

    A container inherits labels from its image, so an image could pretend to be a process of an app.
    """
    return dict.fromkeys(_FINDING, "") | dict(labels)


def labels_of(app: App, candidate: Candidate, release: Release, instance: str) -> dict[str, str]:
    """Return the labels that identify the container."""
    replica = candidate.replica
    own = {
        LABEL_INSTANCE: instance,
        LABEL_APP: app.name,
        LABEL_APP_ID: str(app.id),
        LABEL_PROCESS: replica.process_type,
        LABEL_INDEX: str(replica.index),
        LABEL_SLOT: str(replica.slot),
        LABEL_RELEASE: str(release.version),
        "com.dokku.app-name": app.name,
        "com.dokku.process-type": replica.process_type,
        "com.dokku.dyno": replica.label,
    }
    return complete(own)


def started_at(found: Container) -> float:
    """Return the start time of its process in seconds since 1970; 0 if unknown."""
    return datetime.fromisoformat(found.started_at).timestamp() if found.started_at else 0.0


def from_labels(container_id: str, name: str, labels: Mapping[str, str], status: str, image: str) -> Container | None:
    """Return the container with those labels; None if it is not an app's process."""
    if labels.get(LABEL_ROLE):
        return None
    try:
        return Container(
            id=container_id,
            name=name,
            app_id=int(labels[LABEL_APP_ID]),
            process_type=labels[LABEL_PROCESS],
            index=int(labels[LABEL_INDEX]),
            slot=int(labels[LABEL_SLOT]),
            release=int(labels[LABEL_RELEASE]),
            status=status,
            image=image,
        )
    except (KeyError, ValueError):
        return None


def from_inspect(data: Mapping[str, Any]) -> Container | None:
    """Convert Docker's inspection; None if the container is not an app's process."""
    state = data["State"]
    health = state.get("Health") or {}
    networks = data["NetworkSettings"]["Networks"] or {}
    found = from_labels(
        data["Id"], data["Name"].lstrip("/"), data["Config"]["Labels"] or {}, state["Status"], data["Image"]
    )
    return found and replace(
        found,
        pid=state["Pid"],
        exit_code=state["ExitCode"],
        oom_killed=state["OOMKilled"],
        restarts=data["RestartCount"],
        started_at=state["StartedAt"],
        error=state["Error"],
        address=next((row["IPAddress"] for row in networks.values()), ""),
        health=health.get("Status", "none").replace("none", ""),
        health_output=(health.get("Log") or [{"Output": ""}])[-1]["Output"],
    )


def endings(events: Iterable[Mapping[str, Any]]) -> Iterator[Ending]:
    """Yield the ends in Docker's events (die, destroy, oom) of this instance's containers."""
    starved: set[str] = set()
    for event in events:
        container_id, attributes = event["Actor"]["ID"], event["Actor"]["Attributes"]
        if event["Action"] == "oom":
            # Docker reports it before the end that it leads to.
            starved.add(container_id)
            continue
        found = from_labels(container_id, attributes.get("name", ""), attributes, "", "")
        if found is None:
            continue
        yield Ending(
            app_id=found.app_id,
            container_id=container_id,
            label=found.label,
            release=found.release,
            exit_code=int(attributes.get("exitCode") or 0),
            out_of_memory=container_id in starved,
            removed=event["Action"] == "destroy",
        )
        starved.discard(container_id)
