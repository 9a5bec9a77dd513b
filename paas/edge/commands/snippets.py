"""``snippets:*``: nginx directives that administrators add to an app's server block."""

from __future__ import annotations

from typing import Annotated

from paas.commands import arguments as args
from paas.commands.declare import Arg, Stdin, command
from paas.commands.invocation import Invocation
from paas.core.access.caller import Access
from paas.core.edge.items import SNIPPET
from paas.core.errors import NotFound
from paas.edge import changes
from paas.edge.commands.arguments import some
from paas.jobs.context import Context

Name = Annotated[str, Arg("NAME")]


@command("snippets:list", access=Access.VIEW)
def snippets_list(ctx: Context, app: args.App) -> list[str]:
    """Show the names of the snippets in the app's nginx configuration."""
    return sorted(ctx.store.edge.of(app, SNIPPET))


@command("snippets:show", access=Access.ADMIN, unlocked=True)
def snippets_show(ctx: Context, app: args.App, name: Name) -> str:
    """Show the text of a snippet."""
    found = ctx.store.edge.of(app, SNIPPET)
    if name not in found:
        raise NotFound(f"{app.name} has no snippet {name}", why="It has: " + (", ".join(found) or "none"))
    return found[name]


@command("snippets:set", access=Access.ADMIN, stdin=Stdin.TEXT)
def snippets_set(ctx: Context, app: args.App, name: Name, *, invocation: Invocation) -> None:
    """Add the nginx directives on standard input to the server block of the app, or replace a snippet.

    nginx tests the whole configuration before it takes effect. If it refuses the directives, nothing changes.
    """
    changes.set_snippet(ctx, app, name, args.read_input(invocation, 1 << 16))
    ctx.out.step(f"{app.name} has the snippet {name}")


@command("snippets:remove", access=Access.ADMIN)
def snippets_remove(ctx: Context, app: args.App, *names: Name) -> None:
    """Remove snippets."""
    changes.remove(ctx, app, SNIPPET, some(names, "snippets:remove APP NAME"), "snippet")
