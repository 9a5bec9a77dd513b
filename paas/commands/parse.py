"""From the words of a command line to the arguments of a handler."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from paas.commands.declare import Command, Parameter
from paas.core import values
from paas.core.errors import Forbidden, InvalidValue, UsageError
from paas.core.spelling import meant
from paas.jobs.context import Context

FORMATS = ("text", "json")


@dataclass
class Words:
    """The words of one command line, told apart. ``app`` comes from ``--app``, ``selected`` from an unknown flag."""

    positional: list[str] = field(default_factory=list)
    flags: dict[str, str | bool | list[str]] = field(default_factory=dict)
    shared: bool = False
    quiet: bool = False
    help: bool = False
    format: str = "text"
    app: str | None = None
    selected: str = ""
    lock_wait: float = 0.0


def split(command: Command, argv: Sequence[str]) -> Words:
    """Separate flags from arguments. Raise `UsageError` for an unknown flag.

    Flags of one letter may be combined, and the value of the last may follow directly: ``-tn20``.
    """
    words = Words()
    by_option = {parameter.option: parameter for parameter in command.parameters if parameter.flag}
    by_short = {f"-{p.arg.short}": p for p in command.parameters if p.arg.short}
    rest_at = next((at for at, parameter in enumerate(command.positional) if parameter.arg.rest), None)
    remaining = list(argv)

    while remaining:
        word = remaining.pop(0)
        if word == "--":
            words.positional += remaining
            break
        if not word.startswith("-") or word == "-":
            words.positional.append(word)
            if rest_at is not None and len(words.positional) + (words.app is not None) > rest_at:
                words.positional += remaining
                break
            continue
        name, equals, value = word.partition("=")
        short = by_short.get(word[:2])
        if short is not None and name not in (*by_option, *by_short):
            name, equals, value = word[:2], "" if short.boolean else "=", word[2:]
            if short.boolean:
                remaining.insert(0, f"-{word[2:]}")
        parameter = by_option.get(name) or by_short.get(name)
        if parameter is not None:
            _take_flag(words, parameter, _flag_value(command, parameter, name, equals, value, remaining))
        elif not _common(command, words, name, equals, value, remaining):
            words.selected = _selected(command, name, [*by_option, *by_short])
    if words.app is not None:
        at = next((at for at, parameter in enumerate(command.positional) if parameter.arg.app), 0)
        words.positional.insert(at, words.app)
    return words


def _take_flag(words: Words, parameter: Parameter, value: str | bool) -> None:
    given = words.flags.get(parameter.name)
    if not parameter.arg.repeat:
        words.flags[parameter.name] = value
    elif isinstance(given, list):
        given.append(str(value))
    else:
        words.flags[parameter.name] = [str(value)]


def _flag_value(
    command: Command, parameter: Parameter, name: str, equals: str, value: str, remaining: list[str]
) -> str | bool:
    if not parameter.boolean:
        return _value(command, name, equals, value, remaining)
    if equals:
        raise UsageError(f"{name} takes no value", fix=f"Usage: {command.usage()}")
    return True


def _value(command: Command, name: str, equals: str, value: str, remaining: list[str]) -> str:
    if equals:
        return value
    if not remaining:
        raise UsageError(f"{name} needs a value", fix=f"Usage: {command.usage()}")
    return remaining.pop(0)


def _common(command: Command, words: Words, name: str, equals: str, value: str, remaining: list[str]) -> bool:
    """Process a flag that every command has. Return True if it was one."""
    if name in ("--help", "-h"):
        words.help = True
    elif name == "--quiet":
        words.quiet = True
    elif name == "--global" and any(parameter.arg.scope for parameter in command.parameters):
        words.shared = True
    elif name == "--app":
        words.app = _value(command, name, equals, value, remaining)
    elif name == "--lock-wait" and command.changes_app:
        words.lock_wait = values.LOCK_WAIT.read(name, _value(command, name, equals, value, remaining))
    elif name == "--format" and command.value:
        words.format = _value(command, name, equals, value, remaining)
        if words.format not in FORMATS:
            raise UsageError(f"--format takes {' or '.join(FORMATS)}, not {words.format!r}")
    else:
        return False
    return True


def _selected(command: Command, name: str, known: Iterable[str]) -> str:
    if name.startswith("--") and any(parameter.arg.select for parameter in command.parameters):
        return name
    raise UsageError(
        f"{command.name} has no flag {name}",
        why=meant(name, known),
        fix=f"Usage: {command.usage()}",
    )


def bind(ctx: Context, command: Command, words: Words) -> tuple[list[Any], dict[str, Any]]:
    """Return the parsed and checked arguments for the handler. Raise `UsageError` for missing and superfluous ones."""
    remaining = list(words.positional)
    positional: list[Any] = []
    named: dict[str, Any] = {}

    for parameter in command.positional:
        if (parameter.arg.scope and words.shared) or (remaining and parameter.arg.left_out(ctx, remaining[0])):
            _allow_shared(ctx, command, parameter)
            positional.append(None)
        elif parameter.many:
            positional += [_read(ctx, command, parameter, word) for word in remaining]
            remaining = []
        elif remaining:
            positional.append(_read(ctx, command, parameter, remaining.pop(0)))
        elif parameter.required:
            raise UsageError(f"{command.name}: {parameter.arg.metavar} is missing", fix=f"Usage: {command.usage()}")
        else:
            positional.append(parameter.default)
    if remaining:
        raise UsageError(f"{command.name}: unexpected argument {remaining[0]!r}", fix=f"Usage: {command.usage()}")

    for parameter in command.parameters:
        if parameter.flag and parameter.required and parameter.name not in words.flags:
            raise UsageError(f"{command.name}: {parameter.option} is missing", fix=f"Usage: {command.usage()}")
        if parameter.arg.select:
            named[parameter.name] = words.selected
        elif parameter.flag and parameter.name in words.flags:
            value = words.flags[parameter.name]
            if isinstance(value, list):
                named[parameter.name] = [_read(ctx, command, parameter, one) for one in value]
            else:
                named[parameter.name] = _read(ctx, command, parameter, value) if isinstance(value, str) else value
    return positional, named


def _allow_shared(ctx: Context, command: Command, parameter: Parameter) -> None:
    needed = parameter.arg.shared
    if needed is not None and ctx.caller.access < needed:
        raise Forbidden(f"{command.name} for all apps needs the role {needed.name.lower()}")


def _read(ctx: Context, command: Command, parameter: Parameter, word: str) -> Any:
    try:
        return parameter.arg.parse(ctx, word)
    except ValueError as error:
        raise InvalidValue(
            f"{command.name}: {word!r} is not a value for {parameter.arg.metavar}", fix=f"Usage: {command.usage()}"
        ) from error
