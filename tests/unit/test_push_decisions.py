"""What becomes of each ref of a push."""

import pytest

from paas.core.git.push import Action, decide
from paas.core.git.refs import RefUpdate

A, B = "a" * 40, "b" * 40
DEPLOY, STORE, REFUSE = Action.DEPLOY, Action.STORE, Action.REFUSE


def pushed(ref):
    return RefUpdate(ref, A, B)


def deleted(ref):
    return RefUpdate(ref, A, None)


@pytest.mark.parametrize(
    ("updates", "configured", "expected", "branch"),
    [
        ([pushed("refs/heads/main")], "", [DEPLOY], "main"),
        ([pushed("refs/heads/master")], "", [DEPLOY], "master"),
        ([pushed("refs/heads/master"), pushed("refs/heads/main")], "", [STORE, DEPLOY], "main"),
        ([pushed("refs/heads/topic")], "", [STORE], ""),
        ([pushed("refs/heads/topic"), pushed("refs/heads/main")], "", [STORE, DEPLOY], "main"),
        ([pushed("refs/heads/main")], "main", [DEPLOY], "main"),
        ([pushed("refs/heads/main")], "release", [STORE], "release"),
        ([pushed("refs/heads/release")], "release", [DEPLOY], "release"),
        ([pushed("refs/heads/main/x")], "main", [STORE], "main"),
        ([pushed("refs/tags/main")], "main", [STORE], "main"),
        ([deleted("refs/heads/main")], "main", [REFUSE], "main"),
        ([deleted("refs/heads/main")], "", [STORE], ""),
        ([deleted("refs/heads/topic")], "main", [STORE], "main"),
        ([deleted("refs/tags/v1")], "main", [STORE], "main"),
        ([pushed("refs/notes/x")], "main", [REFUSE], "main"),
        ([pushed("refs/pull/1/head")], "", [REFUSE], ""),
        ([pushed("refs/headsx/main")], "main", [REFUSE], "main"),
        ([], "main", [], "main"),
    ],
)
def test_the_table(updates, configured, expected, branch):
    plan = decide(updates, configured)
    assert [decision.action for decision in plan.decisions] == expected
    assert [decision.update for decision in plan.decisions] == updates
    assert plan.deploy_branch == branch


@pytest.mark.parametrize(
    ("update", "configured", "message"),
    [
        (pushed("refs/heads/main"), "main", ""),
        (pushed("refs/tags/v1"), "main", ""),
        (deleted("refs/heads/topic"), "main", ""),
        (deleted("refs/heads/main"), "main", "main is the deploy branch; set another one first (git:set)"),
        (pushed("refs/notes/x"), "main", "only branches and tags are taken"),
        (pushed("refs/heads/x"), "main", "x is stored but not deployed: the deploy branch is main"),
        (
            pushed("refs/heads/x"),
            "",
            "x is stored but not deployed: push main or master, or run 'git:set APP deploy-branch x' and "
            "'ps:rebuild APP'",
        ),
    ],
)
def test_the_person_who_pushed_is_told_why(update, configured, message):
    (decision,) = decide([update], configured).decisions
    assert decision.message == message
