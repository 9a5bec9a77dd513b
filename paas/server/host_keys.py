"""Fingerprints of the SSH server's host keys, to notice when they change."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

from paas.jobs.context import Context

_log = logging.getLogger(__name__)

KNOWN, NOW = "host-keys", "host-keys-now"


def noticed(ctx: Context, found: Mapping[str, str]) -> None:
    """Record the fingerprints by kind of key, and log an error if they are not those that clients know.

    Missing keys are created again, since the server needs some; administrators must notice that.
    """
    known = _read(ctx, KNOWN)
    ctx.store.instance.set(NOW, json.dumps(dict(found)))
    ctx.store.instance.set(KNOWN, json.dumps({**found, **known}))
    for kind, (before, now) in changed(ctx).items():
        _log.error(
            "THE SSH HOST KEY HAS CHANGED: %s was %s and is %s. Clients that know the server refuse to connect."
            " Restore %s from a backup; see 'doctor' for details",
            kind, before, now, ctx.paths.host_keys,
        )  # fmt: skip


def changed(ctx: Context) -> dict[str, tuple[str, str]]:
    """Return, by kind, the fingerprint that clients know and the current one, if they differ."""
    known, now = _read(ctx, KNOWN), _read(ctx, NOW)
    return {kind: (before, now[kind]) for kind, before in known.items() if now.get(kind, before) != before}


def accept(ctx: Context) -> dict[str, str]:
    """Record the server's current keys as those that clients know. Return their fingerprints."""
    now = _read(ctx, NOW)
    ctx.store.instance.set(KNOWN, json.dumps(now))
    return now


def _read(ctx: Context, key: str) -> dict[str, str]:
    return {str(kind): str(value) for kind, value in json.loads(ctx.store.instance.get(key) or "{}").items()}
