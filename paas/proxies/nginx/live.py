"""What one nginx is given: the texts and keys that are live, in memory and on the disk."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

from paas.core.edge.tls import Credential
from paas.proxies.nginx import certificates
from paas.proxies.nginx.bundles import Bundle, flat, grouped, included_first
from paas.proxies.nginx.tree import CERTIFICATES, Tree

_log = logging.getLogger(__name__)


class LiveBundles:
    """Bundles by key, as they are on the disk once they were read. Not for several threads at a time."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._known = False
        # By file, so that one that somebody removed can be put back.
        self._credentials: dict[str, Credential] = {}
        self.bundles: dict[str, Bundle] = {}

    def get(self, key: str) -> Bundle:
        """The bundle of that key; an empty one where there is none."""
        return self.bundles.get(key, {})

    def read(self) -> None:
        """Make the folders, and take what is on the disk for live; of what is not there any more, what was known."""
        self.bundles = dict(grouped(flat(self.bundles.values()) | self._tree.prepare()))
        self._known = True

    def doubt(self) -> None:
        """The disk may hold anything now."""
        self._known = False

    def missing(self) -> list[str]:
        """What somebody has removed from the disk."""
        if not self._known:
            return []

        keys = [f"{CERTIFICATES}/{name}" for name in self._credentials]
        return self._tree.missing([*flat(self.bundles.values()), *keys])

    def put_back(self) -> bool:
        """Have on the disk what is live, and return whether something was missing."""
        if not self._known:
            self.read()

        missing = set(self.missing())

        if not missing:
            return False

        _log.warning("%d files or folders of nginx were removed by somebody: they are put back", len(missing))
        self._tree.prepare()
        certificates.keep(self._tree, self._credentials.values())
        texts = flat(self.bundles.values())

        for name in sorted(missing & texts.keys(), key=included_first):
            self._tree.install(name, texts[name])

        return True

    def install(self, bundles: Mapping[str, Bundle]) -> None:
        """Write the bundles; files that they have no more are removed."""
        for key, bundle in bundles.items():
            before = dict(self.get(key))

            # What it includes has to be there before the file that includes it, and to go after it.
            for name in sorted(bundle, key=included_first):
                if bundle[name] != before.get(name):
                    self._tree.install(name, bundle[name])
                    self.bundles[key] = {**self.get(key), name: bundle[name]}

            for name in before.keys() - bundle.keys():
                self._tree.install(name, None)

            if bundle:
                self.bundles[key] = bundle
            else:
                self.bundles.pop(key, None)

    def keep(self, credentials: Collection[Credential]) -> None:
        """Write the files with keys that are not there yet."""
        certificates.keep(self._tree, credentials)
        self._credentials |= {certificates.file_name(one): one for one in credentials}

    def tidy(self, changed: list[Bundle]) -> None:
        """Remove the files with keys that no text names any more, after these were, or could have been, changed."""
        names = certificates.tidy(self._tree, changed, self.bundles)

        if names is not None:
            self._credentials = {name: one for name, one in self._credentials.items() if name in names}
