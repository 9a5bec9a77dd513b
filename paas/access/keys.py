"""SSH keys that may log in."""

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
    """Add the public key in ``text``, one line as in a ``.pub`` file."""
    public = public_keys.parse(text)
    key = Key(name, public.fingerprint, public.kind, public.blob, public.comment, role, ctx.clock.now())
    ctx.store.table(Keys).add(key)
    write_authorized_keys(ctx)
    return key


def remove(ctx: Context, *, name: str = "", fingerprint: str = "") -> Key:
    """Remove the key and close its open connections. Deployments that it started continue."""
    key = ctx.store.table(Keys).remove(name=name, fingerprint=fingerprint)
    write_authorized_keys(ctx)
    ctx.part(Announcements).tell(Revocation(fingerprint=key.fingerprint, spared=ctx.gone))
    return key


def write_authorized_keys(ctx: Context) -> None:
    """Write the file with which the host's OpenSSH admits the same keys on port 22."""
    # In a transaction, so that of two concurrent writers the one with the older list does not write last.
    with ctx.store.transaction():
        authorized_keys.write(ctx.paths.authorized_keys, ctx.store.table(Keys).all())


def caller(ctx: Context, fingerprint: str) -> Caller | None:
    """Return the owner of the key with that fingerprint, or None."""
    key = ctx.store.table(Keys).by_fingerprint(fingerprint)
    return Caller(key.name, Access[key.role.upper()], "ssh", fingerprint=fingerprint) if key else None


def keep_authorized_keys(ctx: Context) -> None:
    """Write the file again if it was removed."""
    if not ctx.paths.authorized_keys.exists():
        _log.warning("%s was removed; writing it again", ctx.paths.authorized_keys)
        ctx.paths.mend()
        write_authorized_keys(ctx)
