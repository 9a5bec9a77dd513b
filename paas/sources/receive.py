"""Handling of a push: decide about each ref, deploy it if necessary, and report the result for each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from paas.apps import lifecycle, locks
from paas.core import names
from paas.core.errors import AlreadyExists, NoSuchApp, PaasError, PushRefused
from paas.core.git import push
from paas.core.git.push import Action, Decision
from paas.core.git.refs import MOVED, RefUpdate
from paas.core.model import App
from paas.edge import publish
from paas.git.process import GitFailed
from paas.git.quarantine import Quarantine
from paas.git.repository import repository_of
from paas.jobs import superseding
from paas.jobs.context import Context
from paas.jobs.jobs import Job
from paas.jobs.output import Output
from paas.releases import landing
from paas.releases.deploy import Commit

# A push is watched to its end even if the client has disconnected: its result moves the ref.
_NEVER = threading.Event()


def app_for_push(ctx: Context, path: str) -> App:
    """Return the app of the path in a push's URL. Create it if it does not exist and that is allowed."""
    name = app_in_path(path)
    found = ctx.store.apps.find(name)
    if found is not None:
        return found
    if ctx.store.properties.of(None).value("apps", "disable-autocreation"):
        raise NoSuchApp(
            f"there is no app {name!r}",
            why="Pushes do not create apps on this server (apps:set --global disable-autocreation).",
            fix=f"Run 'apps:create {name}' first.",
        )
    try:
        return lifecycle.register(ctx, name)
    except AlreadyExists:
        # Another push made it at this moment; or the name is taken by a host of something else.
        made = ctx.store.apps.find(name)
        if made is None:
            raise
        return made


def app_in_path(path: str) -> str:
    """Return ``hello`` for ``hello``, ``/hello``, ``hello.git`` or ``/hello.git``. Raise an error for an invalid name.
    """
    return names.app_name(path.removeprefix("/").removesuffix("/").removesuffix(".git"))


class PushReceiver:
    """The receiver of one push to one app."""

    def __init__(self, ctx: Context, app: App) -> None:
        self._ctx = ctx
        self._app = app

    def admit(self, options: Sequence[str], progress: Callable[[bytes], None]) -> None:
        """Wait for a lock on the app as long as the pusher allows. Raise an error while it is locked."""
        told = replace(self._ctx, out=Output(progress, progress))
        try:
            locks.enter(told, self._app, push.lock_wait(options))
        except PaasError as error:
            told.out.error(error)
            raise

    def update(
        self, updates: Sequence[RefUpdate], quarantine: Quarantine, progress: Callable[[bytes], None]
    ) -> Mapping[str, str | None]:
        """Return for each ref None to accept it, else the reason for the refusal."""
        out = Output(progress, progress)
        configured = self._ctx.store.properties.of(self._app).text("git", "deploy-branch")
        plan = push.decide(updates, configured)
        refused = {entry.update.ref: entry.message for entry in plan.decisions if entry.action is Action.REFUSE}
        if refused and quarantine.atomic:
            # None of the refs will move, so nothing is deployed for any of them.
            return {update.ref: refused.get(update.ref) for update in updates}
        verdicts = {decision.update.ref: self._carry_out(decision, quarantine, out) for decision in plan.decisions}
        if all(decision.action is not Action.DEPLOY for decision in plan.decisions) and self._app.version is None:
            # The push may have made the app: its address tells that nothing is deployed yet.
            publish.refresh(self._ctx, self._app)
        return verdicts

    def _carry_out(self, decision: Decision, quarantine: Quarantine, out: Output) -> str | None:
        if decision.action is Action.REFUSE:
            return decision.message
        if decision.action is Action.STORE:
            if decision.message:
                out.warning(decision.message)
            return None
        return self._deploy(decision.update, quarantine, out)

    def _deploy(self, update: RefUpdate, quarantine: Quarantine, out: Output) -> str | None:
        assert update.new is not None
        actor = self._ctx.caller.name

        def work(job: Job) -> str | None:
            current = self._current(update, quarantine)
            moved = replace(update, old=current)
            assert moved.new is not None

            def landed() -> None:
                landing.land(self._ctx, job.app, quarantine, moved)

            if current == update.new and current != update.old:
                job.out.step("The previous push has deployed the same commit")
                landed()
            else:
                landing.deploy_first(self._ctx, job, Commit(moved.new, actor, "git push", quarantine, moved, landed))
            return quarantine.accept([moved])[moved.ref]

        try:
            return self._ctx.jobs.run(
                self._app, kind="push", actor=actor, cause="git push", work=work, watch=out.chatter, gone=_NEVER,
                push=superseding.PushToDeploy(update.new, lambda older: self._follows(update, older, quarantine)),
            )  # fmt: skip
        except PaasError as error:
            out.error(error)
            return f"{error.what} [{error.code}]"

    def _follows(self, update: RefUpdate, older: str, quarantine: Quarantine) -> bool:
        assert update.new is not None
        try:
            return repository_of(self._ctx, self._app).descends(update.new, older, quarantine)
        except GitFailed:
            # What this push brought does not even have that commit.
            return False

    def _current(self, update: RefUpdate, quarantine: Quarantine) -> str | None:
        """Return the branch's commit, under the app's lock: an earlier push may have moved it.

        That is fine if this push descends from it, as when a user pushes again before the first push is done.
        """
        repository = repository_of(self._ctx, self._app)
        current = repository.resolve(update.ref)
        if current != update.old and not (
            current and update.new and repository.descends(update.new, current, quarantine)
        ):
            raise PushRefused(MOVED)
        return current
