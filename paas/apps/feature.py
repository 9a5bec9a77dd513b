"""Apps, their configuration and their processes."""

from __future__ import annotations

from paas.apps import facts, findings
from paas.apps.commands import apps, config, docker_options, lock, ps
from paas.core import values as kinds
from paas.core.containers.options import PHASES
from paas.core.model import App
from paas.core.properties import Property, Scope
from paas.jobs.context import Context
from paas.jobs.feature import Feature, Look
from paas.store.locks import Locks


def _copy(ctx: Context, app: App, copy: App) -> None:
    ctx.store.config.replace(copy, ctx.store.config.all(app))
    for (namespace, key), value in ctx.store.properties.of(app).own.items():
        ctx.store.properties.set(copy, namespace, key, value)
    ctx.store.apps.set_formation(copy, ctx.store.apps.formation(app))
    for phase in PHASES:
        ctx.store.docker_options.set(copy, phase, ctx.store.docker_options.of(app, phase))


PROPERTIES = (
    Property("apps", "disable-autocreation", kinds.BOOLEAN, "false",
             "refuse a push to an app that does not exist, instead of creating it", scope=Scope.GLOBAL),
    Property("app-json", "appjson-path", kinds.RELATIVE_PATH, "app.json",
             "where the app.json is, relative to the build folder"),
    Property("ps", "procfile-path", kinds.RELATIVE_PATH, "Procfile",
             "where the Procfile is, relative to the build folder"),
    Property("ps", "stop-timeout-seconds", kinds.integer(1, 3600), "30",
             "seconds from SIGTERM to SIGKILL when a container is stopped"),
)  # fmt: skip

FEATURE = Feature(
    "apps",
    commands=(apps, config, docker_options, lock, ps),
    properties=PROPERTIES,
    changes=("create", "clone", "rename", "destroy", "config", "scale", "restart", "start", "stop"),
    facts={"apps": facts.of_app, "ps": facts.of_processes},
    tables=(Locks,),
    findings=(Look("locks", findings.locks),),
    copied=_copy,
)
