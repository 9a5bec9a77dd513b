"""Deploys, and the releases that they make."""

from __future__ import annotations

from paas.core import values as kinds
from paas.core.model import DOCKER_LOCAL, App
from paas.core.properties import Property
from paas.jobs.context import Context
from paas.jobs.feature import Feature, Look, Part
from paas.releases import findings
from paas.releases.commands import builds, deploy, releases
from paas.releases.retire import Retirer

PROPERTIES = (
    Property("scheduler", "selected", kinds.SCHEDULER, DOCKER_LOCAL,
             "the scheduler that runs the app from the next deploy on"),
    Property("deploy", "grpc-port", kinds.integer(1, 65_535), "",
             "the port on which web takes gRPC requests (ports:add); empty: as paas.yml says"),
    Property("deploy", "phase-timeout", kinds.duration("1s", "30d"), "1h",
             "how long predeploy, release and postdeploy may take, each"),
)  # fmt: skip


def _selected(ctx: Context, app: App | None, row: Property) -> None:
    """Refuse a scheduler that the server does not have."""
    if row.name == "scheduler selected":
        ctx.schedulers.named(ctx.store.properties.of(app).text(row.namespace, row.key))


FEATURE = Feature(
    "releases",
    commands=(builds, deploy, releases),
    properties=PROPERTIES,
    facts={"scheduler": lambda ctx, app: {"running-on": app.scheduler if app.version else ""}},
    changed=_selected,
    changes=("rebuild", "rollback"),
    parts=(Part(Retirer, lambda ctx: Retirer(ctx.proxy, ctx.clock, ctx.changed.notify)),),
    stopped=lambda ctx: ctx.part(Retirer).stop(),
    findings=(Look("drift", findings.drift),),
)
