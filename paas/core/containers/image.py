"""Images, as far as the platform needs to know them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from paas.core.health.checks import Check, of_image

COMMAND_LABEL = "paas.command."
"""Prefix of labels with the command of a process type, followed by its name."""


@dataclass(frozen=True)
class Image:
    """Image on Docker Engine.

    ``exposed`` are its TCP ports in order. ``has_command`` is true if it can run without a given command.
    ``healthcheck`` is its HEALTHCHECK; ``commands`` are those of process types in its labels. ``triggers`` are its
    ONBUILD instructions; ``entrypoint`` is its ENTRYPOINT, to which commands are passed as arguments.
    """

    id: str
    exposed: tuple[int, ...] = ()
    has_command: bool = True
    architecture: str = ""
    size: int = 0
    healthcheck: Check | None = None
    commands: Mapping[str, str] = field(default_factory=dict)
    triggers: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()


def from_inspect(data: Mapping[str, Any]) -> Image:
    """Convert Docker's inspection."""
    config = data["Config"] or {}
    exposed = [port.partition("/")[0] for port in config.get("ExposedPorts") or {} if not port.endswith("/udp")]
    return Image(
        id=data["Id"],
        exposed=tuple(sorted(map(int, exposed))),
        has_command=bool(config.get("Cmd") or config.get("Entrypoint")),
        architecture=data["Architecture"],
        size=data["Size"],
        healthcheck=of_image(config.get("Healthcheck"), config.get("Shell")),
        commands=_commands(config.get("Labels") or {}),
        triggers=tuple(config.get("OnBuild") or ()),
        entrypoint=tuple(config.get("Entrypoint") or ()),
    )


def _commands(labels: Mapping[str, str]) -> dict[str, str]:
    found = {key.removeprefix(COMMAND_LABEL): text for key, text in labels.items() if key.startswith(COMMAND_LABEL)}
    return {kind: found[kind] for kind in sorted(found) if found[kind].strip()}


@dataclass(frozen=True)
class StoredImage:
    """Image that this instance built and Docker stores.

    ``app_id`` is the app that it was built for; ``releases`` are the (app id, version) of its names; ``other_names``
    are all other names. ``size`` is in bytes, without layers shared with other images.
    """

    id: str
    app_id: int | None
    releases: tuple[tuple[int, int], ...] = ()
    other_names: tuple[str, ...] = ()
    size: int = 0


@dataclass(frozen=True)
class BuildCache:
    """Build cache of Docker Engine, shared by all its users: the total and the unused part, in bytes."""

    total: int
    unused: int
