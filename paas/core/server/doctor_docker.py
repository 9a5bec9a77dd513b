"""Findings about containers and the configuration of Docker Engine, for `doctor`. Decides only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from paas.core.server.doctor import Finding, Level
from paas.core.sizes import size as sizes_text

MUCH = 1 << 30
"""Bytes of one container that are reported."""


def stalled(app: str, found: Mapping[str, str]) -> Iterator[Finding]:
    """Yield containers of the app that accept no connections, with the reasons."""
    for label, why in found.items():
        yield Finding(
            Level.PROBLEM,
            "drift",
            f"{app} {label}: {why}",
            "Requests to it end with 504.",
            f"'ps:restart {app}' replaces it. With a liveness check in app.json the server restarts it automatically.",
            "not-accepting",
        )


def written(sizes: Mapping[str, int]) -> Iterator[Finding]:
    """Yield containers that wrote much into their own file systems, which has no limit; the largest first."""
    for name, size in sorted(sizes.items(), key=lambda row: (-row[1], row[0])):
        if size >= MUCH:
            yield Finding(
                Level.ADVICE,
                "room",
                f"the container {name} has written {sizes_text(size)} into its own file system",
                "It shares the disk with everything else, and Docker does not limit it.",
                "Have the app log to its output, and keep files in a database or storage service. The next deploy or "
                "'ps:restart' starts with an empty one.",
                "container-disk",
            )


def restarts(*, live_restore: bool) -> Iterator[Finding]:
    """Yield the effect of a restart of Docker Engine on apps."""
    if not live_restore:
        yield Finding(
            Level.ADVICE,
            "engine",
            "a restart of Docker, as by its upgrades, stops all apps for some seconds",
            "Docker runs without live-restore, its default.",
            'Set "live-restore": true in /etc/docker/daemon.json, and run: systemctl reload docker. Not in a swarm, '
            "which does not allow it.",
            "engine-restart",
        )
