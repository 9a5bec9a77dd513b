"""The public keys that may log in."""

from __future__ import annotations

import logging

from paas.access import authorized_keys, public_keys
from paas.core.access.caller import Access, Caller
from paas.core.access.revocation import Revocation
from paas.core.model import Key
from paas.jobs.context import Context
from paas.jobs.locks import Announcements
from paas.store.values import Keys

_log = logging.getLogger(__name__)

WATCH_SECONDS = 2.0


def add(ctx: Context, name: str, text: str, role: str) -> Key:
    """Adds the key in the text, one line as in a ``.pub`` file."""
    public = public_keys.parse(text)
    key = Key(name, public.fingerprint, public.kind, public.blob, public.comment, role, ctx.clock.now())
    ctx.store.table(Keys).add(key)
    write_authorized_keys(ctx)
    return key


def remove(ctx: Context, *, name: str = "", fingerprint: str = "") -> Key:
    """Removes the key. Its open connections are closed; changes that it began go on, as jobs do."""
    key = ctx.store.table(Keys).remove(name=name, fingerprint=fingerprint)
    write_authorized_keys(ctx)
    ctx.part(Announcements).tell(Revocation(fingerprint=key.fingerprint, spared=ctx.gone))
    return key


def write_authorized_keys(ctx: Context) -> None:
    """Writes the file by which the host's OpenSSH lets the same keys in on port 22."""
    # In one turn: of two that are at it at once, the one that read the older list must not write last.
    with ctx.store.transaction():
        authorized_keys.write(ctx.paths.authorized_keys, ctx.store.table(Keys).all())


def caller(ctx: Context, fingerprint: str) -> Caller | None:
    """Who has the key with that fingerprint, or None."""
    key = ctx.store.table(Keys).by_fingerprint(fingerprint)
    return Caller(key.name, Access[key.role.upper()], "ssh", fingerprint=fingerprint) if key else None


def keep_authorized_keys(ctx: Context) -> None:
    """Write the file again if somebody has removed it."""
    if not ctx.paths.authorized_keys.exists():
        _log.warning("%s was removed: it is written again", ctx.paths.authorized_keys)
        ctx.paths.mend()
        write_authorized_keys(ctx)
