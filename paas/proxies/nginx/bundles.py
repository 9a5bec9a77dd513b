"""Bundles of files: the files of one app are tested, installed and restored together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from paas.proxies.nginx.tree import APPS, MAIN

Bundle = Mapping[str, str]
"""Texts by file name, of one app or of the whole server. An empty one means that there is no such app."""

SERVER = ""
"""Key of the bundle that belongs to no app: the main file."""

SNIPPET = ".snippet"


def key_of(name: str) -> str:
    """Return the key of the app that a file belongs to: ``12`` for ``apps/12.conf``."""
    return SERVER if name == MAIN else name.removeprefix(f"{APPS}/").partition(".")[0]


def grouped(texts: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Group the texts by key and name."""
    bundles: dict[str, dict[str, str]] = {}

    for name, text in texts.items():
        bundles.setdefault(key_of(name), {})[name] = text

    return bundles


def flat(bundles: Iterable[Bundle]) -> dict[str, str]:
    """Return the texts of all bundles by name."""
    return {name: text for bundle in bundles for name, text in bundle.items()}


def reaches_others(key: str, *bundles: Bundle) -> bool:
    """Return True if a file may affect other apps: the main file, or text written by an admin.

    All other files only name things that begin with the app's own key, so nginx can check them without other apps'
    files.
    """
    return key == SERVER or any(name.endswith(SNIPPET) for bundle in bundles for name in bundle)


def owner(bundle: Bundle, name: str) -> str:
    """Return the app of the bundle from its first file; the file's name if it has none."""
    for text in bundle.values():
        first = text.partition("\n")[0]

        if first.startswith("# ") and ": written by" in first:
            return first.removeprefix("# ").partition(":")[0]

    return name


def digest(bundles: Mapping[str, Bundle]) -> str:
    """Return a digest of the set of files."""
    whole = hashlib.sha256()
    texts = flat(bundles.values())

    for name in sorted(texts):
        whole.update(f"{name}\0{texts[name]}\0".encode())

    return whole.hexdigest()


def included_first(name: str) -> tuple[bool, str]:
    """Sort key for the names of a bundle: the file that includes the others comes last."""
    return name.endswith(".conf"), name
