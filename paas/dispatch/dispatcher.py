"""The one way in: every transport hands its invocations to a `Dispatcher`."""

from __future__ import annotations

import logging
from dataclasses import replace

from paas.apps import locks
from paas.commands.declare import COMMANDS, Command
from paas.commands.invocation import Invocation
from paas.commands.parse import Words, bind, split
from paas.commands.render import Exit, Judged, as_json, as_text
from paas.core.errors import Disconnected, Forbidden, PaasError, UsageError, unexpected
from paas.core.model import App
from paas.core.spelling import meant
from paas.dispatch.foreign_commands import instead
from paas.jobs.context import Context
from paas.jobs.output import Output

_log = logging.getLogger(__name__)
INTERRUPTED = 130


class Dispatcher:
    """Parses, checks access, runs, renders. Calling it never raises; it returns the exit status."""

    def __init__(self, base: Context) -> None:
        self._base = base

    def __call__(self, invocation: Invocation) -> int:
        """Run the invocation to its end."""
        out = Output(invocation.stdout, invocation.stderr, invocation.began, invocation.marked)
        ctx = replace(self._base, out=out, caller=invocation.caller, gone=invocation.gone)
        try:
            return self._run(ctx, invocation)
        except Disconnected:
            return INTERRUPTED
        except PaasError as error:
            return _tell(out, invocation, error)
        except Exception as fault:  # noqa: BLE001  # a transport's last defence: the fault is logged, the caller gets an answer
            _log.exception("command %r failed unexpectedly", invocation.argv[:1])
            return _tell(out, invocation, unexpected(fault))

    def _run(self, ctx: Context, invocation: Invocation) -> int:
        command, argv = find(invocation.argv)
        words = split(command, argv)
        if words.help:
            command, words = COMMANDS["help"], Words(positional=[command.name])

        if ctx.caller.access < command.access:
            raise _not_allowed(ctx, command)
        positional, named = bind(ctx, command, words)
        if command.changes_app:
            for app in (given for given in positional if isinstance(given, App)):
                locks.enter(ctx, app, words.lock_wait)
            if words.lock_wait:
                # Things may have changed while it waited.
                positional, named = bind(ctx, command, words)
        if command.invocation:
            named[command.invocation] = invocation
        # A folder that was removed must not fail the next command.
        ctx.paths.mend()
        value = command.handler(ctx, *positional, **named)

        if isinstance(value, Exit):
            return value.status
        error = None
        if isinstance(value, Judged):
            value, error = value.value, value.error
        if invocation.answer is not None:
            invocation.answer(as_json(value).encode())
        elif words.format == "json":
            ctx.out.result(as_json(value) + "\n")
        else:
            ctx.out.result(as_text(value, headings=invocation.terminal is not None and not words.quiet))
        if error is not None:
            raise error
        return 0


def find(argv: list[str]) -> tuple[Command, list[str]]:
    """Return the command that the words name, and the remaining words.

    Global flags may precede it, and before those a ``--``, which ssh and shells need to pass them on.
    """
    words = argv[1:] if argv[:1] == ["--"] else list(argv)
    before: list[str] = []
    while words and words[0].startswith("-") and words[0] not in ("--help", "-h", "--version"):
        before.append(words.pop(0))
        if before[-1] in ("--app", "--format") and words:
            before.append(words.pop(0))
    if not words or words[0] in ("--help", "-h"):
        return COMMANDS["help"], [word for word in before if word != "--trace"]
    name = "version" if words[0] == "--version" else words[0]
    if name.endswith(":help") and name not in COMMANDS:
        return COMMANDS["help"], [name.removesuffix(":help")]

    found = COMMANDS.get(name)
    if found is None:
        raise _unknown(name)
    return found, [*(word for word in before if word != "--trace"), *words[1:]]


def _unknown(name: str) -> UsageError:
    known = [entry.name for entry in COMMANDS.values() if not entry.hidden]
    namespace = name.partition(":")[0]
    there = any(other.startswith(f"{namespace}:") for other in known)
    return UsageError(
        f"there is no command {name!r}",
        # A similar name may do something else than the other platform's command.
        why=instead(name) or meant(name, known, 3),
        fix=f"'help {namespace}' lists the commands of {namespace}." if there else "'help' lists the commands.",
        code="no-such-command",
    )


def _not_allowed(ctx: Context, command: Command) -> Forbidden:
    needed, has = command.access.name.lower(), ctx.caller.access.name.lower()
    if ctx.caller.via == "http":
        kind, fix = "token", f"An administrator can make one with another role: 'tokens:add NAME --role {needed}'."
    else:
        kind = "key"
        fix = f"An administrator can add the key with another role: 'ssh-keys:add NAME --role {needed}'."
    return Forbidden(
        f"{ctx.caller.name} may not run {command.name}",
        why=f"It needs the role {needed}; this {kind} has {has}.",
        fix=fix,
    )


def _tell(out: Output, invocation: Invocation, error: PaasError) -> int:
    try:
        (invocation.report or out.error)(error)
    except Disconnected:
        return INTERRUPTED
    return error.status
