"""The files of one app belong together: they are tested, installed and put back as one bundle."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from paas.proxies.nginx.tree import APPS, MAIN

Bundle = Mapping[str, str]
"""Texts by file name, of one app or of the whole server. Without any, there is no such app."""

SERVER = ""
"""The key of the bundle that is nobody's app: the main file."""

SNIPPET = ".snippet"


def key_of(name: str) -> str:
    """The key of the app that a file belongs to: ``apps/12.conf`` to ``12``."""
    return SERVER if name == MAIN else name.removeprefix(f"{APPS}/").partition(".")[0]


def grouped(texts: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The texts by key and name."""
    bundles: dict[str, dict[str, str]] = {}

    for name, text in texts.items():
        bundles.setdefault(key_of(name), {})[name] = text

    return bundles


def flat(bundles: Iterable[Bundle]) -> dict[str, str]:
    """The texts of all of them by name."""
    return {name: text for bundle in bundles for name, text in bundle.items()}


def reaches_others(key: str, *bundles: Bundle) -> bool:
    """Whether a file could mean something for other apps, too: the main one, or what an admin wrote by hand.

    Everything else names only what begins with the app's own key, so that nginx needs to read no other app's file to
    tell whether it is right.
    """
    return key == SERVER or any(name.endswith(SNIPPET) for bundle in bundles for name in bundle)


def owner(bundle: Bundle, name: str) -> str:
    """The app whose bundle it is, as its first file says; the file's name where none does."""
    for text in bundle.values():
        first = text.partition("\n")[0]

        if first.startswith("# ") and ": written by" in first:
            return first.removeprefix("# ").partition(":")[0]

    return name


def digest(bundles: Mapping[str, Bundle]) -> str:
    """Tells one set of files from every other."""
    whole = hashlib.sha256()
    texts = flat(bundles.values())

    for name in sorted(texts):
        whole.update(f"{name}\0{texts[name]}\0".encode())

    return whole.hexdigest()


def included_first(name: str) -> tuple[bool, str]:
    """For sorting the names of a bundle: the file that includes the others comes last."""
    return name.endswith(".conf"), name
