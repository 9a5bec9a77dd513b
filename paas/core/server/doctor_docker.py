"""What containers do, and what the engine's own configuration means for apps: findings for `doctor`. Decides only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from paas.core.server.doctor import Finding, Level
from paas.core.sizes import size as sizes_text

MUCH = 1 << 30
"""So many bytes of one container are worth a word."""


def stalled(app: str, found: Mapping[str, str]) -> Iterator[Finding]:
    """Containers of the app that take up no connections, with why they are told to."""
    for label, why in found.items():
        yield Finding(
            Level.PROBLEM,
            "drift",
            f"{app} {label}: {why}",
            "Requests to it end with 504.",
            f"'ps:restart {app}' starts it anew. With a liveness check in app.json the server does so by itself.",
            "not-accepting",
        )


def written(sizes: Mapping[str, int]) -> Iterator[Finding]:
    """Containers that have written much into their own file systems, which nothing limits; the largest first."""
    for name, size in sorted(sizes.items(), key=lambda row: (-row[1], row[0])):
        if size >= MUCH:
            yield Finding(
                Level.ADVICE,
                "room",
                f"the container {name} has written {sizes_text(size)} into its own file system",
                "It shares the disk with everything else, and the engine limits none.",
                "Have the app log to its output, and keep files in a database or storage service. The next deploy or "
                "'ps:restart' begins with an empty one.",
                "container-disk",
            )


def restarts(*, live_restore: bool) -> Iterator[Finding]:
    """What a restart of the engine means for apps."""
    if not live_restore:
        yield Finding(
            Level.ADVICE,
            "engine",
            "a restart of Docker, as by its upgrades, stops all apps for some seconds",
            "The engine runs without live-restore, its default.",
            'Set "live-restore": true in /etc/docker/daemon.json, and run: systemctl reload docker. Not in a swarm, '
            "which does not allow it.",
            "engine-restart",
        )
