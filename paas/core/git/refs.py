"""Refs of a push: their rules, and the reasons for refusals."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MOVED = "another push changed it meanwhile: fetch and try again"
"""Reason for a ref that no longer has the value that the pusher's client saw."""

ATOMIC = "atomic push failed: another ref was refused"
LONGEST_NAME = 1000
LONGEST_REASON = 300
_FORBIDDEN = frozenset(" ~^:?*[\\")


@dataclass(frozen=True)
class RefUpdate:
    """Requested change of one ref.

    ``old`` and ``new`` are 40 hex digits; None: the ref does not exist before, or after.
    """

    ref: str
    old: str | None
    new: str | None

    def words(self) -> str:
        """Return it as one line of text. No ref contains a space."""
        return f"{self.ref} {self.old or '-'} {self.new or '-'}"

    @classmethod
    def from_words(cls, text: str) -> RefUpdate:
        """Parse the result of `words`."""
        ref, old, new = text.split(" ")
        return cls(ref, old if old != "-" else None, new if new != "-" else None)


def name_problem(ref: str) -> str | None:
    """Return the reason why a ref may not have this name, or None.

    The rules are those of git-check-ref-format(1) below ``refs/``, with at least one more level as in
    ``refs/heads/main``, only printable characters, and no part that starts with a dash, which could be taken for an
    option.
    """
    if not ref.startswith("refs/"):
        return "not below refs/"
    if len(ref.encode(errors="replace")) > LONGEST_NAME:
        return "too long a name"

    parts = ref.split("/")
    wrong = (
        len(parts) < 3
        or any(_part_is_wrong(part) for part in parts)
        or ".." in ref
        or "@{" in ref
        or ref.endswith(".")
        or not _FORBIDDEN.isdisjoint(ref)
        or not ref.isprintable()
    )
    return "funny refname" if wrong else None


def _part_is_wrong(part: str) -> bool:
    # git stores each part as a file or folder, with a lock file beside it: 255 bytes with ".lock".
    return not part or part.startswith((".", "-")) or part.endswith(".lock") or len(part.encode(errors="replace")) > 250


def problems(updates: Sequence[RefUpdate], current: Mapping[str, str]) -> dict[str, str]:
    """Return the refs of a push that can't be moved regardless of its content, with the reasons.

    ``current`` are the repository's refs. A ref that is named twice is refused both times.
    """
    times = Counter(update.ref for update in updates)
    found = {}
    for update in updates:
        reason = name_problem(update.ref)
        if reason is None and times[update.ref] > 1:
            reason = "named more than once"
        if reason is None and update.new is None and update.ref not in current:
            reason = "no such ref"
        if reason is None and current.get(update.ref) != update.old:
            reason = MOVED
        if reason is not None:
            found[update.ref] = reason
    return found


def all_or_none(refs: Iterable[str], refused: Mapping[str, str]) -> dict[str, str]:
    """Return the refusals of an atomic push: if one ref is refused, all others are, too."""
    return {ref: refused.get(ref, ATOMIC) for ref in refs} if refused else {}


def one_line(text: str, limit: int = LONGEST_REASON) -> str:
    """Return the text for one line of a terminal: without control or invisible formatting characters, and shortened."""
    visible = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in text)
    line = " ".join(visible.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
