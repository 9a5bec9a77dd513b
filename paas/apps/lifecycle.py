"""The life cycle of an app: create, rename, clone, destroy."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from paas.apps.changes import change
from paas.core import names
from paas.core.errors import AlreadyExists, Disconnected, NoSuchApp
from paas.core.model import App
from paas.edge import dashboard, domains, former_hosts, publish, rules
from paas.jobs.context import Context
from paas.jobs.jobs import Job
from paas.jobs.locks import PublishLock
from paas.releases import deploy
from paas.releases.retire import Retirer
from paas.store.redirects import Redirects
from paas.system.spans import carried

_log = logging.getLogger(__name__)


def create(ctx: Context, name: str) -> App:
    """Create an app without a release. Its hosts show a page that says so."""
    app = register(ctx, name)
    # Neither the caller nor the app's next deployment has to wait for the proxy.
    ctx.jobs.start(
        app, kind="create", actor=ctx.caller.name, cause="apps:create", work=lambda job: publish.refresh(ctx, app),
        beside=True,
    )  # fmt: skip
    return app


def register(ctx: Context, name: str) -> App:
    """Create the app without publishing it. The deploy that follows does that."""
    if publish.is_host(names.app_name(name)):
        domains.check_free(ctx, None, [name])
    dashboard.check_free(ctx, publish.default_names(name, ctx.store.apps.domains(None)))
    return ctx.store.apps.create(names.app_name(name), actor=ctx.caller.name, now=ctx.clock.now())


def destroy(ctx: Context, app: App) -> None:
    """Remove the app with its containers, images, releases, configuration and repository."""

    def work(job: Job) -> None:
        hosts = ctx.store.apps.domains(job.app) or ctx.store.table(Redirects).of(job.app)
        freed = publish.is_host(job.app.name) or hosts
        others = rules.dependents(job.app, rules.led(ctx))
        _take_down(ctx, job.app)
        ctx.paths.remove_app(job.app)
        # Docker takes a while to remove a network. If the server dies first, its next start does it.
        ctx.part(Retirer).later(f"clearing up after {job.app.name}", lambda: _clear(ctx, app))
        for number in sorted(others):
            # Their routes to this app lead nowhere now. One of them may be destroyed at the same time.
            with suppress(NoSuchApp):
                publish.refresh(ctx, ctx.store.apps.by_id(number))
        if freed:
            # A freed host may be the default name of another app, which takes it now.
            publish.refresh_all(ctx)
        ctx.changed.notify()

    change(ctx, app, "destroy", "apps:destroy", work)


def _take_down(ctx: Context, app: App) -> None:
    """Remove its containers and runs while the proxy removes its hosts, then its rows.

    If the proxy fails, the rows are kept, and reconciliation starts the app again.
    """
    serves = bool(ctx.store.apps.replicas(app))
    with ctx.part(PublishLock).of(app.id), ThreadPoolExecutor(1, thread_name_prefix="withdraw") as beside:
        withdrawn = beside.submit(carried(partial(_withdraw, ctx, app))) if serves else None
        for feature in ctx.features:
            if feature.ending:
                feature.ending(ctx, app)
        for scheduler in ctx.schedulers:
            scheduler.forget(app.id)
        if withdrawn:
            withdrawn.result()
        with ctx.store.transaction():
            for feature in ctx.features:
                if feature.destroyed:
                    feature.destroyed(ctx, app)
            ctx.store.apps.delete(app)
    if not serves:
        # Only the page for an app without a release is removed; the caller need not wait for that.
        ctx.part(Retirer).later(f"forgetting the hosts of {app.name}", lambda: _forget_hosts(ctx, app))


def _clear(ctx: Context, app: App) -> None:
    for scheduler in ctx.schedulers:
        scheduler.clear(app.id)


def _withdraw(ctx: Context, app: App) -> None:
    """Remove the app from the proxy. The certificates of its hosts stay in use without a gap."""
    ctx.proxy.publish(*former_hosts.served(ctx, leaving=app))
    ctx.proxy.withdraw(str(app.id))


def _forget_hosts(ctx: Context, app: App) -> None:
    with ctx.part(PublishLock).of(app.id):
        _withdraw(ctx, app)


def rename(ctx: Context, app: App, name: str, *, restart: bool) -> App:
    """Rename the app. Its default domain, labels and variables follow."""
    names.app_name(name)
    if ctx.store.apps.find(name):
        raise AlreadyExists(f"the app {name!r} already exists", fix="Choose another name.")
    if publish.is_host(name):
        domains.check_free(ctx, app, [name])
    dashboard.check_free(ctx, publish.default_names(name, ctx.store.apps.domains(None)))

    def work(job: Job) -> App:
        renamed = ctx.store.apps.rename(job.app, name)
        try:
            publish.refresh(ctx, renamed, moved=True)
            if restart and renamed.version is not None and not renamed.stopped:
                deploy.same_again(ctx, renamed, job, actor=ctx.caller.name, cause="apps:rename")
        except Exception:
            # Its containers failed to start under the new name, or nginx refused it.
            _name_back(ctx, job, renamed)
            raise
        return renamed

    return change(ctx, app, "rename", "apps:rename", work)


def _name_back(ctx: Context, job: Job, renamed: App) -> None:
    try:
        back = ctx.store.apps.rename(renamed, job.app.name)
    except AlreadyExists:
        # For example, a push to the old name has created an app in the meantime.
        job.out.warning(f"Another app {job.app.name} exists by now. This app keeps the name {renamed.name}.")
        return
    publish.refresh(ctx, back)


def clone(ctx: Context, app: App, name: str, *, start: bool) -> App:
    """Create an app with the code, configuration, properties, formation and current image of this one; not its domains.

    If it cannot be published or does not start, the new app is removed.
    """
    copy = register(ctx, name)
    try:
        _copy(ctx, app, copy)
        _start_copy(ctx, app, copy, start=start)
    except Disconnected:
        # Only the client has disconnected. The clone is created anyway.
        raise
    except BaseException:
        _discard(ctx, copy)
        raise
    return copy


def _copy(ctx: Context, app: App, copy: App) -> None:
    for feature in ctx.features:
        if feature.copied:
            feature.copied(ctx, app, copy)


def _start_copy(ctx: Context, app: App, copy: App, *, start: bool) -> None:
    current = ctx.store.releases.current(app)
    if current is None or not start:
        publish.refresh(ctx, copy)
        return
    cause = f"clone of {app.name}"
    shared = ctx.store.config.all(None)
    draft = deploy.reconfigured(ctx, copy, current, current.config, shared, actor=ctx.caller.name, cause=cause)

    def work(job: Job) -> None:
        deploy.release(ctx, job.app, job, draft)

    change(ctx, copy, "clone", cause, work)


def _discard(ctx: Context, app: App) -> None:
    """Remove a clone that failed."""
    if ctx.store.apps.exists(app):
        _take_down(ctx, app)
        ctx.paths.remove_app(app)
        ctx.part(Retirer).later(f"clearing up after {app.name}", lambda: _clear(ctx, app))
