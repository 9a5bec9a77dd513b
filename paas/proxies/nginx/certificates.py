"""Certificate files beside nginx's configuration: created before a text names them, removed after none does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from paas.core.edge.tls import Credential
from paas.proxies.nginx.bundles import Bundle, flat
from paas.proxies.nginx.tree import CERTIFICATES, Tree

FILE = re.compile(rf"/{CERTIFICATES}/([0-9a-f]+\.pem)")

def file_name(credential: Credential) -> str:
    """Return the name of the file with chain and key."""
    return f"{credential.name}.pem"


def keep(tree: Tree, credentials: Iterable[Credential]) -> None:
    """Write missing files."""
    for credential in credentials:
        tree.keep(file_name(credential), credential.pem)


def tidy(tree: Tree, changed: Iterable[Bundle], live: Mapping[str, Bundle]) -> set[str] | None:
    """Remove the files that no live text names, if one of the changed texts may have been the last.

    Return those that stay; None if nothing had to be examined.
    """
    if not any(FILE.search(text) for bundle in changed for text in bundle.values()):
        return None

    names = {name for text in flat(live.values()).values() for name in FILE.findall(text)}
    tree.keep_only(names)
    return names
