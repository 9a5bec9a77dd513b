"""Whether all that knows of an app says the same."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing

import listings
from instance import Server


def releases(server: Server, app: str) -> list[dict[str, str]]:
    """The releases of the app, newest first."""
    return json.loads(server.paas(f"releases {app} --format json").out)


def settled(server: Server, app: str) -> list[dict[str, str | int]] | None:
    """The containers once there are only wanted ones, all running, and nothing is being repaired any more."""
    rows = json.loads(server.paas(f"ps {app} --format json").out)
    if not rows or any(row["state"] != "running" for row in rows):
        return None
    # After that look, not before: a repair has its container running some moments before it ends.
    builds = json.loads(server.paas(f"builds:list {app} --format json").out)
    return None if any(build["status"] in ("queued", "running") for build in builds) else rows


def agree(server: Server, rows: list[dict[str, str | int]]) -> None:
    """Database, labels, published ports and the nginx file say the same."""
    with closing(sqlite3.connect(f"file:{server.root / 'paas.db'}?mode=ro", uri=True)) as database:
        wanted = set(database.execute("SELECT process_type || '.' || idx, slot, version, port FROM replicas"))
        unfinished = database.execute("SELECT id FROM deployments WHERE status IN ('queued', 'running')").fetchall()
    found = listings.containers(f"paas.instance={server.instance()}", ended=False)
    assert all("paas.index" in row["Labels"] for row in found), found
    there = {
        (
            f"{row['Labels']['paas.process']}.{row['Labels']['paas.index']}",
            int(row["Labels"]["paas.slot"]),
            int(row["Labels"]["paas.release"]),
            next((port["PublicPort"] for port in row["Ports"] if "PublicPort" in port), None),
        )
        for row in found
    }
    (file,) = (server.root / "nginx" / "apps").glob("[0-9]*.conf")
    served = {int(port) for port in re.findall(r"server 127\.0\.0\.1:(\d+)", file.read_text())}

    assert there == wanted
    assert len(rows) == len(wanted)
    assert served == {port for *_, port in wanted if port is not None}
    assert unfinished == []
