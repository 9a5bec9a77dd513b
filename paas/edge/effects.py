"""Effects of the proxy's properties: nginx's configuration is published again."""

from __future__ import annotations

from paas.core.errors import Unsupported
from paas.core.model import App
from paas.core.properties import Effect, Property
from paas.edge import publish
from paas.jobs.context import Context


def changed(ctx: Context, app: App | None, row: Property) -> None:
    """Publish the app, or all apps if the property concerns them. Raise `Unsupported` if this nginx lacks a module."""
    if row.effect is Effect.NEXT_USE:
        return
    if row.key == "brotli":
        _require_brotli(ctx, app)
    if row.effect is Effect.PROXY and app is not None:
        publish.refresh(ctx, app)
    else:
        publish.refresh_all(ctx)


def _require_brotli(ctx: Context, app: App | None) -> None:
    if ctx.store.properties.of(app).value("nginx", "brotli") and not ctx.proxy.has("brotli"):
        raise Unsupported(
            "this nginx cannot compress with brotli",
            why="Its brotli module is not installed.",
            fix="On Debian: apt-get install libnginx-mod-http-brotli-filter, then restart the server.",
            code="no-brotli",
        )
