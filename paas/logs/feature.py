"""The feature of logs: archive and drains."""

from __future__ import annotations

from paas.core import values as kinds
from paas.core.model import App
from paas.core.properties import Property
from paas.core.sizes import size
from paas.jobs.context import Context
from paas.jobs.feature import Facts, Feature, Part
from paas.logs import commands
from paas.logs.archive import LogArchive
from paas.logs.drains.shipping import DrainShipper
from paas.runs.active import Oneoffs
from paas.store.logs import DrainRecords


def _archive(ctx: Context) -> LogArchive:
    archive = LogArchive(ctx.store, ctx.schedulers, ctx.clock, ctx.paths)
    ctx.part(Oneoffs).kept = archive.keep_run
    return archive


def _facts(ctx: Context, app: App) -> Facts:
    kept = ctx.store.kept_logs.of(app)
    return {
        "kept-containers": str(len(kept)),
        "kept-size": size(sum(row.bytes for row in kept)),
        "kept-since": min((row.first for row in kept), default=""),
    }


def _changed(ctx: Context, app: App | None, row: Property) -> None:
    if row is STORE_SIZE:
        for one in [app] if app else ctx.store.apps.all():
            ctx.part(LogArchive).make_room(one)


STORE_SIZE = Property(
    "logs", "store-size", kinds.size("1m", "1t"), "50m",
    "how much the packed logs of an app's removed containers may take; the oldest are deleted",
)

PROPERTIES = (
    Property("logs", "max-size", kinds.LOG_SIZE, "10m",
             "size of each of the three log files of a new container, or unlimited"),
    STORE_SIZE,
    Property("logs", "drain-queue-size", kinds.size("64k", "1t"), "100m",
             "limit on the lines each drain spools to disk; the oldest are dropped"),
)  # fmt: skip

FEATURE = Feature(
    "logs",
    commands=(commands,),
    properties=PROPERTIES,
    facts={"logs": _facts},
    tables=(DrainRecords,),
    parts=(Part(LogArchive, _archive),),
    folders=("drains",),
    loops=lambda ctx: [ctx.part(LogArchive), DrainShipper(ctx)],
    changed=_changed,
)
