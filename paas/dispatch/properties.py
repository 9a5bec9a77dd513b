"""``<namespace>:set`` and ``<namespace>:report`` for every namespace that has properties."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from paas.apps import locks, processes
from paas.apps.properties import change
from paas.builders import plans, registries
from paas.commands import arguments as args
from paas.commands.declare import Arg, add
from paas.commands.render import Report, Reports
from paas.commands.report import EVERY, reports
from paas.core import properties
from paas.core.access.caller import Access
from paas.core.errors import Forbidden
from paas.core.health.checks import alive
from paas.core.model import App
from paas.core.sizes import size
from paas.core.times import timestamp
from paas.cron import ticker, views
from paas.health import probing
from paas.health.liveness_state import LivenessState
from paas.jobs.context import Context
from paas.releases import landing

Facts = dict[str, str]


def _apps_facts(ctx: Context, app: App) -> Facts:
    current = ctx.store.releases.current(app)
    origin = ctx.store.sources.of(app, current.commit) if current else None
    return {
        "created-at": timestamp(app.created_at),
        "created-by": app.created_by,
        "locked": str(locks.current(ctx, app) is not None).lower(),
        "deploy-source": origin.kind if origin else "",
        "deploy-source-metadata": origin.detail if origin else "",
        "dir": str(ctx.paths.app(app)),
    }


def _git_facts(ctx: Context, app: App) -> Facts:
    current = ctx.store.releases.current(app)
    info = landing.head(ctx, app)
    return {
        "sha": current.commit if current else "",
        "head": info.sha if info else "",
        "last-updated-at": timestamp(info.time) if info else "",
        "subject": info.subject if info else "",
    }


def _ps_facts(ctx: Context, app: App) -> Facts:
    rows = processes.statuses(ctx, app)
    states = {row.state for row in rows if row.state != "retiring"}
    running = "true" if states == {"running"} else "mixed" if "running" in states else "false"
    facts = {
        "deployed": str(app.version is not None).lower(),
        "running": running,
        "stopped": str(app.stopped).lower(),
        "processes": str(len(rows)),
        "release": f"v{app.version}" if app.version else "",
    }
    for row in rows:
        name = row.process.replace(".", "-")
        facts[f"status-{name}"] = f"{row.state} (CID: {row.container})" if row.container else row.state
        if row.restarts:
            facts[f"restarts-{name}"] = str(row.restarts)
    for label, text in ctx.part(LivenessState).report(app, ctx.clock.monotonic()).items():
        facts[f"liveness-{label.replace('.', '-')}"] = text
    for (app_id, label), why in ctx.part(LivenessState).stalled.items():
        if app_id == app.id:
            facts[f"stalled-{label.replace('.', '-')}"] = why
    return facts


def _checks_facts(ctx: Context, app: App) -> Facts:
    current = ctx.store.releases.current(app)
    image = ctx.scheduler.image(current.image) if current else None
    facts = {}
    for process in current.processes if current else ():
        found = [*probing.of_start(process, image), *alive(process.checks)]
        mode = probing.mode(ctx, app, process.type)
        facts[f"process-{process.type}"] = f"{mode.value}: " + ", ".join(check.title() for check in found)
    return facts


def _registry_facts(ctx: Context, app: App) -> Facts:
    known = {server: login.user for server, login in registries.logins(ctx, app).items()}
    return {
        "logins": ", ".join(f"{server} ({user})" for server, user in sorted(known.items())),
        "image": str(registries.names(ctx, app, app.version or 1)[0]),
    }


def _logs_facts(ctx: Context, app: App) -> Facts:
    kept = ctx.store.kept_logs.of(app)
    return {
        "kept-containers": str(len(kept)),
        "kept-size": size(sum(row.bytes for row in kept)),
        "kept-since": min((row.first for row in kept), default=""),
    }


def _cron_facts(ctx: Context, app: App) -> Facts:
    facts = {"tasks": str(sum(1 for _ in ticker.scheduled(ctx, app)))}
    for one in views.infos(ctx, app):
        facts[f"task-{one.id}"] = f"{one.state}: {one.schedule} ({one.timezone}) {one.command}"
    return facts


EXTRAS: dict[str, Callable[[Context, App], Facts]] = {
    "apps": _apps_facts,
    "builder": plans.facts,
    "checks": _checks_facts,
    "cron": _cron_facts,
    "git": _git_facts,
    "logs": _logs_facts,
    "ps": _ps_facts,
    "registry": _registry_facts,
}


SETTERS = {"buildpacks": "set-property"}
"""What sets a property where ``…:set`` is another command."""

def _report(ctx: Context, namespace: str, app: App | None) -> Report:
    values = ctx.store.properties.of(app).report(namespace)
    if app is None:
        shared = {key: value for key, value in values.items() if key.startswith(("global-", "computed-"))}
        return Report("Global", namespace, shared)
    extra = EXTRAS[namespace](ctx, app) if namespace in EXTRAS else {}
    return Report(app.name, namespace, {**extra, **values})


def _declare(namespace: str) -> None:
    def set_(
        ctx: Context,
        app: args.Scope,
        key: args.property_key(namespace),  # type: ignore[valid-type]  # made for each namespace
        value: Annotated[str, Arg("VALUE")] = "",
    ) -> None:
        if app is None and ctx.caller.access < Access.ADMIN:
            raise Forbidden("global properties need the role admin")
        change(ctx, app, namespace, key, value)
        row = properties.find(namespace, key)
        ctx.out.step(f"{'Set' if value else 'Unset'} {row.name}" + (f" to {value}" if value else ""))

    def report(ctx: Context, app: args.Scope | str = EVERY, *, key: args.Selected = "") -> Report | Reports | str:
        return reports(ctx, app, key, lambda one: _report(ctx, namespace, one))

    keys = "\n".join(f"  {row.key}: {row.help} (default: {row.default or 'none'})" for row in properties.of(namespace))
    summary = "Set a property of an app, or with --global for all apps; an empty value unsets it."
    set_.__doc__ = f"{summary}\n\nThe properties are:\n\n{keys}"
    report.__doc__ = f"Show the {namespace} properties of an app, or of every app: own, global and computed values."
    # The annotations are made for this namespace; names of the enclosing scope can't be looked up again later.
    set_.__annotations__["key"] = args.property_key(namespace)
    add(f"{namespace}:{SETTERS.get(namespace, 'set')}", set_, access=Access.DEPLOY)
    add(f"{namespace}:report", report, access=Access.VIEW)


for _namespace in properties.namespaces():
    _declare(_namespace)
