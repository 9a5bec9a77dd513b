"""kill -9 of the daemon at every journaled step of a push, a rollback and a scale: the old or the new, never a mix."""

from __future__ import annotations

import json
import signal
from itertools import product
from pathlib import Path

import pytest
from agreement import agree, releases, settled
from instance import SECONDS, Server, eventually
from load import Load
from test_service import app

from paas.core.jobs.journal import Step

pytestmark = pytest.mark.real

# Every step that there is, so that a new one can't escape. Of what git pushes nothing is fetched, and no registry is
# told (test_sources.py has these); a rollback and a scale have no source to read and build, and nothing has to make way
# for more of web.
ELSEWHERE = {Step.FETCH, Step.PUSH}
NOT_IN = {
    "push": ELSEWHERE,
    "rollback": ELSEWHERE | {Step.READ, Step.BUILD, Step.PHASE},
    "scale": ELSEWHERE | {Step.READ, Step.BUILD, Step.PHASE, Step.RELEASE, Step.MAKE_WAY},
}
CASES = [
    (operation, step.value, when)
    for operation, step, when in product(NOT_IN, Step, ("before", "after"))
    if step not in NOT_IN[operation]
]
PROCFILE = "release: true\nweb: python3 web.py\nworker: sleep 10000\n"


@pytest.fixture(scope="module")
def code(stack: str, tmp_path_factory: pytest.TempPathFactory, instance: Server) -> Path:
    """An app whose worker must not overlap, pushed twice, so that there is a release to go back to."""
    folder = app(tmp_path_factory.mktemp("code"), stack, "first", procfile=PROCFILE)
    (folder / "paas.yml").write_text("processes: {worker: {overlap: false}}\n")
    assert instance.git_push(folder, "victim").status == 0
    scaled = instance.paas("ps:scale victim web=2 worker=1")
    assert scaled.status == 0, scaled.err
    return folder


@pytest.mark.parametrize(("operation", "step", "when"), CASES)
def test_a_crash_leaves_the_old_or_the_new(
    instance: Server, code: Path, stack: str, fault: Path, operation: str, step: str, when: str
) -> None:
    before = releases(instance, "victim")[0]["version"]
    text = f"{operation} {step} {when}"
    if operation == "push":
        app(code, stack, text, procfile=PROCFILE)
    old = instance.get("victim").body
    size = 5 - json.loads(instance.paas("ps:scale victim --format json").out)["web"]
    fault.write_text(f"{step} {when} kill")

    with Load(instance.http_port, "victim.localhost", rate=60) as load:
        if operation == "push":
            outcome = instance.git_push(code, "victim")
        elif operation == "rollback":
            outcome = instance.paas("releases:rollback victim")
        else:
            outcome = instance.paas(f"ps:scale victim web={size}")
        assert outcome.status != 0
        assert fault.read_text() == "", outcome.err
        assert instance.daemon is not None
        assert instance.daemon.wait(SECONDS) == -signal.SIGKILL
        instance.start()
        rows = eventually(lambda: settled(instance, "victim"))
        agree(instance, rows)

    assert load.failures() == {}
    made = releases(instance, "victim")
    current = [release for release in made if release["state"] == "current"]
    assert len(current) == 1
    assert not any(release["state"] == "pending" for release in made)
    assert {row["release"] for row in rows} == {current[0]["version"]}
    body = instance.get("victim").body
    assert body.split()[0] == current[0]["version"]
    if operation == "push":
        branch = instance.git(code, "ls-remote", instance.url("victim"), "refs/heads/main").out.split()[0]
        assert branch.startswith(current[0]["commit"])
    if operation == "scale" or current[0]["version"] == before:
        assert body == old

    again = instance.git_push(app(code, stack, text + " again", procfile=PROCFILE), "victim")
    assert again.status == 0, again.err
    assert instance.get("victim").body.endswith(text + " again")
