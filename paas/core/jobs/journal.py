"""The steps of a change of what runs, in their order. Each is journaled before it begins."""

from __future__ import annotations

import enum


class Step(enum.Enum):
    """One step. The value is what the journal and reports call it.

    Process types that must not overlap come in turn after the others: for them the old ones make way, and the new ones
    start and become healthy.
    """

    FETCH = "fetch"
    READ = "read"
    BUILD = "build"
    RELEASE = "release"
    PUSH = "push"
    PHASE = "phase"
    START = "start"
    HEALTH = "health"
    MAKE_WAY = "make-way"
    SWITCH = "switch"
    RECORD = "record"
    RETIRE = "retire"
