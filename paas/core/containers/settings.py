"""Settings of an app for its containers. A release stores them, as it stores the configuration.

They are stored as one JSON object. New fields need a default, so that older rows can still be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from paas.core.containers.options import DEPLOY, PHASES

PROPERTIES = (("logs", "max-size"), ("ps", "stop-timeout-seconds"))
"""Properties that a container is started with, by namespace and key."""


@dataclass(frozen=True)
class ContainerSettings:
    """``options``:

    Docker options by phase, as written. ``properties``: the app's own values of `PROPERTIES` as ``namespace key``; a
    property that is not set is left out, and its global value applies.
    """

    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)

    def differs(self, other: ContainerSettings) -> bool:
        """Return True if processes with the other settings would run in other containers."""
        return (self.options.get(DEPLOY), self.properties) != (other.options.get(DEPLOY), other.properties)

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield a name and a value for each setting, as `releases:diff` shows them."""
        for phase in PHASES:
            if options := self.options.get(phase):
                yield f"docker-options {phase}", " ".join(options)
        yield from self.properties.items()


def settings(options: Mapping[str, Sequence[object]], own: Mapping[tuple[str, str], str]) -> ContainerSettings:
    """Return the settings from the options by phase and the app's own properties."""
    return ContainerSettings(
        {phase: tuple(map(str, found)) for phase, found in options.items() if found},
        {" ".join(name): own[name] for name in PROPERTIES if name in own},
    )


def as_row(settings: ContainerSettings) -> dict[str, Any]:
    """Return the settings as JSON values; `stored` reads them."""
    return {"options": {phase: list(found) for phase, found in settings.options.items()},
            "properties": dict(settings.properties)}  # fmt: skip


def stored(row: Mapping[str, Any]) -> ContainerSettings:
    """Return the settings that `as_row` wrote."""
    options = {phase: tuple(found) for phase, found in row.get("options", {}).items()}
    return ContainerSettings(options, dict(row.get("properties", {})))
