"""The feature of cron."""

from __future__ import annotations

from paas.core import values as kinds
from paas.core.model import App
from paas.core.properties import Property
from paas.cron import commands, views
from paas.cron.ticker import CronTicker
from paas.jobs.context import Context
from paas.jobs.feature import Feature, Part, Timer
from paas.store.runs import SuspendedCron

NAMESPACE = "cron"


def _changed(ctx: Context, app: App | None, row: Property) -> None:
    if row.namespace == NAMESPACE:
        # Another entry may be due next.
        ctx.changed.notify()


PROPERTIES = (
    Property("cron", "maintenance", kinds.BOOLEAN, "false", "suspend all cron entries of the app"),
    Property("cron", "timeout", kinds.duration("1s", "30d"), "1d",
             "time limit of runs of cron entries without a timeout"),
    Property("cron", "timezone", kinds.ZONE, "UTC", "the time zone of cron entries without one"),
)  # fmt: skip

FEATURE = Feature(
    "cron",
    commands=(commands,),
    properties=PROPERTIES,
    facts={NAMESPACE: views.facts},
    tables=(SuspendedCron,),
    parts=(Part(CronTicker, CronTicker),),
    timers=(Timer("cron", lambda ctx: ctx.part(CronTicker).tick()),),
    stopped=lambda ctx: ctx.part(CronTicker).stop(),
    changed=_changed,
)
