"""What the platform needs to know of an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from paas.core.health.checks import Check, of_image

COMMAND_LABEL = "paas.command."
"""Before the name of a process type: the label whose value is its command."""


@dataclass(frozen=True)
class Image:
    """``exposed`` are its TCP ports in order; ``has_command`` says whether it can run without one being given;
    ``healthcheck`` is its HEALTHCHECK, ``commands`` those of process types that its labels give. ``triggers`` are
    the instructions that a build which starts from it carries out (ONBUILD); ``entrypoint`` is its ENTRYPOINT, to which
    commands are added as arguments."""

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
    """The image as the engine's inspection tells it."""
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
    """An image that this instance built and the engine has.

    ``app_id`` is the app that it was built for; ``releases`` the (app id, version) of its names; ``other_names`` are
    those that somebody else gave it. ``size`` in bytes, that of layers which other images share not included.
    """

    id: str
    app_id: int | None
    releases: tuple[tuple[int, int], ...] = ()
    other_names: tuple[str, ...] = ()
    size: int = 0


@dataclass(frozen=True)
class BuildCache:
    """The engine's build cache, of all who build on it: all of it, and what is not in use, in bytes."""

    total: int
    unused: int
