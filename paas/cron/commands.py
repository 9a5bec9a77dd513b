"""``cron:*``: scheduled commands of an app."""

from __future__ import annotations

from typing import Annotated

from paas.commands import arguments as args
from paas.commands.declare import Arg, Stdin, command
from paas.commands.invocation import Invocation
from paas.commands.log_style import Colour, style
from paas.commands.render import Exit, Text
from paas.core.access.caller import Access
from paas.cron import ticker, views
from paas.cron.views import CronInfo, CronRun
from paas.jobs.context import Context
from paas.runs import console_streams, runs
from paas.runs.commands import Ttl

Entry = Annotated[str, Arg("ID")]


@command("cron:list", access=Access.VIEW)
def cron_list(ctx: Context, app: args.App | None = None) -> list[CronInfo]:
    """List the cron entries of an app's current release, or of all apps, and when they run next."""
    return views.infos(ctx, app)


@command("cron:run", access=Access.DEPLOY, unlocked=True, stdin=Stdin.TEXT)
def cron_run(
    ctx: Context,
    app: args.App,
    entry: Entry,
    *,
    detach: bool = False,
    ttl: Ttl = None,
    ttl_seconds: Ttl = None,
    invocation: Invocation,
) -> Exit | Text:
    """Run a cron entry at once, show its output, and exit with its status.

    The run continues if the caller disconnects. --detach only starts it and prints the number of the run.
    """
    limit = ttl if ttl is not None else ttl_seconds
    if not detach:
        console = console_streams.of(invocation, terminal=False)
        return Exit(ticker.run_now(ctx, app, entry, console.write, ttl=limit))
    live = ticker.launch(ctx, ticker.find(ctx, app, entry), ctx.caller.name, ttl=limit)
    return Text(str(live.run.number))


@command("cron:suspend", access=Access.DEPLOY)
def cron_suspend(ctx: Context, app: args.App, entry: Entry) -> None:
    """Suspend a cron entry until it is resumed, across deploys. cron:run still runs it."""
    ticker.suspend(ctx, app, entry)
    ctx.out.step(f"Suspended {entry}")


@command("cron:resume", access=Access.DEPLOY)
def cron_resume(ctx: Context, app: args.App, entry: Entry) -> None:
    """Resume a suspended cron entry: it runs again at its next time."""
    ticker.resume(ctx, app, entry)
    ctx.out.step(f"Resumed {entry}")


@command("cron:history", access=Access.VIEW)
def cron_history(ctx: Context, app: args.App, entry: Entry = "", *, num: args.Lines = 50) -> list[CronRun]:
    """List the runs of an app's cron entries, newest first, including skipped and missed ones.

    cron:logs shows the output of a run.
    """
    return views.history(ctx, app, entry, num)


@command("cron:logs", access=Access.VIEW)
def cron_logs(
    ctx: Context,
    app: args.App,
    run: Annotated[str, Arg("NUMBER|ID")],
    *,
    tail: Annotated[bool, Arg("", short="t")] = False,
    num: args.Lines = 100,
    plain: Annotated[bool, Arg("", short="q")] = False,
    raw: bool = False,
    color: Colour = "auto",
    invocation: Invocation,
) -> None:
    """Show the last lines of a cron run's output: the run of that number, or the last run of that entry.

    -t continues until its end; -n sets the number of lines (100); -q omits time and process. --raw keeps control
    characters.
    """
    shown = style(invocation, color, raw=raw, plain=plain)
    runs.show_log(ctx, views.find_run(ctx, app, run), num, shown, follow=tail)
