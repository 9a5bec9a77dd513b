"""Releases and deployments."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

from paas.core.containers import settings
from paas.core.cron import entries
from paas.core.cron.entries import CronEntry
from paas.core.errors import NotFound, PaasError
from paas.core.git.refs import RefUpdate
from paas.core.health import checks
from paas.core.model import SERVER, App, Deployment, DeploymentStatus, Draft, Process, Release, ReleaseState, Summary
from paas.store.apps import as_app, gone
from paas.store.database import Database, Row
from paas.store.sealed import Sealer


def _process(row: dict[str, Any]) -> Process:
    # Older rows lack the later fields.
    return Process(**{**row, "checks": tuple(checks.stored(check) for check in row.get("checks", ()))})


class Releases:
    """Releases of all apps. Only a release's state ever changes."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._db = database
        self._sealer = sealer

    def _release(self, row: Row) -> Release:
        own, shared = self._sealer.open_maps(row["config"])
        return Release(
            image=row["image"],
            commit=row["commit_id"],
            processes=tuple(_process(process) for process in json.loads(row["processes"])),
            config=own,
            shared=shared,
            actor=row["actor"],
            cause=row["cause"],
            id=row["id"],
            app_id=row["app_id"],
            version=row["version"],
            created_at=row["created_at"],
            cron=tuple(entries.stored(entry) for entry in json.loads(row["cron"])),
            state=ReleaseState(row["state"]),
            static=json.loads(row["static"]),
            container=settings.stored(json.loads(row["container"])) if row["container"] else None,
        )

    def add(self, app: App, draft: Draft, now: float) -> Release:
        """Record the draft as the app's next version, pending."""
        with self._db.transaction():
            newest = self._db.one("SELECT max(version) AS version FROM releases WHERE app_id = ?", app.id)
            version = ((newest["version"] if newest else None) or 0) + 1
            self._db.execute(
                "INSERT INTO releases (app_id, version, created_at, actor, cause, commit_id, image, processes, config,"
                " cron, static, container, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending')",
                app.id, version, now, draft.actor, draft.cause, draft.commit, draft.image,
                json.dumps([asdict(process) for process in draft.processes]),
                self._sealer.seal_maps(draft.config, draft.shared),
                json.dumps([entries.as_row(entry) for entry in draft.cron]),
                json.dumps(dict(draft.static)),
                json.dumps(settings.as_row(draft.container)) if draft.container else None,
            )  # fmt: skip
            return self.get(app, version)

    def summaries(self, app: App) -> list[Summary]:
        """Return the app's releases, newest first, without their content: there may be many thousands."""
        rows = self._db.all(
            "SELECT version, state, created_at, actor, cause, commit_id, image FROM releases WHERE app_id = ?"
            " ORDER BY version DESC",
            app.id,
        )
        return [Summary(row[0], ReleaseState(row[1]), *row[2:]) for row in rows]

    def served_images(self, app: App, limit: int) -> list[tuple[int, str]]:
        """Return version and image of the releases that serve or served the app, newest first, at most ``limit``."""
        rows = self._db.all(
            "SELECT version, image FROM releases WHERE app_id = ? AND state IN ('current', 'superseded')"
            " ORDER BY version DESC LIMIT ?",
            app.id, limit,
        )  # fmt: skip
        return [(row["version"], row["image"]) for row in rows]

    def get(self, app: App, version: int) -> Release:
        """Return one release. Raise `NotFound` if the app has none of that version."""
        row = self._db.one("SELECT * FROM releases WHERE app_id = ? AND version = ?", app.id, version)
        if row is None:
            raise NotFound(
                f"{app.name} has no release v{version}",
                fix=f"'releases {app.name}' lists them.",
                code="no-such-release",
            )
        return self._release(row)

    def current(self, app: App) -> Release | None:
        """Return the release that serves the app, or None before the first one."""
        row = self._db.one(
            "SELECT r.* FROM releases r JOIN apps a ON a.id = r.app_id AND a.version = r.version WHERE a.id = ?", app.id
        )
        return self._release(row) if row else None

    def deployed(self, app: App) -> Release:
        """Return the release that serves. Raise an error with a fix if there is none yet."""
        current = self.current(app)
        if current is None:
            raise PaasError(f"{app.name} has not been deployed yet", fix="Push to it first.", code="not-deployed")
        return current

    def scheduled(self, app: App | None = None) -> list[tuple[App, float, tuple[CronEntry, ...]]]:
        """Return the apps (or only the given one) whose current release has cron entries, with the release's time and
        entries.
        """
        rows = self._db.all(
            "SELECT a.*, r.created_at AS since, r.cron FROM releases r JOIN apps a ON a.id = r.app_id"
            " AND a.version = r.version WHERE r.cron != '[]' AND ? IN (0, a.id) ORDER BY a.name",
            app.id if app else 0,
        )
        return [
            (as_app(row), row["since"], tuple(entries.stored(entry) for entry in json.loads(row["cron"])))
            for row in rows
        ]

    def make_current(self, app: App, release: Release) -> None:
        """Make it the release that serves the app, and the previous one superseded."""
        with self._db.transaction():
            self._db.execute(
                "UPDATE releases SET state = 'superseded' WHERE app_id = ? AND state = 'current'", app.id
            )
            self._db.execute("UPDATE releases SET state = 'current' WHERE id = ?", release.id)
            self._db.execute("UPDATE apps SET version = ? WHERE id = ?", release.version, app.id)

    def set_image(self, release: Release, image: str) -> Release:
        """Record another image of a release that does not serve yet. Return the release with it."""
        self._db.execute("UPDATE releases SET image = ? WHERE id = ?", image, release.id)
        return replace(release, image=image)

    def fail(self, release: Release) -> bool:
        """Record that it never served. Return False if it does, or did."""
        changed = self._db.execute(
            "UPDATE releases SET state = 'failed' WHERE id = ? AND state = 'pending'", release.id
        )
        return changed.rowcount == 1

    def fail_pending(self) -> int:
        """Mark all pending releases as failed after a crash. Return their number."""
        return self._db.execute("UPDATE releases SET state = 'failed' WHERE state = 'pending'").rowcount


