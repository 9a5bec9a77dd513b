"""The author of a commit that a command makes."""

from __future__ import annotations

from typing import Annotated

from paas.commands.declare import Arg
from paas.core.errors import InvalidValue
from paas.jobs.context import Context
from paas.sources.imports import By


def _person(ctx: Context, text: str) -> str:
    if not text.strip(" .") or not text.isprintable() or set(text) & set("<>"):
        raise InvalidValue(f"{text!r} cannot be the author of a commit", why="It is text without '<' and '>'.")
    return text


def author(user: str, email: str) -> By | None:
    """Return the given author, None if none was given."""
    return By(user, email) if user else None


User = Annotated[str, Arg("USER", _person)]
Email = Annotated[str, Arg("EMAIL", _person)]
