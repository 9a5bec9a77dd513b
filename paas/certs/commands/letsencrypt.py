"""``letsencrypt:*``: automatic certificates."""

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

    With --force existing certificates are replaced, too. Once letsencrypt:set --global email is set, the server does
    this automatically for each domain that points to it; the command waits for the result and shows errors.
    """
    if all == (app is not None):
        raise UsageError("letsencrypt:enable takes either an app or --all")
    each(ctx, [app] if app else ctx.store.apps.all(), lambda own, one: on_request.enable(own, one, force=force))


@command("letsencrypt:disable", access=Access.DEPLOY)
def letsencrypt_disable(ctx: Context, app: args.App) -> None:
    """Remove the automatic certificates of an app, and get no more."""
    on_request.disable(ctx, app)


@command("letsencrypt:auto-renew", access=Access.DEPLOY)
def letsencrypt_auto_renew(ctx: Context, *apps: Apps) -> None:
    """Renew due certificates of some apps, or of all. The server does this automatically every minute."""
    on_request.renew(ctx, apps or tuple(ctx.store.apps.all()))


@command("letsencrypt:revoke", access=Access.DEPLOY)
def letsencrypt_revoke(ctx: Context, app: args.App) -> None:
    """Revoke the automatic certificates of an app, and get no more."""
    on_request.revoke(ctx, app)


@command("letsencrypt:list", access=Access.VIEW)
def letsencrypt_list(ctx: Context) -> list[CertificateEntry]:
    """Show automatic certificates by expiry, and why others could not be issued.

    The certificate of the dashboard has the app name paas_dashboard.
    """
    return report.entries(ctx, [*ctx.store.apps.all(), None])
