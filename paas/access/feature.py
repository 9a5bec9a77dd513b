"""The feature of access: keys, tokens, and credentials for other servers."""

from __future__ import annotations

from paas.access import keys
from paas.access.commands import git, ssh_keys, tokens, whoami
from paas.jobs.feature import Feature, Part
from paas.jobs.locks import Announcements
from paas.jobs.loop import Loop
from paas.store.access import KnownHosts, Logins
from paas.store.tokens import Tokens
from paas.store.values import Keys

FEATURE = Feature(
    "access",
    commands=(git, ssh_keys, tokens, whoami),
    tables=(KnownHosts, Keys, Tokens, Logins),
    started=keys.write_authorized_keys,
    loops=lambda ctx: [
        Loop("keeping authorized_keys", lambda: keys.keep_authorized_keys(ctx), ctx.clock, keys.WATCH_SECONDS),
    ],
    parts=(Part(Announcements, lambda ctx: Announcements()),),
)
