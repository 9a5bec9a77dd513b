"""Registries: what gets the server into them."""

from __future__ import annotations

from paas.core.model import App
from paas.core.reach import Login
from paas.engine.context import Context
from paas.store.access import REGISTRY


def login(ctx: Context, app: App, server: str) -> Login | None:
    """The credentials for the registry: the app's own before those for all apps."""
    return ctx.store.logins.all(REGISTRY, app).get(server) or ctx.store.logins.get(REGISTRY, server)
