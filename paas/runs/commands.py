"""``run``, ``run:*`` and ``enter``: commands in containers."""

from __future__ import annotations

from typing import Annotated

from paas.commands import arguments as args
from paas.commands.declare import Arg, Stdin, command
from paas.commands.invocation import Invocation
from paas.commands.log_style import Colour, style
from paas.commands.render import Exit
from paas.core import values
from paas.core.access.caller import Access
from paas.core.errors import UsageError
from paas.core.runs import oneoff
from paas.core.secret import Secret
from paas.jobs.context import Context
from paas.runs import console_streams, runs
from paas.runs.runs import RunInfo, RunOptions

TTL = values.duration("1s", "365d")
FORCED_SIZE = (80, 24)

Variables = Annotated[list[tuple[str, str]], Arg("KEY=VALUE", args.pair, short="e", repeat=True)]
Ttl = Annotated[float | None, Arg("DURATION", lambda ctx, text: TTL.read("--ttl", text))]
Words = Annotated[str, Arg("COMMAND", rest=True)]
Name = Annotated[str, Arg("RUN")]
Choice = Annotated[str, Arg("kill|keep", lambda ctx, text: values.choice("kill", "keep").read("--on-disconnect", text))]


def _wanted(name: str, words: tuple[str, ...], env: list[tuple[str, str]], *ttls: float | None) -> RunOptions:
    if not words or not words[0].strip():
        raise UsageError(f"{name}: missing argument: COMMAND", fix=f"Example: {name} APP bash")
    given = [ttl for ttl in ttls if ttl is not None]
    return RunOptions(words, {key: Secret(value) for key, value in env}, given[0] if given else None)


@command("run", access=Access.DEPLOY, unlocked=True, stdin=Stdin.STREAM)
def run(
    ctx: Context,
    app: args.App,
    *words: Words,
    env: Variables = (),  # type: ignore[assignment]
    no_tty: bool = False,
    ttl: Ttl = None,
    ttl_seconds: Ttl = None,
    on_disconnect: Choice = "",
    invocation: Invocation,
) -> Exit:
    """Run a command in a new container of the current release, and exit with its status.

    Input and output are connected with the caller; with a terminal (ssh -t) the command has one, too. The first word
    may be a process type, which stands for its command; a single word may be a shell command line. -e adds variables.
    The container is removed when the command ends, when --ttl is over, or when the caller disconnects, unless
    --on-disconnect is keep.
    """
    console = console_streams.of(invocation, terminal=not no_tty)
    wanted = _wanted("run", words, list(env), ttl, ttl_seconds)
    return Exit(runs.run(ctx, app, wanted, console, on_disconnect=on_disconnect))


@command("run:detached", access=Access.DEPLOY, unlocked=True)
def run_detached(
    ctx: Context,
    app: args.App,
    *words: Words,
    env: Variables = (),  # type: ignore[assignment]
    force_tty: bool = False,
    ttl: Ttl = None,
    ttl_seconds: Ttl = None,
) -> str:
    """Start a command in a new container of the current release, and print the name of the run."""
    wanted = _wanted("run:detached", words, list(env), ttl, ttl_seconds)
    return runs.detach(ctx, app, wanted, terminal=FORCED_SIZE if force_tty else None).label


@command("run:list", access=Access.VIEW)
def run_list(ctx: Context, app: args.App, *, all: bool = False) -> list[RunInfo]:
    """List the active runs of an app; with --all also those that ended."""
    return [runs.info(one) for one in ctx.store.runs.all(app, kind=oneoff.RUN, active=not all)]


@command("run:logs", access=Access.VIEW)
def run_logs(
    ctx: Context,
    app: args.App,
    name: Name = "",
    *,
    tail: Annotated[bool, Arg("", short="t")] = False,
    num: args.Lines = 100,
    plain: Annotated[bool, Arg("", short="q")] = False,
    raw: bool = False,
    color: Colour = "auto",
    invocation: Invocation,
) -> None:
    """Show the last lines of a detached run's output; of the app's newest run if none is named.

    -t continues until its end; -n sets the number of lines (100); -q omits time and process. --raw keeps control
    characters.
    """
    shown = style(invocation, color, raw=raw, plain=plain)
    runs.show_log(ctx, runs.find(ctx, app, name), num, shown, follow=tail)


@command("run:stop", access=Access.DEPLOY, unlocked=True)
def run_stop(ctx: Context, app: args.App, name: Name = "") -> None:
    """Stop a run, or all runs of an app, with SIGTERM, and SIGKILL after ps stop-timeout-seconds."""
    for one in runs.stop(ctx, app, name):
        ctx.out.step(f"Stopped {one.label}")


@command("enter", access=Access.DEPLOY, unlocked=True, stdin=Stdin.STREAM)
def enter(
    ctx: Context,
    app: args.App,
    process: Annotated[str, Arg("PROCESS", of_app=args.process_types)] = "",
    *words: Words,
    no_tty: bool = False,
    on_disconnect: Choice = "",
    invocation: Invocation,
) -> Exit:
    """Run a command, or a shell, in a running container: web, web.2, run.3. The default is one of web, if any.

    The command ends when the caller disconnects, unless --on-disconnect is keep.
    """
    console = console_streams.of(invocation, terminal=not no_tty)
    return Exit(runs.enter(ctx, app, process, words, console, on_disconnect=on_disconnect))
