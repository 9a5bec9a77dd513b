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
        scheduler = ctx.schedulers.of(app)
        plan = scheduler.plan(app, release, ctx.store.apps.formation(app), before, None)
        mine = [candidate for candidate in plan.start if candidate.process.type == process.type]
        change = rollout.Change(app, job, release, scheduler, scheduler, plan, None)
        rollout.check(ctx, change, rollout.start(ctx, change, mine))

        others = [replica for replica in before if replica.process_type != process.type]
        now = [*others, *(candidate.replica for candidate in mine)]
        with ctx.store.transaction():
            ctx.store.apps.set_replicas(app, now)
            ctx.store.apps.set_endpoints(app, scheduler.endpoints(app, now))
            ctx.store.releases.make_current(app, release)
        switch = ctx.proxy.publish(publish.current(ctx, app))
        gone = {replica.place for replica in before} - {replica.place for replica in now}
        rollout.let_go(ctx, app, scheduler, scheduler.at(app, gone), switch)


if __name__ == "__main__":
    deploy.roll_out = roll_out  # type: ignore[assignment]
    sys.exit(cli.main(sys.argv[1:]))
