"""``redirect:*``: redirects of hosts."""

from __future__ import annotations

from typing import Annotated

from paas.commands import arguments as args
from paas.commands.declare import Arg, command
from paas.core.access.caller import Access
from paas.core.edge.redirects import CODES, Redirect, target
from paas.core.errors import UsageError
from paas.edge import redirects
from paas.jobs.context import Context
from paas.store.redirects import Redirects


def _code(ctx: Context, text: str) -> int:
    if text not in map(str, CODES):
        raise UsageError(f"{text!r} is not a redirect code", why=f"Valid codes: {', '.join(map(str, CODES))}.")
    return int(text)


Target = Annotated[str, Arg("TO", lambda ctx, text: target(text))]
Source = Annotated[str, Arg("FROM", args.domain)]
Code = Annotated[int, Arg("CODE", _code, lambda ctx: map(str, CODES))]


@command("redirect:add", access=Access.DEPLOY)
def redirect_add(ctx: Context, app: args.App, from_: Source, to: Target, *, code: Code = 301) -> None:
    """Redirect a host to another host or URL. The path and query are kept.

    FROM is a host name; the app redirects it instead of serving it: redirect:add APP www.example.org example.org. TO is
    a host name, or a URL such as https://example.org/shop. The code is 301 or 308 for a permanent redirect, 302 or 307
    for a temporary one; with 307 and 308 a POST stays a POST.
    """
    redirects.add(ctx, app, Redirect(from_, to, code))
    ctx.out.step(f"{from_} redirects to {to} ({code})")


@command("redirect:remove", access=Access.DEPLOY)
def redirect_remove(ctx: Context, app: args.App, from_: Source) -> None:
    """Remove the redirect of a host."""
    redirects.remove(ctx, app, from_)


@command("redirect:list", access=Access.VIEW)
def redirect_list(ctx: Context, app: args.App) -> list[Redirect]:
    """Show the redirects of an app."""
    return ctx.store.table(Redirects).of(app)
