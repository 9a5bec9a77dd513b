"""What differs between two releases."""

from dataclasses import replace

from paas.core.health.checks import Check
from paas.core.model import Process, Release
from paas.core.releases.diff import MASK, Difference, differences
from paas.core.secret import Secret

ONE = Release(
    "sha256:a", "c1", (Process("web", "./web", 5000), Process("worker", "./work")),
    {"A": Secret("1"), "B": Secret("2")}, {"SHARED": Secret("s")}, "ada", "git push", version=1,
)  # fmt: skip


def test_alike():
    assert differences(ONE, replace(ONE, version=2, cause="ps:restart")) == []


def test_all_kinds_of_differences_without_any_value():
    other = replace(
        ONE,
        image="sha256:b",
        processes=(Process("web", None, 8000), Process("clock", "./tick")),
        config={"B": Secret("secret"), "C": Secret("hidden")},
    )
    found = differences(ONE, other)
    assert found == [
        Difference("image", "changed", "sha256:a", "sha256:b"),
        Difference("process web", "changed", "./web (port 5000)", "(the image has its command) (port 8000)"),
        Difference("process worker", "removed", "./work", ""),
        Difference("process clock", "added", "", "./tick"),
        Difference("config A", "removed", MASK, ""),
        Difference("config B", "changed", MASK, MASK),
        Difference("config C", "added", "", MASK),
    ]
    assert "secret" not in repr(found) and "hidden" not in repr(found)


def test_the_same_value_from_another_place_is_no_difference():
    moved = replace(ONE, config={"A": Secret("1"), "B": Secret("2"), "SHARED": Secret("s")}, shared={})
    assert differences(ONE, moved) == []


def test_what_is_checked_and_how_it_is_run():
    check = Check(kind="liveness", path="/up", attempts=2)
    other = replace(
        ONE,
        processes=(replace(ONE.processes[0], checks=(check,)), replace(ONE.processes[1], overlap=False)),
        static={"/assets": "/app/assets"},
    )
    assert differences(ONE, other) == [
        Difference("process web checks", "added", "", "liveness  path=/up attempts=2"),
        Difference("process worker overlap", "changed", "true", "false"),
        Difference("static /assets", "added", "", "/app/assets"),
    ]
