"""``sandbox:*``: create, list, enter and destroy sandboxes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from paas.commands import arguments as args
from paas.commands.declare import Arg, Stdin, command
from paas.commands.invocation import Invocation
from paas.commands.render import Exit
from paas.core import values
from paas.core.access.caller import Access
from paas.core.errors import UsageError
from paas.core.sandboxes import free_name, numbered
from paas.jobs.context import Context
from paas.runs import console_streams
from paas.runs.commands import Choice
from paas.sandboxes import sandboxes
from paas.sandboxes.sandboxes import SandboxInfo

TTL = values.duration("1m", "365d")


def _known(ctx: Context) -> Iterable[str]:
    return [sandbox.name for sandbox in ctx.store.sandboxes.all()]


Name = Annotated[str, Arg("NAME", complete=_known)]
Ttl = Annotated[float | None, Arg("DURATION", lambda ctx, text: TTL.read("--ttl", text))]


@command("sandbox:create", access=Access.DEPLOY)
def sandbox_create(
    ctx: Context,
    name: Annotated[str, Arg("NAME")] = "",
    *,
    ttl: Ttl = None,
    image: Annotated[str, Arg("IMAGE")] = "",
    count: args.Count = None,
) -> list[str]:
    """Create a disposable machine and print its name. It is removed with its content when its --ttl is over.

    It uses the stack image, or --image, which is pulled if the server lacks it. --count N creates NAME1 to NAMEN. The
    settings sandbox-… limit memory, processor time and the number of processes of each.
    """
    made = numbered(name or free_name(list(_known(ctx))), count)
    sandboxes.create(ctx, made, image, ctx.settings.value("sandbox-ttl") if ttl is None else ttl)
    return made


@command("sandbox:list", access=Access.VIEW)
def sandbox_list(ctx: Context) -> list[SandboxInfo]:
    """List the sandboxes and when they expire."""
    return sandboxes.infos(ctx)


@command("sandbox:enter", access=Access.DEPLOY, stdin=Stdin.STREAM)
def sandbox_enter(
    ctx: Context,
    name: Name,
    *words: Annotated[str, Arg("COMMAND", rest=True)],
    no_tty: bool = False,
    on_disconnect: Choice = "",
    invocation: Invocation,
) -> Exit:
    """Run a command, or a shell, in a sandbox. It ends when the caller disconnects, unless --on-disconnect is keep."""
    console = console_streams.of(invocation, terminal=not no_tty)
    return Exit(sandboxes.enter(ctx, name, words, console, on_disconnect=on_disconnect))


@command("sandbox:destroy", access=Access.DEPLOY)
def sandbox_destroy(ctx: Context, *names: Name) -> None:
    """Remove sandboxes before they expire."""
    if not names:
        raise UsageError("sandbox:destroy: missing argument: NAME", fix="'sandbox:list' shows all sandboxes.")
    for name in names:
        sandboxes.destroy(ctx, name)
        ctx.out.step(f"Destroyed {name}")
