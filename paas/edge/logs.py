"""Access and error logs of nginx, filtered for one app."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from paas.core.errors import Disconnected
from paas.core.logs import edge
from paas.core.model import App
from paas.edge import publish
from paas.jobs.context import Context
from paas.system.tail import Follower, last_lines

LOOK_SECONDS = 0.3


def requests(ctx: Context, app: App, lines: int, *, follow: bool) -> None:
    """Print the last requests to the app; with ``follow``, continue until the client disconnects."""
    as_json = ctx.store.properties.of(app).text("nginx", "access-log-format") == "json"
    _show(
        ctx,
        ctx.proxy.logs().access,
        lines,
        edge.of_app(app.id),
        edge.as_json if as_json else edge.combined,
        follow=follow,
    )


def errors(ctx: Context, app: App, lines: int, *, follow: bool) -> None:
    """Print the last errors that nginx logged for the app; with ``follow``, continue."""
    hosts = publish.hosts(ctx, app)
    names = (f"/apps/{app.id}.", f'zone "requests-{app.id}"', f'zone "connections-{app.id}"')
    _show(
        ctx,
        ctx.proxy.logs().errors,
        lines,
        lambda line: edge.error_of(line, hosts, names),
        edge.plain,
        follow=follow,
    )


def _show(
    ctx: Context, path: Path, lines: int, wanted: Callable[[str], bool], shown: Callable[[str], str], *, follow: bool
) -> None:
    follower = Follower(path)
    try:
        for line in last_lines(path, lines, wanted):
            ctx.out.result(f"{shown(line)}\n".encode())
        while follow:
            for line in follower.lines():
                if wanted(line):
                    ctx.out.result(f"{shown(line)}\n".encode())
            if ctx.gone.wait(LOOK_SECONDS):
                raise Disconnected
    finally:
        follower.close()
