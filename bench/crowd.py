"""Many apps without containers, as if they were deployed and stopped: written into a stopped daemon's database."""

from __future__ import annotations

import time
from pathlib import Path

from paas.core.model import DeploymentStatus, Draft, Process
from paas.core.secret import Secret
from paas.git.repository import Repository
from paas.store import Store
from paas.system.paths import Paths

VARIABLES = {name: Secret(f"value-of-{name.lower()}") for name in ("DATABASE_URL", "SECRET_KEY", "LANG", "TZ")}
ACTOR = "bench"


def seed(root: Path, first: int, last: int, *, repositories: bool = False) -> None:
    """Apps ``crowd-FIRST`` up to ``crowd-LAST`` (not included), each with a release, variables, a domain of its own and
    a change in the journal. The daemon of the data root must not run."""
    store, paths = Store(root), Paths(root)
    try:
        with store.transaction():
            for number in range(first, last):
                _app(store, number)
        for number in range(first, last) if repositories else ():
            Repository.create(paths.repository(store.apps.get(f"crowd-{number:03d}")))
    finally:
        store.close()


def _app(store: Store, number: int) -> None:
    now = time.time()
    app = store.apps.create(f"crowd-{number:03d}", actor=ACTOR, now=now)
    store.config.set(app, VARIABLES)
    store.apps.set_domains(app, [f"www.crowd-{number:03d}.example"])
    store.apps.set_formation(app, {"web": 1})
    draft = Draft(
        image="sha256:" + f"{number:064x}", commit=f"{number:040x}", processes=(Process("web", None, 5000),),
        config=VARIABLES, shared={}, actor=ACTOR, cause="git push",
    )  # fmt: skip
    release = store.releases.add(app, draft, now)
    store.releases.make_current(app, release)
    store.apps.set_stopped(app, True)
    change = store.deployments.add(app, "push", ACTOR, "git push", now)
    store.deployments.note(change, commit=draft.commit, version=release.version)
    store.deployments.finish(change, DeploymentStatus.SUCCEEDED, now + 1)
