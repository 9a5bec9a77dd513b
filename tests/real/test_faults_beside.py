"""While a push is at work nginx is killed, or a container is removed by hand: the old or the new, never a mix."""

from __future__ import annotations

from pathlib import Path

import pytest
from agreement import agree, releases, settled
from instance import Server, eventually
from test_faults import PROCFILE
from test_service import app

from paas.core.jobs.journal import Step

pytestmark = pytest.mark.real

CASES = [
    ("nginx", Step.HEALTH, "after"),
    ("nginx", Step.SWITCH, "after"),
    ("nginx", Step.RECORD, "after"),
    ("rm-new", Step.START, "after"),
    ("rm-new", Step.HEALTH, "after"),
    ("rm-new", Step.SWITCH, "after"),
    ("rm-new", Step.RECORD, "after"),
    ("rm-old", Step.START, "after"),
    ("rm-old", Step.SWITCH, "after"),
    ("rm-old", Step.RETIRE, "before"),
]


@pytest.fixture(scope="module")
def code(stack: str, tmp_path_factory: pytest.TempPathFactory, instance: Server) -> Path:
    """An app with two process types, pushed once."""
    folder = app(tmp_path_factory.mktemp("code"), stack, "first", procfile=PROCFILE)
    assert instance.git_push(folder, "victim").status == 0
    assert instance.paas("ps:scale victim web=2 worker=1").status == 0
    return folder


def body(server: Server) -> str:
    """What the app answers; empty while nginx is on its way back."""
    try:
        answer = server.get("victim")
    except OSError:
        return ""
    return answer.body if answer.status == 200 else ""


@pytest.mark.parametrize(("what", "step", "when"), CASES)
def test_the_old_or_the_new_serves(
    instance: Server, code: Path, stack: str, fault: Path, what: str, step: Step, when: str
) -> None:
    eventually(lambda: settled(instance, "victim"))
    old = eventually(lambda: body(instance))
    text = f"{what} {step.value} {when}"
    app(code, stack, text, procfile=PROCFILE)
    fault.write_text(f"{step.value} {when} {what}")
    pushed = instance.git_push(code, "victim")
    assert fault.read_text() == "", pushed.err

    rows = eventually(lambda: settled(instance, "victim"))
    serves = eventually(lambda: body(instance))
    agree(instance, rows)
    (current,) = [release for release in releases(instance, "victim") if release["state"] == "current"]
    assert {row["release"] for row in rows} == {current["version"]}
    assert serves.endswith(text) if pushed.status == 0 else serves == old, pushed.err

    again = instance.git_push(app(code, stack, f"{text} again", procfile=PROCFILE), "victim")
    assert again.status == 0, again.err
    assert instance.get("victim").body.endswith(f"{text} again")
