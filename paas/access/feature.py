"""Keys, tokens, and what is known of other servers."""

from __future__ import annotations

from paas.access.commands import git, ssh_keys, tokens, whoami
from paas.jobs.feature import Feature, Part
from paas.jobs.locks import Announcements
from paas.store.access import KnownHosts, Logins
from paas.store.tokens import Tokens
from paas.store.values import Keys

FEATURE = Feature(
    "access",
    commands=(git, ssh_keys, tokens, whoami),
    tables=(KnownHosts, Keys, Tokens, Logins),
    parts=(Part(Announcements, lambda ctx: Announcements()),),
)
