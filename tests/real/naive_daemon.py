"""``paas serve`` that rolls out as scripts do: process type after process type, each switched as soon as it is well."""

from __future__ import annotations

import sys
from typing import Any

from paas import cli
from paas.core.model import App, Release
from paas.edge import publish
from paas.jobs.context import Context
from paas.jobs.jobs import Job
from paas.releases import deploy, rollout


def roll_out(ctx: Context, app: App, job: Job, release: Release, **_: Any) -> None:
    """Web first, because the site comes first; then the others. Nothing is taken back."""
    for process in sorted(release.processes, key=lambda process: process.type != "web"):
        before = ctx.store.apps.replicas(app)
        there = ctx.scheduler.containers(app)
        plan = rollout._plan(ctx, app, release, ctx.store.apps.formation(app), before, there, None)
        mine = [candidate for candidate in plan.start if candidate.process.type == process.type]
        rollout.check(ctx, app, job, release, rollout.start(ctx, app, job, release, mine), None)

        others = [replica for replica in before if replica.process_type != process.type]
        old = {(replica.process_type, replica.index, replica.slot) for replica in before} - {
            (replica.process_type, replica.index, replica.slot) for replica in others
        }
        with ctx.store.transaction():
            ctx.store.apps.set_replicas(app, [*others, *(candidate.replica for candidate in mine)])
            ctx.store.releases.make_current(app, release)
        switch = ctx.proxy.publish(publish.vhost(ctx, app, ctx.store.apps.replicas(app), stopped=False))
        rollout.let_go(ctx, app, [found for found in there if rollout._slot(found) in old], switch)


if __name__ == "__main__":
    deploy.roll_out = roll_out  # type: ignore[assignment]
    sys.exit(cli.main(sys.argv[1:]))
