"""Findings of `doctor` about the containers of apps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from paas.core.model import App, Container
from paas.core.server import doctor, doctor_docker
from paas.core.server.doctor import Finding
from paas.health.liveness_state import LivenessState
from paas.jobs.context import Context
from paas.releases.retire import Retirer


def drift(ctx: Context, apps: Sequence[App]) -> Iterator[Finding]:
    """Yield differences between desired and existing containers."""
    for app in apps:
        # What is under way explains every difference.
        if not ctx.jobs.of(app):
            its = {label: why for (number, label), why in ctx.part(LivenessState).stalled.items() if number == app.id}
            yield from doctor_docker.stalled(app.name, its)
            yield from doctor.drift(app.name, ctx.store.apps.replicas(app), _details(ctx, app))


def _details(ctx: Context, app: App) -> list[Container]:
    leaving = ctx.part(Retirer).retiring()
    scheduler = ctx.schedulers.of(app)
    looked = [scheduler.inspect(found.id) for found in scheduler.containers(app) if found.id not in leaving]
    return [container for container in looked if container is not None]
