"""Decide what to do with each ref of a push: deploy it, store it, or refuse it."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from paas.core import values
from paas.core.errors import InvalidValue
from paas.core.git.refs import RefUpdate

HEADS = "refs/heads/"
TAGS = "refs/tags/"
DEFAULT_BRANCHES = ("main", "master")


LOCK_WAIT = "lock-wait"


def lock_wait(options: Sequence[str]) -> float:
    """Return how many seconds ``git push -o lock-wait=10m`` waits for a lock on the app; 0 without it.

    Raise `InvalidValue` for any other option, since an option without effect is a mistake.
    """
    seconds = 0.0
    for option in options:
        name, _, value = option.partition("=")
        if name != LOCK_WAIT:
            raise InvalidValue(
                f"there is no push option {name!r}", fix=f"There is one: -o {LOCK_WAIT}=10m", code="no-such-option"
            )
        seconds = values.LOCK_WAIT.read(f"-o {LOCK_WAIT}", value)
    return seconds


class Action(enum.Enum):
    """Decision for one ref."""

    DEPLOY = "deploy"
    STORE = "store"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Decision:
    """Decision with a ``message`` for the pusher; for a refusal it is the reason that git shows."""

    update: RefUpdate
    action: Action
    message: str = ""


@dataclass(frozen=True)
class PushPlan:
    """Decisions of one push, and the branch that deploys from now on."""

    decisions: tuple[Decision, ...]
    deploy_branch: str


def decide(updates: Sequence[RefUpdate], deploy_branch: str) -> PushPlan:
    """Decide about every ref of one push.

    ``deploy_branch`` is the configured one, or empty: then a pushed main or master, in that order, becomes it.
    """
    branch = deploy_branch or _first_branch(updates)
    return PushPlan(tuple(_decide_one(update, branch) for update in updates), branch)


def _first_branch(updates: Sequence[RefUpdate]) -> str:
    pushed = {update.ref for update in updates if update.new is not None}
    return next((name for name in DEFAULT_BRANCHES if HEADS + name in pushed), "")


def _decide_one(update: RefUpdate, branch: str) -> Decision:
    if not update.ref.startswith((HEADS, TAGS)):
        return Decision(update, Action.REFUSE, "only branches and tags are taken")
    if update.ref.startswith(TAGS):
        return Decision(update, Action.STORE)

    name = update.ref.removeprefix(HEADS)
    if update.new is None:
        if name == branch:
            return Decision(update, Action.REFUSE, f"{name} is the deploy branch; set another one first (git:set)")
        return Decision(update, Action.STORE)
    if name == branch:
        return Decision(update, Action.DEPLOY)

    if branch:
        return Decision(update, Action.STORE, f"{name} is stored but not deployed: the deploy branch is {branch}")
    return Decision(
        update,
        Action.STORE,
        f"{name} is stored but not deployed: push main or master, or run 'git:set APP deploy-branch {name}' "
        "and 'ps:rebuild APP'",
    )
