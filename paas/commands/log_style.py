"""The flags by which lines of logs are shown one way or another."""

from __future__ import annotations

from typing import Annotated

from paas.commands.declare import Arg
from paas.commands.invocation import Invocation
from paas.core.errors import InvalidValue
from paas.core.logs.line import Style
from paas.jobs.context import Context

COLOURS = ("auto", "always", "never")


def _colour(ctx: Context, text: str) -> str:
    if text not in COLOURS:
        raise InvalidValue(f"--color is one of {', '.join(COLOURS)}, not {text!r}")
    return text


Colour = Annotated[str, Arg("auto|always|never", _colour, lambda ctx: COLOURS)]


def style(
    invocation: Invocation, colour: str, *, raw: bool, plain: bool = False, json: bool = False, cut: int = 0
) -> Style:
    """Return how lines are displayed to this caller: with colors on a terminal unless ``colour`` says otherwise."""
    coloured = colour == "always" or (colour == "auto" and invocation.terminal is not None)
    return Style(colour=coloured, plain=plain, raw=raw, json=json, cut=cut)
