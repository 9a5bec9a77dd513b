"""``doctor``: find problems of the host and of apps."""

from __future__ import annotations

from paas.commands import arguments as args
from paas.commands.declare import command
from paas.commands.render import Judged, Text
from paas.core.access.caller import Access
from paas.core.errors import PaasError
from paas.core.server.doctor import Finding, Level
from paas.jobs.context import Context
from paas.server import doctor

MARKS = {Level.OK: "       ", Level.ADVICE: " ?     ", Level.PROBLEM: " !     "}


@command("doctor", access=Access.VIEW)
def doctor_(ctx: Context, app: args.App | None = None) -> Judged:
    """Check the whole host, or one app: Docker, nginx, ports, disk space, DNS, locks, containers.

    Lines with ! are problems, lines with ? are advice, each with the reason and what to do. The exit status is 1 if
    there is a problem.
    """
    findings = doctor.examine(ctx, app)
    problems = sum(finding.level is Level.PROBLEM for finding in findings)
    advice = sum(finding.level is Level.ADVICE for finding in findings)
    text = "\n".join(line for finding in findings for line in _lines(finding))
    summary = f"{_count(problems, 'problem')}, {_count(advice, 'piece')} of advice"
    if problems:
        return Judged(Text(text, findings), PaasError(summary, code="problems-found"))
    ctx.out.step(summary)
    return Judged(Text(text, findings))


def _lines(finding: Finding) -> list[str]:
    mark = MARKS[finding.level]
    code = f" [{finding.code}]" if finding.code else ""
    rest = [*finding.why.splitlines(), *finding.fix.splitlines()]
    return [f"{mark}{finding.subject}: {finding.what}{code}", *(f"{mark}  {line}" for line in rest)]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
