"""``sandbox:*``: disposable machines."""

from __future__ import annotations

import json
import threading

import pytest

from fakes import DEPLOYER, VIEWER, Program, Server, eventually
from paas.builders import stack_image
from paas.core.containers.image import Image
from paas.sandboxes.sandboxes import Expiry


@pytest.fixture
def lab(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server that has the stack image, and one more."""
    for name in ("paas/stack:bookworm", "tools:1"):
        server.scheduler.add_image(Image(name))
    monkeypatch.setattr(stack_image, "ensure", lambda ctx, suite: "paas/stack:bookworm")
    return server


def names(server: Server) -> list[str]:
    return [row["name"] for row in json.loads(server.run("sandbox:list --format json").out)]


def test_a_sandbox_is_made_entered_and_destroyed(lab: Server) -> None:
    lab.tasks.tell("whoami", lambda program: program.out(program.environment["SANDBOX"].encode()) or 3)
    assert lab.run("sandbox:create ada", caller=DEPLOYER)[:2] == (0, "ada\n")
    assert lab.run("sandbox:enter ada whoami")[:2] == (3, "ada")
    row = json.loads(lab.run("sandbox:list --format json", caller=VIEWER).out)[0]
    assert row == {
        "name": "ada", "state": "running", "image": "paas/stack:bookworm", "by": "alice",
        "until": "2026-01-01T02:00:00Z",
    }  # fmt: skip
    assert lab.run("sandbox:destroy ada") == (0, "", "-----> Destroyed ada\n")
    assert (lab.tasks.names(), names(lab)) == ([], [])


def test_its_limits_are_settings(lab: Server) -> None:
    lab.run("settings:set sandbox-memory 256m")
    lab.run("settings:set sandbox-cpus 0.5")
    assert lab.run("sandbox:create --image tools:1").out == "sandbox-1\n"
    spec = lab.tasks.specs[-1]
    assert (spec.image, spec.memory, spec.options.cpus, spec.pids) == ("tools:1", 256 << 20, 0.5, 512)
    assert (spec.network, spec.hostname, spec.lasting) == ("network-of-sandboxes", "sandbox-1", True)


def test_an_image_that_the_server_lacks_is_pulled_and_goes_with_the_last_sandbox(lab: Server) -> None:
    lab.scheduler.registry["tools:2"] = Image("sha256:tools2")
    result = lab.run("sandbox:create --image tools:2 --count 2 class-", caller=DEPLOYER)
    assert (result.status, result.out) == (0, "class-1\nclass-2\n") and "Pulling tools:2" in result.err
    assert lab.tasks.specs[-1].image == "sha256:tools2"
    lab.run("sandbox:create --image tools:2 ada")
    assert lab.scheduler.pulls == 1
    for name in ("class-1", "class-2", "ada"):
        assert "sha256:tools2" in lab.scheduler.images
        lab.run(f"sandbox:destroy {name}")
    assert "sha256:tools2" not in lab.scheduler.images
    # One that was there before is somebody's.
    assert "tools:1" in lab.scheduler.images


def test_many_are_made_at_once_or_none(lab: Server) -> None:
    assert lab.run("sandbox:create --count 3 class-").out == "class-1\nclass-2\nclass-3\n"
    result = lab.run("sandbox:create --count 4 class-")
    assert "[already-exists]" in result.err
    assert names(lab) == ["class-1", "class-2", "class-3"]
    lab.run("settings:set sandbox-limit 4")
    assert "[too-many-sandboxes]" in lab.run("sandbox:create --count 2 more-").err
    assert lab.run("sandbox:create").out == "sandbox-1\n"


def test_a_sandbox_goes_when_its_time_is_over(lab: Server) -> None:
    lab.run("sandbox:create short --ttl 5m")
    lab.run("sandbox:create long")
    lab.clock.advance(300)
    assert lab.timers.tick() == lab.clock.now() + 60
    eventually(lambda: (names(lab), lab.tasks.names()) == (["long"], ["long.sandbox"]))


def test_sandboxes_that_take_long_to_go_hold_up_nothing_else(lab: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.run("sandbox:create --ttl 5m --count 6 class-")
    gate, remove = threading.Event(), lab.tasks.remove

    def slow(container_id: str) -> None:
        gate.wait(60)
        remove(container_id)

    monkeypatch.setattr(lab.tasks, "remove", slow)
    lab.clock.advance(300)
    lab.timers.tick()
    lab.timers.tick()
    assert len(names(lab)) == 6
    gate.set()
    eventually(lambda: (names(lab), lab.tasks.names()) == ([], []))


def test_a_sandbox_that_could_not_be_removed_is_tried_again(lab: Server) -> None:
    lab.run("sandbox:create --ttl 5m ada")
    lab.timers.tick()
    lab.tasks.engine_down = True
    lab.clock.advance(300)
    lab.timers.tick()
    eventually(lab.ctx.part(Expiry).idle)
    lab.tasks.engine_down = False
    assert names(lab) == ["ada"]
    lab.timers.tick()
    eventually(lambda: names(lab) == [])


def test_a_sandbox_whose_time_was_over_while_the_server_was_down(lab: Server, another) -> None:  # type: ignore[no-untyped-def]
    lab.run("sandbox:create short --ttl 5m")
    after = another("later", lab.killed)
    after.clock.advance(301)
    after.timers.tick()
    eventually(lambda: (names(after), after.tasks.names()) == ([], []))


def test_a_container_that_nobody_knows_is_removed_at_the_start(lab: Server, another) -> None:  # type: ignore[no-untyped-def]
    lab.run("sandbox:create ada")
    lab.ctx.store.sandboxes.remove("ada")
    assert another("later", lab.killed).tasks.names() == []


def test_one_that_is_gone_says_so(lab: Server) -> None:
    lab.run("sandbox:create ada")
    lab.tasks.remove(lab.tasks.all()[0].id)
    assert "missing" in lab.run("sandbox:list").out
    assert "[sandbox-down]" in lab.run("sandbox:enter ada true").err
    assert lab.run("sandbox:destroy ada").status == 0


def test_a_shell_ends_with_its_client_and_the_sandbox_stays(lab: Server) -> None:
    def shell(program: Program) -> int:
        program.out(b"$ ")
        return program.forever()

    lab.tasks.tell("sh", shell)
    lab.run("sandbox:create ada")
    session = lab.begin("sandbox:enter ada sh", stdin=None)
    eventually(lambda: session.out == "$ ")
    session.hang_up()
    eventually(session.over)
    assert lab.tasks.names() == ["ada.sandbox"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("sandbox:create UPPER", "invalid-app-name"),
        ("sandbox:create --count 101 x", "invalid-value"),
        ("sandbox:create --ttl 1s x", "invalid-value"),
        ("sandbox:create --image nothing x", "pull-failed"),
        ("sandbox:create --image Not:A:Name x", "invalid-image"),
        ("sandbox:enter nobody", "no-such-sandbox"),
        ("sandbox:destroy nobody", "no-such-sandbox"),
    ],
)
def test_what_is_refused(lab: Server, line: str, code: str) -> None:
    assert f"[{code}]" in lab.run(line).err
    assert names(lab) == []


def test_without_a_name_none_is_destroyed_and_that_is_told(server):
    assert server.run("sandbox:destroy") == (
        2,
        "",
        " !     sandbox:destroy: missing argument: NAME\n !     'sandbox:list' shows all sandboxes. [usage]\n",
    )
