"""``letsencrypt:*``: certificates that come by themselves."""

from __future__ import annotations

from typing import Annotated

from paas.apps.changes import each
from paas.certs import on_request, report
from paas.certs.report import CertificateEntry
from paas.commands import arguments as args
from paas.commands.declare import Arg, command
from paas.core.access.caller import Access
from paas.core.errors import UsageError
from paas.core.model import App
from paas.jobs.context import Context

Apps = Annotated[App, Arg("APP", lambda ctx, text: ctx.store.apps.get(text), lambda ctx: args.app_names(ctx), app=True)]


@command("letsencrypt:enable", access=Access.DEPLOY)
def letsencrypt_enable(
    ctx: Context, app: args.App | None = None, *, all: bool = False, force: bool = False
) -> None:
    """Get certificates for all domains of an app, or with --all of every app, now, and keep them renewed.

    With --force those that are there are replaced, too. Once letsencrypt:set --global email is set, this happens by
    itself for each domain that leads to this server; the command waits for it, and says what stands in the way.
    """
    if all == (app is not None):
        raise UsageError("letsencrypt:enable takes the name of an app, or --all")
    each(ctx, [app] if app else ctx.store.apps.all(), lambda own, one: on_request.enable(own, one, force=force))


@command("letsencrypt:disable", access=Access.DEPLOY)
def letsencrypt_disable(ctx: Context, app: args.App) -> None:
    """Remove the certificates that were got for an app, and get no more."""
    on_request.disable(ctx, app)


@command("letsencrypt:auto-renew", access=Access.DEPLOY)
def letsencrypt_auto_renew(ctx: Context, *apps: Apps) -> None:
    """Renew the certificates of some apps, or of all, that are due; the server does this every minute by itself."""
    on_request.renew(ctx, apps or tuple(ctx.store.apps.all()))


@command("letsencrypt:revoke", access=Access.DEPLOY)
def letsencrypt_revoke(ctx: Context, app: args.App) -> None:
    """Tell the authority that the certificates of an app are not to be trusted any more, and disable it for the app."""
    on_request.revoke(ctx, app)


@command("letsencrypt:list", access=Access.VIEW)
def letsencrypt_list(ctx: Context) -> list[CertificateEntry]:
    """Show the certificates that come by themselves, that which expires first on top, and what keeps others away.

    That of the dashboard is among them, as of the app paas_dashboard.
    """
    return report.entries(ctx, [*ctx.store.apps.all(), None])
