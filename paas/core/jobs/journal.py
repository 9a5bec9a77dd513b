"""The steps of a deployment, in their order. Each is journaled before it begins."""

from __future__ import annotations

import enum


class Step(enum.Enum):
    """One step. The value is its name in the journal and in reports.

    Process types that must not overlap follow after the others: their old processes stop, then the new ones start and
    become healthy.
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
