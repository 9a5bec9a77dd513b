"""Having nginx read new files before they count, and finding whose is wrong."""

from __future__ import annotations

from collections.abc import Mapping

from paas.core.errors import ProxyError
from paas.proxies.nginx.bundles import SERVER, Bundle, flat, key_of, owner, reaches_others
from paas.proxies.nginx.errors import ConfigRefused
from paas.proxies.nginx.server import NginxControl
from paas.proxies.nginx.tree import Tree


class Trial:
    """Tests bundles in the stage of ``tree``, beside the live ones where they could clash with them."""

    def __init__(self, server: NginxControl, tree: Tree) -> None:
        self._server = server
        self._tree = tree

    def refused(
        self, live: Mapping[str, Bundle], changed: Mapping[str, Bundle], groups: list[set[str]]
    ) -> dict[str, ProxyError]:
        """Return which of the bundles nginx refuses, and why; with one of a group, all of the group.

        nginx reads the main file and new files, not the files of all apps, unless new ones could conflict with them.
        """
        refusals: dict[str, ProxyError] = {}

        while remaining := {key: bundle for key, bundle in changed.items() if key not in refusals}:
            refused = self._together(live, remaining)

            if refused is None:
                break

            name, error = refused
            blamed = {key_of(name): error} if key_of(name) in remaining else self._each_alone(live, remaining, error)

            for group in groups:
                reason = next((blamed[key] for key in group if key in blamed), None)
                blamed |= dict.fromkeys(group, reason) if reason else {}

            refusals |= blamed

        return refusals

    def _together(
        self, live: Mapping[str, Bundle], changed: Mapping[str, Bundle]
    ) -> tuple[str, ProxyError] | None:
        """Return the name of the file that nginx refuses, and why; None if it accepts all."""
        whole = any(reaches_others(key, bundle, live.get(key, {})) for key, bundle in changed.items())
        others = flat(bundle for key, bundle in live.items() if key not in changed)

        if not whole and not any(changed.values()):
            return None

        texts = flat([live[SERVER], *changed.values()])
        self._tree.stage(texts, others if whole else {})

        try:
            self._server.test(self._tree.staged_main)
        except ConfigRefused as error:
            name = self._tree.name_of(error.path)
            return name, _refusal(name, error, {**others, **texts}, changed)

        return None

    def _each_alone(
        self, live: Mapping[str, Bundle], changed: Mapping[str, Bundle], error: ProxyError
    ) -> dict[str, ProxyError]:
        """Return which of them nginx refuses, and why: errors that it finds after reading all files name the main one.
        """
        if len(changed) == 1:
            return dict.fromkeys(changed, error)

        found = {key: self._together(live, {key: bundle}) for key, bundle in changed.items()}
        return {key: refused[1] for key, refused in found.items() if refused} or dict.fromkeys(changed, error)


def _refusal(
    name: str, error: ConfigRefused, texts: Mapping[str, str], changed: Mapping[str, Bundle]
) -> ProxyError:
    """Return the error for a staged file."""
    key = key_of(name) if name and key_of(name) != SERVER else ""
    key = key or (next(iter(changed)) if len(changed) == 1 else "")
    bundle = {other: text for other, text in texts.items() if key_of(other) == key} if key else {}
    lines = texts.get(name, "").splitlines()
    line = lines[error.line - 1].strip() if 0 < error.line <= len(lines) else ""

    return ProxyError(
        f"nginx refuses the configuration{f' of {owner(bundle, name)}' if name or key else ''}",
        why=f"{error.words}\n{name}:{error.line}: {line}" if name else error.words,
        fix="Everything stays as it was. Change what the app sets for its domains or for nginx.",
    )
