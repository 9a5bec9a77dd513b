"""Commands with parameters by name, as the HTTP API has them, in the words that would be typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paas.commands.declare import COMMANDS, Command, Parameter, Stdin
from paas.core.access.caller import Access
from paas.core.errors import UsageError
from paas.core.spelling import meant

GLOBAL, LOCK_WAIT, AFTER = "global", "lock_wait", "after"


def served(command: Command) -> bool:
    """Return True if the command can be used over HTTP: it needs neither a terminal nor a stream of bytes."""
    return not command.hidden and command.stdin is not Stdin.STREAM


def argv(name: str, parameters: Mapping[str, Any], look: bool = False, after: str = "") -> list[str]:
    """Return the words of the command.

    Raise `UsageError` for invalid parameters. ``look``: accept only read-only commands.

    ``after`` is for a command that can continue from a position; others start from the beginning.
    """
    command = COMMANDS.get(name)
    if command is None or not served(command):
        names = (one.name for one in COMMANDS.values() if served(one))
        raise UsageError(
            f"there is no command {name!r}" if command is None else f"{name} is not for the HTTP API",
            why="It needs a terminal, or a stream of bytes." if command else meant(name, names, 3),
            fix="Use it over SSH." if command else "/api/v1/openapi.json has those there are.",
            code="no-such-command",
        )
    if look and command.access > Access.VIEW:
        raise UsageError(
            f"{name} is not for GET",
            why="GET is for commands that only look; a link must not change anything.",
            fix="Send its parameters as JSON with POST.",
            code="method-not-allowed",
        )
    given = dict(parameters)
    if after and any(one.public == AFTER for one in command.parameters):
        given[AFTER] = after
    words: list[str] = ["--global"] if _shared(command, given) else []
    if command.changes_app and LOCK_WAIT in given:
        words.append(f"--lock-wait={_text(command, LOCK_WAIT, given.pop(LOCK_WAIT))}")
    positional: list[str] = []
    left_out = ""
    for parameter in command.parameters:
        if parameter.public not in given or given[parameter.public] in (None, []):
            given.pop(parameter.public, None)
            left_out = left_out or ("" if parameter.flag or parameter.arg.scope else parameter.public)
            continue
        value = given.pop(parameter.public)
        if parameter.flag:
            words += _flag(command, parameter, value)
            continue
        if left_out:
            raise UsageError(f"{name}: {parameter.public} needs {left_out}, too", fix=f"Usage: {command.usage()}")
        positional += _list(command, parameter, value) if parameter.many else [_text(command, parameter.public, value)]
    if given:
        known = ", ".join(one.public for one in command.parameters) or "none"
        raise UsageError(f"{name} has no parameter {next(iter(given))!r}", why=f"It has: {known}.")
    return [name, *words, "--", *positional]


def _shared(command: Command, given: dict[str, Any]) -> bool:
    if not any(parameter.arg.scope for parameter in command.parameters):
        return False
    shared = given.pop(GLOBAL, False)
    return _truth(command, GLOBAL, shared)


def _flag(command: Command, parameter: Parameter, value: Any) -> list[str]:
    if parameter.boolean:
        return [parameter.option] if _truth(command, parameter.public, value) else []
    if parameter.arg.select:
        return [f"--{_text(command, parameter.public, value).removeprefix('--')}"]
    values = _list(command, parameter, value) if parameter.arg.repeat else [_text(command, parameter.public, value)]
    return [f"{parameter.option}={one}" for one in values]


def _truth(command: Command, name: str, value: Any) -> bool:
    # The parameters of a GET are all texts.
    found = {"true": True, "1": True, "": True, "false": False, "0": False}.get(value, value) if isinstance(
        value, str
    ) else value
    if not isinstance(found, bool):
        raise UsageError(f"{command.name}: {name} is true or false, not {value!r}")
    return found


def _list(command: Command, parameter: Parameter, value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [_text(command, parameter.public, one) for one in values]


def _text(command: Command, name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"{command.name}: {name} is a text or a number, not {type(value).__name__}")
    return str(value)
