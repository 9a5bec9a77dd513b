"""The disk of the data root fills at a step of a push: the old release or the new, and once there is room, the next."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from agreement import agree, releases, settled
from instance import FAULTY, Server, eventually, run
from load import Load
from test_service import app

from paas.core.jobs.journal import Step

pytestmark = pytest.mark.real
# What is fetched from elsewhere, and told to a registry, is not part of a push.
ELSEWHERE = {Step.FETCH, Step.PUSH}
# Every step that there is, so that a new one can't escape; what comes after one is before the next, but for these.
CASES = [(step.value, "before") for step in Step if step not in ELSEWHERE]
CASES += [(Step.RECORD.value, "after"), (Step.RETIRE.value, "after")]
PROCFILE = "release: true\nweb: python3 web.py\nworker: sleep 10000\n"


@pytest.fixture(scope="module")
def small(engine: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An instance whose data root is on a file system of 40 MB."""
    folder = tmp_path_factory.mktemp("small")
    run("mount", "-t", "tmpfs", "-o", "size=40m", "paas-small", str(folder))
    try:
        server = Server(folder)
        server.stop()
        (folder / "fault").touch()
        server.program = (sys.executable, str(FAULTY), str(folder / "fault"))
        server.start()
        assert server.paas("settings:set build-min-disk 1m").status == 0
        yield server
        server.close()
    finally:
        run("umount", str(folder))


@pytest.fixture(scope="module")
def code(stack: str, tmp_path_factory: pytest.TempPathFactory, small: Server) -> Path:
    """An app whose worker must not overlap, pushed once."""
    folder = app(tmp_path_factory.mktemp("code"), stack, "first", procfile=PROCFILE)
    (folder / "paas.yml").write_text("processes: {worker: {overlap: false}}\n")
    pushed = small.git_push(folder, "victim")
    assert pushed.status == 0, pushed.err
    assert small.paas("ps:scale victim web=2 worker=1").status == 0
    return folder


@pytest.mark.parametrize(("step", "when"), CASES)
def test_a_disk_that_fills_leaves_the_old_or_the_new(
    small: Server, code: Path, stack: str, step: str, when: str
) -> None:
    before, old = releases(small, "victim")[0]["version"], small.get("victim").body
    (small.folder / "fault").write_text(f"{step} {when} fill")
    text = f"{step} {when}"

    with Load(small.http_port, "victim.localhost", rate=60) as load:
        outcome = small.git_push(app(code, stack, text, procfile=PROCFILE), "victim")
        filler = small.folder / "filler"
        assert filler.exists(), outcome.err
        body = small.get("victim").body
        filler.unlink()
        rows = eventually(lambda: settled(small, "victim"))

    assert load.failures() == {}
    if outcome.status == 0:
        assert body.endswith(text)
    else:
        assert re.search("a disk of the server is full|No space left on device", outcome.err), outcome.err
    current = [release for release in releases(small, "victim") if release["state"] == "current"]
    assert [release["version"] for release in current] == [body.split()[0]]
    if body == old:
        assert current[0]["version"] == before
    agree(small, rows)

    again = small.git_push(app(code, stack, text + " again", procfile=PROCFILE), "victim")
    assert again.status == 0, again.err
    assert small.get("victim").body.endswith(text + " again")
