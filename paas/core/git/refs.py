"""Refs as a push names them: what may be asked for, and what the pusher is told."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MOVED = "somebody else pushed meanwhile: fetch and try again"
"""The reason for a ref that no longer has the value that the pusher's client saw."""

ATOMIC = "atomic push failed: another ref was refused"
LONGEST_NAME = 1000
LONGEST_REASON = 300
_FORBIDDEN = frozenset(" ~^:?*[\\")


@dataclass(frozen=True)
class RefUpdate:
    """One ref that a push wants moved. ``old`` and ``new`` are 40 hex digits; None: no such ref before, or after."""

    ref: str
    old: str | None
    new: str | None

    def words(self) -> str:
        """It as one line of text: no ref has a space in its name."""
        return f"{self.ref} {self.old or '-'} {self.new or '-'}"

    @classmethod
    def from_words(cls, text: str) -> RefUpdate:
        """The update that `words` wrote."""
        ref, old, new = text.split(" ")
        return cls(ref, old if old != "-" else None, new if new != "-" else None)


def name_problem(ref: str) -> str | None:
    """Why a ref may not have this name, or None where it may.

    The rules are those of git-check-ref-format(1) below ``refs/``, with at least one more level as in
    ``refs/heads/main``, only printable characters, and no part that starts with a dash, for that could be taken for an
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
    # git writes each part as the name of a file or folder, and of a lock beside it: 255 bytes with ".lock".
    return not part or part.startswith((".", "-")) or part.endswith(".lock") or len(part.encode(errors="replace")) > 250


def problems(updates: Sequence[RefUpdate], current: Mapping[str, str]) -> dict[str, str]:
    """The refs of a push that can't be moved whatever is in it, each with the reason.

    ``current`` is the repository's refs. A ref that is named twice is refused both times.
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
    """The refusals of an atomic push: with one refused, every other ref is, too."""
    return {ref: refused.get(ref, ATOMIC) for ref in refs} if refused else {}


def one_line(text: str, limit: int = LONGEST_REASON) -> str:
    """The text fit for one line of anybody's terminal: no control or invisible formatting characters, not too long."""
    visible = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in text)
    line = " ".join(visible.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
