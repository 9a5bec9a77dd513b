"""The live texts and keys of one nginx, in memory and on disk."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

from paas.core.edge.tls import Credential
from paas.proxies.nginx import certificates
from paas.proxies.nginx.bundles import Bundle, flat, grouped, included_first
from paas.proxies.nginx.tree import CERTIFICATES, Tree

_log = logging.getLogger(__name__)


class LiveBundles:
    """Bundles by key, as on disk when they were read. Not thread-safe."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._known = False
        # By file, so that a removed one can be restored.
        self._credentials: dict[str, Credential] = {}
        self.bundles: dict[str, Bundle] = {}

    def get(self, key: str) -> Bundle:
        """Return the bundle of that key; an empty one if there is none."""
        return self.bundles.get(key, {})

    def read(self) -> None:
        """Create the folders, and read the files on disk as live; for missing files keep the known text."""
        self.bundles = dict(grouped(flat(self.bundles.values()) | self._tree.prepare()))
        self._known = True

    def doubt(self) -> None:
        """Note that the files on disk may have changed."""
        self._known = False

    def missing(self) -> list[str]:
        """Return the files that were removed from disk."""
        if not self._known:
            return []

        keys = [f"{CERTIFICATES}/{name}" for name in self._credentials]
        return self._tree.missing([*flat(self.bundles.values()), *keys])

    def put_back(self) -> bool:
        """Restore missing files. Return True if any was missing."""
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
        """Write the bundles; remove files that are no longer part of them."""
        for key, bundle in bundles.items():
            before = dict(self.get(key))

            # An included file must exist before the file that includes it, and be removed after it.
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
        """Write missing files with keys."""
        certificates.keep(self._tree, credentials)
        self._credentials |= {certificates.file_name(one): one for one in credentials}

    def tidy(self, changed: list[Bundle]) -> None:
        """Remove the files with keys that no text names any more, after these bundles were, or could have been,
        changed.
        """
        names = certificates.tidy(self._tree, changed, self.bundles)

        if names is not None:
            self._credentials = {name: one for name, one in self._credentials.items() if name in names}
