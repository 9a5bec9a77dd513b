"""What a push may name, and what its author is told."""

import pytest

from paas.core.git.refs import ATOMIC, MOVED, RefUpdate, all_or_none, name_problem, one_line, problems

OLD, NEW = "1" * 40, "2" * 40
MAIN = "refs/heads/main"


@pytest.mark.parametrize(
    "ref",
    [MAIN, "refs/heads/feature/a-b_c.d", "refs/tags/v1.0", "refs/heads/größe", "refs/heads/@", "refs/notes/commits"],
)
def test_ordinary_names_are_taken(ref):
    assert name_problem(ref) is None


@pytest.mark.parametrize(
    "ref",
    [
        "",
        "HEAD",
        "main",
        "heads/main",
        "/refs/heads/main",
        "../refs/heads/main",
        "refs/main",
        "refs/heads/",
        "refs/heads//main",
        "refs/heads/../x",
        "refs/heads/a..b",
        "refs/heads/.hidden",
        "refs/heads/x.lock",
        "refs/heads/x.lock/y",
        "refs/heads/x.",
        "refs/heads/a@{b",
        "refs/heads/-x",
        "refs/heads/a b",
        "refs/heads/a\nb",
        "refs/heads/a\x1b[31mb",
        "refs/heads/a\x7f",
        "refs/heads/a~1",
        "refs/heads/a^",
        "refs/heads/a:b",
        "refs/heads/a?",
        "refs/heads/a*",
        "refs/heads/a[",
        "refs/heads/a\\b",
        "refs/heads/a\u202eb",
        "refs/heads/a\udcffb",
        "refs/heads/" + "x" * 251,
        "refs/heads/" + "x/" * 600 + "x",
    ],
)
def test_names_that_git_or_a_terminal_would_stumble_over_are_refused(ref):
    assert name_problem(ref)


def test_an_update_that_fits_the_repository_has_no_problem():
    updates = [RefUpdate(MAIN, OLD, NEW), RefUpdate("refs/tags/v1", None, NEW), RefUpdate("refs/heads/x", OLD, None)]
    assert problems(updates, {MAIN: OLD, "refs/heads/x": OLD}) == {}


@pytest.mark.parametrize(
    ("update", "current"),
    [
        (RefUpdate(MAIN, OLD, NEW), {}),
        (RefUpdate(MAIN, OLD, NEW), {MAIN: "3" * 40}),
        (RefUpdate(MAIN, None, NEW), {MAIN: OLD}),
        (RefUpdate(MAIN, OLD, None), {MAIN: NEW}),
    ],
)
def test_a_ref_that_has_another_value_than_the_client_saw_is_refused(update, current):
    assert problems([update], current) == {MAIN: MOVED}


def test_deleting_a_ref_that_does_not_exist_is_refused():
    assert problems([RefUpdate(MAIN, OLD, None)], {}) == {MAIN: "no such ref"}
    assert problems([RefUpdate(MAIN, None, None)], {}) == {MAIN: "no such ref"}


def test_a_ref_that_is_named_twice_is_refused_and_the_others_are_not():
    updates = [RefUpdate(MAIN, None, NEW), RefUpdate(MAIN, None, OLD), RefUpdate("refs/tags/v1", None, NEW)]
    assert problems(updates, {}) == {MAIN: "named more than once"}


def test_one_refusal_refuses_all_of_an_atomic_push():
    assert all_or_none(["a", "b"], {"b": "no"}) == {"a": ATOMIC, "b": "no"}
    assert all_or_none(["a", "b"], {}) == {}


def test_a_reason_becomes_one_line_without_anything_that_moves_the_cursor():
    assert one_line("build\r\n failed:\t\x1b[2Jno\u202e \x00space\x9b") == "build failed: [2Jno space"
    assert one_line("x" * 1000, limit=10) == "x" * 9 + "…"
