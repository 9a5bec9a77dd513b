"""The life of an app: created, renamed, copied, destroyed."""

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
    """A new app with nothing deployed; it answers with a page that says so."""
    app = register(ctx, name)
    # Nobody has to wait for the proxy here: not the caller, and not the next change of the app.
    ctx.jobs.start(
        app, kind="create", actor=ctx.caller.name, cause="apps:create", work=lambda job: publish.refresh(ctx, app),
        beside=True,
    )  # fmt: skip
    return app


def register(ctx: Context, name: str) -> App:
    """The app alone; a deploy that follows tells the proxy of it."""
    if publish.is_host(names.app_name(name)):
        domains.check_free(ctx, None, [name])
    dashboard.check_free(ctx, publish.default_names(name, ctx.store.apps.domains(None)))
    return ctx.store.apps.create(names.app_name(name), actor=ctx.caller.name, now=ctx.clock.now())


def destroy(ctx: Context, app: App) -> None:
    """Removes the app with its containers, images, releases, configuration and repository."""

    def work(job: Job) -> None:
        hosts = ctx.store.apps.domains(job.app) or ctx.store.table(Redirects).of(job.app)
        freed = publish.is_host(job.app.name) or hosts
        others = rules.dependents(job.app, rules.led(ctx))
        _take_down(ctx, job.app)
        ctx.paths.remove_app(job.app)
        # The engine takes a while for a network. If the server dies before, its next start does the same.
        ctx.part(Retirer).later(f"clearing up after {job.app.name}", lambda: ctx.scheduler.clear(app.id))
        for number in sorted(others):
            # Their routes lead nowhere now; one may be destroyed at the same time.
            with suppress(NoSuchApp):
                publish.refresh(ctx, ctx.store.apps.by_id(number))
        if freed:
            # One of them may be the default name of another app, which has it now.
            publish.refresh_all(ctx)
        ctx.changed.notify()

    change(ctx, app, "destroy", "apps:destroy", work)


def _take_down(ctx: Context, app: App) -> None:
    """Its containers and runs go while the proxy forgets it; then its rows.

    Should the proxy fail, the rows are still there, and what they want comes back.
    """
    serves = bool(ctx.store.apps.replicas(app))
    with ctx.part(PublishLock).of(app.id), ThreadPoolExecutor(1, thread_name_prefix="withdraw") as beside:
        withdrawn = beside.submit(carried(partial(_withdraw, ctx, app))) if serves else None
        for feature in ctx.features:
            if feature.ending:
                feature.ending(ctx, app)
        ctx.scheduler.forget(app)
        if withdrawn:
            withdrawn.result()
        with ctx.store.transaction():
            for feature in ctx.features:
                if feature.destroyed:
                    feature.destroyed(ctx, app)
            ctx.store.apps.delete(app)
    if not serves:
        # It answered with a page that says so; nobody has to wait until that is gone.
        ctx.part(Retirer).later(f"forgetting the hosts of {app.name}", lambda: _forget_hosts(ctx, app))


def _withdraw(ctx: Context, app: App) -> None:
    """Have the proxy forget the app. The certificates of its hosts go on being shown, without a gap."""
    ctx.proxy.publish(*former_hosts.served(ctx, leaving=app))
    ctx.proxy.withdraw(str(app.id))


def _forget_hosts(ctx: Context, app: App) -> None:
    with ctx.part(PublishLock).of(app.id):
        _withdraw(ctx, app)


def rename(ctx: Context, app: App, name: str, *, restart: bool) -> App:
    """Gives the app another name: its default domain, labels and variables follow."""
    names.app_name(name)
    if ctx.store.apps.find(name):
        raise AlreadyExists(f"there is an app {name!r} already", fix="Choose another name.")
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
            # Its containers did not come up under the new name, or the proxy did not take it.
            _name_back(ctx, job, renamed)
            raise
        return renamed

    return change(ctx, app, "rename", "apps:rename", work)


def _name_back(ctx: Context, job: Job, renamed: App) -> None:
    try:
        back = ctx.store.apps.rename(renamed, job.app.name)
    except AlreadyExists:
        # A push to the old name, for instance, has made an app meanwhile.
        job.out.warning(f"There is another app {job.app.name} by now: this one goes on as {renamed.name}.")
        return
    publish.refresh(ctx, back)


def clone(ctx: Context, app: App, name: str, *, start: bool) -> App:
    """A new app with the code, configuration, properties, formation and current image of this one; not its domains.

    If it can't be served or does not start, there is no such app.
    """
    copy = register(ctx, name)
    try:
        _copy(ctx, app, copy)
        _start_copy(ctx, app, copy, start=start)
    except Disconnected:
        # The client alone is gone: the copy comes all the same.
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
    """Removes an app that did not come to be."""
    if ctx.store.apps.exists(app):
        _take_down(ctx, app)
        ctx.paths.remove_app(app)
        ctx.part(Retirer).later(f"clearing up after {app.name}", lambda: ctx.scheduler.clear(app.id))