class Deployments:
    """Deployments of apps, with their steps."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @staticmethod
    def _deployment(row: Row) -> Deployment:
        return Deployment(
            row["id"], row["app_id"], row["kind"], row["actor"], row["cause"], DeploymentStatus(row["status"]),
            row["step"], row["started_at"], row["finished_at"], row["commit_id"], row["version"], row["error"],
            RefUpdate.from_words(row["landing"]) if row["landing"] else None,
        )  # fmt: skip

    def add(self, app: App, kind: str, actor: str, cause: str, now: float) -> int:
        """Add a queued deployment. Return its id. Raise `NoSuchApp` if the app was destroyed meanwhile."""
        cursor = self._db.execute(
            "INSERT INTO deployments (app_id, kind, actor, cause, status, started_at)"
            " SELECT id, ?, ?, ?, 'queued', ? FROM apps WHERE id = ?",
            kind, actor, cause, now, app.id,
        )  # fmt: skip
        if not cursor.rowcount:
            raise gone()
        return int(cursor.lastrowid or 0)

    def queue(self, deployment_id: int) -> None:
        """Mark it as queued."""
        self._db.execute("UPDATE deployments SET status = 'queued' WHERE id = ?", deployment_id)

    def begin(self, deployment_id: int, now: float) -> None:
        """Mark it as running."""
        self._db.execute("UPDATE deployments SET status = 'running', started_at = ? WHERE id = ?", now, deployment_id)

    def step(self, deployment_id: int, position: int, name: str) -> None:
        """Record the beginning of a step."""
        with self._db.transaction():
            self._db.execute("UPDATE deployments SET step = ? WHERE id = ?", name, deployment_id)
            self._db.execute("INSERT INTO steps VALUES (?, ?, ?, NULL)", deployment_id, position, name)

    def step_done(self, deployment_id: int, position: int, seconds: float) -> None:
        """Record the end of a step after that many seconds."""
        self._db.execute(
            "UPDATE steps SET seconds = ? WHERE deployment_id = ? AND position = ?", seconds, deployment_id, position
        )

    def note(self, deployment_id: int, *, commit: str | None = None, version: int | None = None) -> None:
        """Record what it deploys."""
        self._db.execute(
            "UPDATE deployments SET commit_id = coalesce(?, commit_id), version = coalesce(?, version) WHERE id = ?",
            commit, version, deployment_id,
        )  # fmt: skip

    def land(self, deployment_id: int, update: RefUpdate) -> None:
        """Record the branch that moves with its release."""
        self._db.execute("UPDATE deployments SET landing = ? WHERE id = ?", update.words(), deployment_id)

    def finish(self, deployment_id: int, status: DeploymentStatus, now: float, error: str = "") -> None:
        """Record its end, with the code of an error."""
        self._db.execute(
            "UPDATE deployments SET status = ?, finished_at = ?, error = ? WHERE id = ?",
            status.value, now, error, deployment_id,
        )  # fmt: skip

    def abandon_unfinished(self, now: float) -> list[Deployment]:
        """Mark unfinished deployments as abandoned after a crash. Return them as they were."""
        with self._db.transaction():
            rows = self._db.all("SELECT * FROM deployments WHERE status IN ('queued', 'running')")
            self._db.execute(
                "UPDATE deployments SET status = 'abandoned', finished_at = ? WHERE status IN ('queued', 'running')",
                now,
            )
        return [self._deployment(row) for row in rows]

    def get(self, deployment_id: int) -> Deployment:
        """Return one deployment. Raise `NotFound`."""
        row = self._db.one("SELECT * FROM deployments WHERE id = ?", deployment_id)
        if row is None:
            raise NotFound(
                f"there is no build {deployment_id}", fix="'builds:list' lists them.", code="no-such-build"
            )
        return self._deployment(row)

    def all(self, app: App | None, *, status: str = "", kind: str = "", limit: int = 100) -> list[Deployment]:
        """Return the deployments of the app, or of all, newest first, optionally only of a status and kind."""
        # The + disables an index: for one app, rows of the status of all apps would be read.
        asked = [
            (condition, value)
            for condition, value in (
                ("app_id = ?", app.id if app else 0),
                ("+status = ?" if app else "status = ?", status),
                ("kind = ?", kind),
            )
            if value
        ]
        where = " AND ".join(condition for condition, _ in asked) or "1"
        rows = self._db.all(
            f"SELECT * FROM deployments WHERE {where} ORDER BY id DESC LIMIT ?", *(value for _, value in asked), limit
        )
        return [self._deployment(row) for row in rows]

    def older(self, app: App, keep: int, limit: int = 100) -> list[int]:
        """Return the numbers of the app's deployments beyond the newest ``keep`` of users, and the newest ``keep`` of
        the server; newest first, at most ``limit`` of each. So many repairs do not push out any push.
        """
        found: list[int] = []
        for own in ("=", "<>"):
            rows = self._db.all(
                f"SELECT id FROM deployments WHERE app_id = ? AND actor {own} ? ORDER BY id DESC LIMIT ? OFFSET ?",
                app.id, SERVER, limit, keep,
            )  # fmt: skip
            found += [row["id"] for row in rows]
        return found

    def forget_own(self, app: App, keep: int) -> None:
        """Forget the server's own deployments except the newest ``keep``: a crashing app has thousands."""
        self._db.execute(
            "DELETE FROM deployments WHERE app_id = ? AND actor = ? AND finished_at IS NOT NULL AND id <= coalesce("
            "(SELECT id FROM deployments WHERE app_id = ? AND actor = ? ORDER BY id DESC LIMIT 1 OFFSET ?), 0)",
            app.id, SERVER, app.id, SERVER, keep,
        )  # fmt: skip

    def newest(self, keep: int) -> set[int]:
        """Return the numbers of the newest ``keep`` deployments of each app."""
        rows = self._db.all(
            "SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY app_id, actor = ? ORDER BY id DESC) AS place"
            " FROM deployments) WHERE place <= ?",
            SERVER, keep,
        )
        return {row["id"] for row in rows}

    def last(self, app: App) -> Deployment | None:
        """Return the newest one of the app, or None."""
        row = self._db.one("SELECT * FROM deployments WHERE app_id = ? ORDER BY id DESC LIMIT 1", app.id)
        return self._deployment(row) if row else None

    def steps(self, deployment_id: int) -> list[tuple[str, float | None]]:
        """Return the steps in order with their seconds, None for an unfinished one."""
        rows = self._db.all("SELECT name, seconds FROM steps WHERE deployment_id = ? ORDER BY position", deployment_id)
        return [(row["name"], row["seconds"]) for row in rows]
