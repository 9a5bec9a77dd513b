"""What a push asks of git, the engine and nginx, counted by its trace: the same on every machine."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from instance import Server
from test_service import app

pytestmark = pytest.mark.real


def profile(instance: Server) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(instance.paas("deploy:trace counted --format json").out)
    return found


def test_a_push_asks_for_nothing_twice(instance: Server, stack: str, tmp_path: Path) -> None:
    code = app(tmp_path / "code", stack)
    assert instance.git_push(code, "counted").status == 0
    app(code, stack, "two")
    assert instance.git_push(code, "counted").status == 0

    trace = profile(instance)
    calls = Counter(span["name"] for span in trace["spans"])
    assert trace["status"] == "succeeded"
    once = ("docker build", "nginx -t", "nginx reload", "creating a container", "starting a container")
    assert {name: calls[name] for name in once} == dict.fromkeys(once, 1)
    assert sum(count for name, count in calls.items() if name.startswith("git ")) <= 10, calls
    # Looking whether it is healthy is repeated until it is.
    asked = {name: count for name, count in calls.items() if name.partition(" ")[0].endswith("ing")}
    asked.pop("inspecting a container")
    assert sum(asked.values()) <= 11, asked

    steps = [span for span in trace["spans"] if span["depth"] == 0]
    # What passes between two steps is a row of its own from half a millisecond on.
    assert sum(step["ms"] for step in steps) == pytest.approx(trace["ms"], abs=0.6 * len(steps))
    assert {"receive", "read", "build", "start", "health", "switch", "record"} <= {step["name"] for step in steps}


def test_a_rollback_builds_nothing_and_reloads_once(instance: Server) -> None:
    assert instance.paas("releases:rollback counted").status == 0
    calls = Counter(span["name"] for span in profile(instance)["spans"])
    assert (calls["docker build"], calls["nginx reload"], calls["starting a container"]) == (0, 1, 1)
