"""The log of a deployment (see `paas.jobs.jobs`), as lines with times."""

from __future__ import annotations

from paas.core.logs import query
from paas.core.logs.line import BUILD, DEPLOY, LogLine
from paas.core.model import Deployment

BUILDING = ("read", "build")
"""Steps of a build; the others belong to a deploy."""


def job_lines(text: bytes, times: str, it: Deployment, app: str) -> list[LogLine]:
    """Return the lines of the log. ``times`` has the position, time and step of each written piece.

    Text after the last piece, the outcome, has the time at which the deployment ended.
    """
    pieces = [line.split(" ") for line in times.splitlines()]
    marks = [(int(piece[0]), float(piece[1]), piece[2]) for piece in pieces if len(piece) == 3]
    ended = it.finished_at if it.finished_at is not None else it.started_at
    found, at, mark = [], 0, 0
    for line in text.split(b"\n")[:-1]:
        while mark + 1 < len(marks) and marks[mark + 1][0] <= at:
            mark += 1
        moment, step = (marks[mark][1], marks[mark][2]) if marks else (ended, "")
        source = BUILD if step in BUILDING else DEPLOY
        found.append(LogLine(query.rfc3339(moment), source, it.kind, line, it.version or 0, app))
        at += len(line) + 1
    return found
