"""The order of the packages: one may import from those before it, never from those after it."""

from __future__ import annotations

ORDER = (
    "core",
    "system",
    "store",
    # The seams: what the rest knows of schedulers, proxies and builders.
    *("schedulers.container_stream", "schedulers.tasks", "schedulers.base", "schedulers.each", "schedulers.engine"),
    *("schedulers.registry", "proxies.base", "builders.base"),
    "jobs",
    "commands",
    # Who may change an app now, and how a change is carried out; the rest of `apps` deploys and comes later.
    *("apps.locks", "apps.changes", "apps.properties"),
    "schedulers",
    "git",
    "access",
    "edge",
    "builders",
    # What a build may use of this machine; the rest of `server` uses everything and comes last.
    *("server.cleanup", "server.resources"),
    "health",
    "releases",
    "certs",
    "apps",
    "sources",
    "runs",
    "sandboxes",
    "cron",
    "logs",
    "proxies",
    "server",
    "dispatch",
    "control",
    "ssh",
    "web",
    "daemon",
    "cli",
    "__main__",
)
"""Names below `paas`. The longest that fits a module counts."""

COMMON = ORDER[: ORDER.index("commands") + 1]
"""Common ground, which every subject stands on."""


def rank(module: str) -> int:
    """Return the position of a module in `ORDER`. Raise `LookupError` for one that belongs nowhere."""
    name = module.removeprefix("paas.")
    fits = [(len(entry), place) for place, entry in enumerate(ORDER) if name == entry or name.startswith(entry + ".")]
    if not fits:
        raise LookupError(f"{module} belongs to no package of the order: add it to ORDER in tests/meta/order.py")
    return max(fits)[1]
