"""Following a file, also when another one takes its name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from paas.system.tail import Follower, last_lines


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def follower(path: Path) -> Iterator[Follower]:
    path.write_text("old\n")
    made = Follower(path)
    yield made
    made.close()


def test_what_is_written_to_a_file_until_another_has_its_name_is_read_before_that(
    path: Path, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    following = Follower._following
    with path.open("a") as writer:

        def renamed(self: Follower) -> object:
            """The writer says its last between the look at the file and the look at its name."""
            monkeypatch.undo()
            writer.write("last\n")
            writer.flush()
            path.rename(path.with_suffix(".1"))
            path.write_text("new\n")
            return following(self)

        monkeypatch.setattr(Follower, "_following", renamed)
        assert follower.lines() == ["last", "new"]
    assert follower.lines() == []


def test_a_name_that_is_free_for_a_moment_is_waited_for(path: Path, follower: Follower) -> None:
    path.rename(path.with_suffix(".1"))
    assert follower.lines() == []
    path.write_text("new\n")
    assert follower.lines() == ["new"]


def test_without_a_file_there_are_no_lines(path: Path) -> None:
    assert last_lines(path, 10, lambda line: True) == []
    follower = Follower(path)
    assert follower.lines() == []
    path.write_text("first\n")
    assert follower.lines() == ["first"]
    follower.close()


def test_the_last_lines_that_are_wanted(path: Path) -> None:
    path.write_text("".join(f"{number}\n" for number in range(50_000)))
    assert last_lines(path, 3, lambda line: line.endswith("7")) == ["49977", "49987", "49997"]
    assert last_lines(path, 2, lambda line: line < "2", most=20) == []
