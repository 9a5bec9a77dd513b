"""``logs*``: the log of an app, and drains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from paas.commands import arguments as args
from paas.commands.declare import Arg, command
from paas.commands.invocation import Invocation
from paas.commands.log_style import Colour, style
from paas.core.access.caller import Access
from paas.core.errors import Forbidden, InvalidValue, NotFound, UsageError
from paas.core.logs import drain as drains_core
from paas.core.logs import line
from paas.core.logs import mark as logmark
from paas.core.logs.drain import Drain
from paas.core.logs.query import EARLIEST, LATEST, Query, moment
from paas.core.model import App
from paas.core.spelling import meant
from paas.core.times import timestamp
from paas.jobs.context import Context
from paas.logs import follow, logs
from paas.logs.drains import shipping
from paas.store.logs import DrainRecords
from paas.system import pattern

USUAL_LINES = 100


def _source(ctx: Context, text: str) -> str:
    if text not in line.SOURCES:
        raise InvalidValue(f"{text!r} is not a log source", why=f"Sources are: {', '.join(line.SOURCES)}.")
    return text


Source = Annotated[str, Arg("SOURCE", _source, choices=tuple(line.SOURCES))]
Time = Annotated[str, Arg("TIME")]


@command("logs", access=Access.VIEW)
def logs_(
    ctx: Context,
    app: args.App,
    *,
    tail: Annotated[bool, Arg("", short="t")] = False,
    num: args.Lines | None = None,
    ps: Annotated[str, Arg("PROCESS", short="p")] = "",
    since: Time = "",
    until: Time = "",
    grep: Annotated[str, Arg("RE")] = "",
    release: args.Version = 0,
    source: Source = "",
    format: args.LogFormat = "text",
    plain: Annotated[bool, Arg("", short="q")] = False,
    raw: bool = False,
    color: Colour = "auto",
    cut: args.LongestLine = 0,
    after: Annotated[str, Arg("PLACE")] = "",
    invocation: Invocation,
) -> None:
    """Show the last lines of an app's log in the order of time: output of processes, requests, and events.

    Lines of removed containers are included. -t continues with new lines, across deploys, until Ctrl-C. -n sets the
    number of lines (100; with --since, all). -p shows only one process type (web) or process (web.1); --release only
    processes of that release; --source only app, router, platform, build, deploy, run or cron (build and deploy only
    if asked for); --grep only lines that match a regular expression (RE2). --since and --until take 10m or
    2026-01-31T12:00:00Z. -q omits time and process. --format json prints one object per line. Control characters and
    escape sequences other than colors are removed unless --raw is given. --cut 4k shortens longer lines and shows
    their length. --after, with -t, continues after a position that the HTTP API sent as an event id.
    """
    mark = logmark.parse(after) if after else None
    now = ctx.clock.now()
    query = Query(
        process=ps,
        release=release,
        since=moment("--since", since, now) if since else EARLIEST,
        until=moment("--until", until, now) if until else LATEST,
        sources=(source,) if source else (),
        grep=pattern.finder(grep) if grep else None,
    )
    if query.since > query.until:
        raise UsageError("logs: --since is later than --until")
    if tail and until:
        raise UsageError("logs: --until can't be used with --tail")
    kind = ps.partition(".")[0]
    if kind and kind not in (writers := logs.writers(ctx, app)):
        # Not an error: with --tail the next deploy may add it.
        ctx.out.warning(f"{app.name} has no process type {kind}")
        ctx.out.warning(meant(kind, writers) or f"It has: {', '.join(sorted(writers))}")
    shown = style(invocation, color, raw=raw, plain=plain, json=format == "json", cut=cut)
    if mark and not tail:
        raise UsageError("logs: --after needs --tail")
    if mark:
        follow.resume(ctx, app, query, shown, mark)
        return
    lines = num if num is not None else None if since else USUAL_LINES
    (logs.follow if tail else logs.show)(ctx, app, query, lines, shown)


@command("logs:failed", access=Access.VIEW)
def logs_failed(
    ctx: Context,
    app: args.App | None = None,
    *,
    all: bool = False,
    format: args.LogFormat = "text",
    raw: bool = False,
    color: Colour = "auto",
    invocation: Invocation,
) -> None:
    """Show the output of the containers of an app's last failed deploy; with --all, of every app.

    If they wrote nothing, for instance because the build failed, show the last lines of the deploy itself. --raw keeps
    control characters.
    """
    if all == (app is not None):
        raise UsageError("logs:failed takes either an app or --all")
    shown = style(invocation, color, raw=raw, json=format == "json")
    for one in [app] if app else ctx.store.apps.all():
        failed = logs.failed(ctx, one, shown)
        if failed is not None:
            it = failed.deployment
            ctx.out.title(f"{one.name}: build {it.id} failed, {it.cause} by {it.actor} [{it.error}]")
            if failed.silent:
                ctx.out.detail(f"Its containers wrote nothing. For the whole output: builds:output {it.id}")
        elif app:
            ctx.out.detail(f"No failed deploy of {one.name} is on record.")


@dataclass(frozen=True)
class DrainRow:
    """Row of ``logs:drain list``. ``queued`` lines wait on disk; ``error`` is the last error; ``gaps`` is how often a
    log was rotated away before it was read."""

    id: int
    app: str
    url: str
    format: str
    sent: int
    queued: int
    dropped: int
    gaps: int
    error: str
    error_at: str


def _row(ctx: Context, one: Drain) -> DrainRow:
    return DrainRow(
        id=one.id,
        app="(all)" if one.app_id is None else ctx.store.apps.by_id(one.app_id).name,
        url=drains_core.masked(one.url),
        format=one.format,
        sent=one.sent,
        queued=shipping.waiting(ctx, one),
        dropped=one.dropped,
        gaps=one.gaps,
        error=one.error,
        error_at=timestamp(one.error_at) if one.error_at is not None else "",
    )


def _action(ctx: Context, text: str) -> str:
    if text not in ACTIONS:
        raise UsageError(f"unknown action {text!r} of logs:drain", why=f"Actions are: {', '.join(ACTIONS)}.")
    return text


ACTIONS = ("add", "remove", "list")
EVERY = "every drain"
Action = Annotated[str, Arg("add|remove|list", _action, choices=ACTIONS)]
Format = Annotated[str, Arg("json|logplex|syslog", choices=tuple(drains_core.FORMATS))]


@command("logs:drain", access=Access.DEPLOY, unlocked=True)
def logs_drain(
    ctx: Context,
    action: Action,
    app: args.Scope | str = EVERY,
    target: Annotated[str, Arg("URL|NUMBER")] = "",
    *,
    type: Format = "",
    ca_file: Annotated[str, Arg("PATH")] = "",
) -> list[DrainRow] | None:
    """Add, remove or list drains, which send the log of an app, or with --global of every app, to another server.

    add takes syslog+tcp://HOST:PORT, syslog+tls://HOST:PORT, or https://USER:PASSWORD@HOST/PATH, to which batches are
    posted as --type json (one object per line) or logplex. --ca-file names the authorities to trust for TLS
    (administrators only). The receiver must be on the internet, or in a network of the setting egress-allow. remove
    takes the number that list shows. While a receiver is unavailable, lines wait on disk, up to logs:set
    drain-queue-size. list counts lines that were sent, are queued and were dropped, and how often a log was rotated
    away before it was read.
    """
    if action == "list":
        if target:
            raise UsageError(f"logs:drain list: unexpected argument {target!r}")
        found = ctx.store.table(DrainRecords).all() if isinstance(app, str) else ctx.store.table(DrainRecords).of(app)
        return [_row(ctx, one) for one in found if one.app_id is not None or _may_see_global(ctx)]
    if isinstance(app, str) or not target:
        what = "a URL" if action == "add" else "a number"
        raise UsageError(f"logs:drain {action} takes an app, or --global, and {what}")
    if app is None and ctx.caller.access < Access.ADMIN:
        raise Forbidden("global drains need the role admin")
    if ca_file and ctx.caller.access < Access.ADMIN:
        raise Forbidden("--ca-file names a file on the server and needs the role admin")
    if action == "add":
        made = shipping.add(ctx, app, target, type, ca_file)
        ctx.out.step(f"Added drain {made.id} to {drains_core.masked(made.url)}")
    else:
        _remove(ctx, app, target)
    return None


def _may_see_global(ctx: Context) -> bool:
    return ctx.caller.access >= Access.ADMIN


def _remove(ctx: Context, app: App | None, target: str) -> None:
    for one in ctx.store.table(DrainRecords).of(app):
        if target in (str(one.id), one.url.reveal()):
            ctx.store.table(DrainRecords).remove(one.id)
            ctx.out.step(f"Removed drain {one.id} to {drains_core.masked(one.url)}")
            return
    raise NotFound(
        f"{app.name if app else 'the server'} has no such drain",
        fix="'logs:drain list' shows all drains with their numbers.",
        code="no-such-drain",
    )
