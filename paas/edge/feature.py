"""The feature of the edge: domains, redirects, rules, ports."""

from __future__ import annotations

from paas.core.edge import items
from paas.core.model import App
from paas.edge import effects, findings, rules
from paas.edge.commands import access, domains, headers, maintenance, nginx, ports, redirect, routes, snippets
from paas.edge.errors import EdgeErrors
from paas.edge.new_hosts import NewHosts
from paas.edge.properties import PROPERTIES
from paas.jobs.context import Context
from paas.jobs.feature import Feature, Look, Part
from paas.jobs.locks import PublishLock
from paas.jobs.loop import Loop
from paas.store.redirects import Redirects

ROTATE_BYTES = 50 << 20
ROTATE_SECONDS = 60.0


def _copy(ctx: Context, app: App, copy: App) -> None:
    for kind in items.COPIED:
        ctx.store.edge.replace(copy, kind, ctx.store.edge.of(app, kind))


FEATURE = Feature(
    "edge",
    commands=(access, domains, headers, maintenance, nginx, ports, redirect, routes, snippets),
    properties=PROPERTIES,
    tables=(Redirects,),
    parts=(
        Part(PublishLock, lambda ctx: PublishLock()),
        Part(NewHosts, lambda ctx: NewHosts()),
        Part(EdgeErrors, lambda ctx: EdgeErrors(ctx.proxy.logs().errors, lambda: rules.drain_seconds(ctx.store))),
    ),
    loops=lambda ctx: [
        Loop("rotating logs", lambda: ctx.proxy.rotate(ROTATE_BYTES), ctx.clock, ROTATE_SECONDS, later=True),
    ],
    findings=(Look("nginx", findings.nginx, host=True),),
    changed=effects.changed,
    copied=_copy,
)
