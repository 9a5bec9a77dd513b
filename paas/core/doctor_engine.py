"""What the engine's own configuration means for apps: findings for `doctor`. Decides only."""

from __future__ import annotations

from collections.abc import Iterator

from paas.core.doctor import Finding, Level


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
