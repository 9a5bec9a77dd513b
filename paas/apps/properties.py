"""Changing properties, so that they count at once."""

from __future__ import annotations

from contextlib import suppress

from paas.core import properties
from paas.core import values as kinds
from paas.core.cron import calendar
from paas.core.errors import InvalidValue, ProxyError, Unsupported
from paas.core.model import App
from paas.core.properties import Effect, Scope
from paas.edge import publish
from paas.git.repository import repository_of
from paas.jobs.context import Context
from paas.logs.archive import LogArchive


def change(ctx: Context, app: App | None, namespace: str, key: str, value: str) -> None:
    """Sets the property for the app, or globally for None; an empty value unsets it.

    If what follows from it fails, for instance nginx refuses the new configuration, the value of before is back.
    """
    row = properties.find(namespace, key)
    if row.scope is Scope.GLOBAL and app is not None:
        raise InvalidValue(f"{row.name} is for the whole server", fix=f"Run '{namespace}:set --global {key} VALUE'.")
    if value:
        row.kind.read(row.name, value)
        if row.kind is kinds.ZONE:
            calendar.check_zone(value, row.name)

        _require_module(ctx, row.name, key, value)

    values = ctx.store.properties.of(app)
    before = (values.own if app else values.shared).get((namespace, key), "")
    ctx.store.properties.set(app, namespace, key, value)
    if row.effect in (Effect.PROXY, Effect.SERVER):
        concerned = app if row.effect is Effect.PROXY else None
        try:
            _refresh(ctx, concerned)
        except Exception:
            ctx.store.properties.set(app, namespace, key, before)
            if concerned is None:
                # The apps that nginx did not refuse have the new value already.
                with suppress(ProxyError, InvalidValue):
                    _refresh(ctx, None)
            raise
    if namespace == "cron":
        # Something else may be due next.
        ctx.changed.notify()
    if (namespace, key) == ("logs", "store-size"):
        for one in [app] if app else ctx.store.apps.all():
            ctx.part(LogArchive).make_room(one)
    if (namespace, key) == ("git", "deploy-branch") and app is not None and value:
        # A clone checks out what deploys.
        repository_of(ctx, app).set_head(value)


def _require_module(ctx: Context, name: str, key: str, value: str) -> None:
    if key == "brotli" and kinds.BOOLEAN.read(name, value) and not ctx.proxy.has("brotli"):
        raise Unsupported(
            "this nginx cannot compress with brotli",
            why="Its module is not installed.",
            fix="On Debian: apt-get install libnginx-mod-http-brotli-filter, then restart the server.",
            code="no-brotli",
        )


def _refresh(ctx: Context, app: App | None) -> None:
    if app is not None:
        publish.refresh(ctx, app)
    else:
        publish.refresh_all(ctx)
