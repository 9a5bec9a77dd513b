"""What containers do, and what the engine's own configuration means for apps: findings for `doctor`. Decides only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from paas.core.doctor import Finding, Level


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
