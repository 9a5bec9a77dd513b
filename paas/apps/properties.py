"""Change properties with immediate effect."""

from __future__ import annotations

from contextlib import suppress

from paas.core import properties
from paas.core import values as kinds
from paas.core.cron import calendar
from paas.core.errors import InvalidValue, PaasError
from paas.core.model import App
from paas.core.properties import Effect, Property, Scope
from paas.jobs.context import Context


def change(ctx: Context, app: App | None, namespace: str, key: str, value: str) -> None:
    """Set the property for the app, or globally for None. An empty value unsets it.

    If its effect fails, for example because nginx refuses the new configuration, restore the previous value.
    """
    row = properties.find(namespace, key)
    if row.scope is Scope.GLOBAL and app is not None:
        raise InvalidValue(
            f"{row.name} applies to the whole server", fix=f"Run '{namespace}:set --global {key} VALUE'."
        )
    if value:
        row.kind.read(row.name, value)
        if row.kind is kinds.ZONE:
            calendar.check_zone(value, row.name)

    values = ctx.store.properties.of(app)
    before = (values.own if app else values.shared).get((namespace, key), "")
    ctx.store.properties.set(app, namespace, key, value)
    try:
        _take_up(ctx, app, row)
    except Exception:
        ctx.store.properties.set(app, namespace, key, before)
        if app is None or row.effect is Effect.SERVER:
            # Of all apps, some may have the new value already.
            with suppress(PaasError):
                _take_up(ctx, app, row)
        raise


def _take_up(ctx: Context, app: App | None, row: Property) -> None:
    for feature in ctx.features:
        if feature.changed:
            feature.changed(ctx, app, row)
