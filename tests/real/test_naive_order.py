"""A worker that fails its check, rolled out here and by the order that scripts have: the table of docs/releases.md."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from instance import SOURCES, Server
from test_service import app

pytestmark = pytest.mark.real

NAIVE = Path(__file__).with_name("naive_daemon.py")
GOOD, BAD = "worker: sleep 10000\n", "worker: sh -c 'exit 3'\n"


def _after_a_bad_worker(server: Server, code: Path, stack: str, title: str) -> tuple[str, str]:
    """The row of the table, and what the pusher read."""
    first = server.git_push(app(code, stack, "one", procfile="web: python3 web.py\n" + GOOD), "shop")
    assert first.status == 0, first.err
    assert server.paas("ps:scale shop worker=1").status == 0
    app(code, stack, "two", procfile="web: python3 web.py\n" + BAD)

    pushed = server.git_push(code, "shop")

    assert pushed.status == 1
    site = server.get("shop").body.split()[0]
    rows = json.loads(server.paas("ps shop --format json").out)
    runs = {row["process"]: row["release"] for row in rows if row["state"] == "running"}
    return f"| {title} | {site} | {runs.get('worker.1', 'none')} |", pushed.err


def test_a_worker_that_fails_leaves_all_on_the_old_release_and_not_a_mix(
    instances: Callable[..., Server], stack: str, tmp_path: Path
) -> None:
    here, said = _after_a_bad_worker(instances(), tmp_path / "here", stack, "all types, one switch (here)")
    scripted = instances()
    scripted.stop()
    scripted.program = (sys.executable, str(NAIVE))
    scripted.start()
    naive, _ = _after_a_bad_worker(scripted, tmp_path / "naive", stack, "type after type (scripts)")

    assert "worker.1 exited with status 3" in said
    assert [here, naive] == [
        "| all types, one switch (here) | v1 | v1 |",
        "| type after type (scripts) | v2 | v1 |",
    ]
    page = (SOURCES / "docs" / "releases.md").read_text()
    assert f"{here}\n{naive}\n" in page
