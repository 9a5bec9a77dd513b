"""``logs``: what an app's processes write."""

from __future__ import annotations

from typing import Annotated

from paas.commands import arguments as args
from paas.commands.invocation import Invocation
from paas.commands.registry import Arg, command
from paas.core.caller import Access
from paas.engine import logs
from paas.engine.context import Context


@command("logs", access=Access.VIEW)
def logs_(
    ctx: Context,
    app: args.App,
    *,
    tail: Annotated[bool, Arg("", short="t")] = False,
    num: args.Lines = 100,
    ps: Annotated[str, Arg("PROCESS", short="p")] = "",
    plain: Annotated[bool, Arg("", short="q")] = False,
    invocation: Invocation,
) -> None:
    """Show the last lines that an app's processes wrote, merged in the order of time.

    -t goes on as new lines come, over deploys, until Ctrl-C; -n sets how many lines (100); -p shows only one process
    type (web) or process (web.1); -q leaves out time and process.
    """
    style = logs.Style(ps, colour=invocation.terminal is not None, plain=plain)
    show = logs.follow if tail else logs.tail
    show(ctx, app, num, style)
