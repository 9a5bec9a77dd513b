"""Declaration of commands: the signature is the grammar, the annotations parse, the docstring is the help.

Positional parameters are arguments, keyword-only ones are flags. A parameter of type `Invocation` gets the streams of
the call. ``access`` has no default, so that it is never forgotten.
"""

from __future__ import annotations

import enum
import inspect
import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from paas.commands.invocation import Invocation
from paas.commands.render import Exit
from paas.core.access.caller import Access
from paas.core.model import App
from paas.jobs.context import Context


def _as_it_is(ctx: Context, text: str) -> Any:
    return text


def _nothing(ctx: Context) -> Iterable[str]:
    return ()


def _never(ctx: Context, text: str) -> bool:
    return False


class Stdin(enum.Enum):
    """What a command reads: nothing; a text, as a whole; or a stream of bytes, as from a terminal, git or a file."""

    NONE = "none"
    TEXT = "text"
    STREAM = "stream"


@dataclass(frozen=True)
class Arg:
    """Syntax, parser and completion of one parameter.

    ``metavar`` is its name in the help. ``scope``: ``--global`` may replace it, which gives None. ``shared``: the role
    that this needs, if it differs from the command's. ``rest``: after its first word nothing is taken as a flag.
    ``select``: takes the name of any flag the command does not have. ``repeat``: the flag may be given several times,
    and its value is a list. ``app``: its value is an app, which a command with more than the access ``VIEW`` changes.
    ``left_out`` returns True for a word that belongs to the next parameter, so that this one is as with ``--global``.
    ``choices`` are all accepted words, if known; ``of_app`` returns those that the app before it has.
    """

    metavar: str
    parse: Callable[[Context, str], Any] = _as_it_is
    complete: Callable[[Context], Iterable[str]] = _nothing
    short: str = ""
    scope: bool = False
    shared: Access | None = None
    rest: bool = False
    select: bool = False
    repeat: bool = False
    app: bool = False
    left_out: Callable[[Context, str], bool] = _never
    choices: Sequence[str] = ()
    of_app: Callable[[Context, App], Iterable[str]] | None = None


@dataclass(frozen=True)
class Parameter:
    """One parameter of a command's handler."""

    name: str
    arg: Arg
    flag: bool
    boolean: bool
    many: bool
    default: Any
    whole: bool = False

    @property
    def public(self) -> str:
        """Its name where parameters have names, as in JSON."""
        # A trailing underscore keeps a name from being a keyword: for_ is --for.
        return self.name.rstrip("_")

    @property
    def required(self) -> bool:
        """True if the command requires it."""
        return self.default is inspect.Parameter.empty and not self.many

    @property
    def option(self) -> str:
        """The flag as it is typed."""
        return "--" + self.public.replace("_", "-")

    def usage(self) -> str:
        """Its part of the usage line."""
        if self.arg.select:
            return "[--KEY]"
        if self.flag:
            text = self.option if self.boolean else f"{self.option} {self.arg.metavar}"
            if self.arg.short:
                text = f"-{self.arg.short}|{text}"
            text += "…" if self.arg.repeat else ""
            return f"[{text}]" if not self.required else text
        text = f"{self.arg.metavar}|--global" if self.arg.scope else self.arg.metavar
        if self.many:
            text += "…"
        return text if self.required else f"[{text}]"


@dataclass(frozen=True)
class Command:
    """One command.

    ``value``: it has a result, and so takes ``--format``; ``unlocked``: it may be run for a locked app, for example
    because it only reads; ``stdin``: what it reads.
    """

    name: str
    access: Access
    handler: Callable[..., Any]
    parameters: tuple[Parameter, ...]
    invocation: str
    value: bool
    hidden: bool
    unlocked: bool = False
    stdin: Stdin = Stdin.NONE

    @property
    def namespace(self) -> str:
        """Part of the name before the colon."""
        return self.name.partition(":")[0]

    @property
    def shared(self) -> Access | None:
        """The role that it needs with ``--global``, None if that is the same, or there is no such flag."""
        return next((entry.arg.shared for entry in self.parameters if entry.arg.shared), None)

    @property
    def changes_app(self) -> bool:
        """True if it is refused for a locked app, and so takes ``--lock-wait``."""
        return self.access > Access.VIEW and not self.unlocked and any(entry.arg.app for entry in self.parameters)

    @property
    def doc(self) -> str:
        """The whole help text."""
        return inspect.getdoc(self.handler) or ""

    @property
    def summary(self) -> str:
        """Its first sentence, for lists."""
        return self.doc.partition("\n")[0]

    @property
    def positional(self) -> list[Parameter]:
        """The arguments in order."""
        return [parameter for parameter in self.parameters if not parameter.flag]

    def usage(self) -> str:
        """Usage in one line."""
        flags = [parameter.usage() for parameter in self.parameters if parameter.flag]
        flags += ["[--format text|json]"] if self.value else []
        return " ".join([self.name, *flags, *(parameter.usage() for parameter in self.positional)])


COMMANDS: dict[str, Command] = {}
"""Every command by name. The modules of `paas.commands` fill it when they are imported."""


def command(
    name: str, *, access: Access, hidden: bool = False, unlocked: bool = False, stdin: Stdin = Stdin.NONE
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a function of a `Context` and the command's parameters as a command."""

    def declare(handler: Callable[..., Any]) -> Callable[..., Any]:
        add(name, handler, access=access, hidden=hidden, unlocked=unlocked, stdin=stdin)
        return handler

    return declare


def add(
    name: str,
    handler: Callable[..., Any],
    *,
    access: Access,
    hidden: bool = False,
    unlocked: bool = False,
    stdin: Stdin = Stdin.NONE,
) -> None:
    """Add one command. Raise an error for a duplicate name."""
    if name in COMMANDS:
        raise ValueError(f"command {name} is declared twice")
    hints = typing.get_type_hints(handler, include_extras=True)
    parameters = []
    invocation = ""
    for parameter in list(inspect.signature(handler).parameters.values())[1:]:
        if hints[parameter.name] is Invocation:
            invocation = parameter.name
        else:
            parameters.append(_parameter(parameter, hints[parameter.name]))
    own_format = any(parameter.name == "format" for parameter in parameters)
    value = hints.get("return") not in (type(None), Exit) and not own_format
    COMMANDS[name] = Command(name, access, handler, tuple(parameters), invocation, value, hidden, unlocked, stdin)


def _parameter(parameter: inspect.Parameter, hint: Any) -> Parameter:
    # An optional one is a union, whose members carry the annotations.
    members = [hint, *typing.get_args(hint)] if not hasattr(hint, "__metadata__") else [hint]
    metadata = [entry for member in members for entry in getattr(member, "__metadata__", ())]
    arg = next((entry for entry in metadata if isinstance(entry, Arg)), None)
    boolean = hint is bool or getattr(hint, "__origin__", None) is bool
    return Parameter(
        name=parameter.name,
        arg=arg or Arg(parameter.name.upper().replace("_", "-")),
        flag=parameter.kind is inspect.Parameter.KEYWORD_ONLY,
        boolean=boolean,
        many=parameter.kind is inspect.Parameter.VAR_POSITIONAL,
        default=parameter.default,
        whole=any(entry is int or getattr(entry, "__origin__", None) is int for entry in members),
    )
