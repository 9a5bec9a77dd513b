"""Diagnose why a container did not become healthy, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from paas.core.errors import Unhealthy
from paas.core.health.checks import Check
from paas.core.health.outcome import HTTP2, NOT_HTTP, Answer, CheckOutcome, came, expected, reaches
from paas.core.model import PENDING, Container, Process

COMMAND_NOT_FOUND = (126, 127)
KILLED = 128 + 9
_LESS_MEMORY = "Let the app use less memory, or raise the limit (settings:set memory-limit)."
BAD_REQUEST = 400

# Commands run with bash if the image has it, so an error of sh means that it has none.
_SH_SAYS = re.compile(
    r"(?:/bin/)?sh: (?:line )?(?:\d+: )?(?:syntax error|bad substitution"
    r"|(?:source|\[\[|shopt|declare|typeset|let|function|pushd|mapfile): not found)",
    re.IGNORECASE,
)

# Messages of dash, busybox and bash for a program killed by SIGKILL.
_SHELL_SAYS_KILLED = re.compile(r"Killed$|\S+: line \d+: +\d+ Killed\b")


@dataclass(frozen=True)
class Evidence:
    """Evidence about a candidate that failed.

    ``check`` is the failed check, ``outcome`` that of its last attempt, None if there was none. ``waited`` are the
    seconds it was given, ``log`` its last lines of output. ``built_for`` and ``machine`` are the architectures of image
    and Docker host, empty if unknown.
    """

    label: str
    process: Process
    container: Container
    check: Check
    outcome: CheckOutcome | None
    waited: float
    host: str
    log: Sequence[str] = ()
    built_for: str = ""
    machine: str = ""
    app: str = "APP"


def diagnose(seen: Evidence) -> Unhealthy:
    """Return the cause with its fix, as an error with a stable code."""
    container = seen.container
    if container.oom_killed:
        return Unhealthy(
            f"{seen.label} ran out of memory and was killed",
            why="The kernel killed it because it exceeded its memory limit or the machine ran out of memory.",
            fix=_LESS_MEMORY,
            code="out-of-memory",
        )
    if container.status in ("exited", "dead", "created"):
        return _exited(seen)
    if container.status == PENDING:
        return Unhealthy(
            f"the cluster found no machine for {seen.label} in {seen.waited:g} s",
            why=container.error,
            fix="Free memory and CPU on its machines, add one, or lower the app's limits.",
            code="not-placed",
        )
    if container.restarts:
        return Unhealthy(f"{seen.label} stopped and was restarted {container.restarts} times", code="crash-loop")
    if seen.check.command:
        return _command(seen)
    if seen.check.uptime:
        return Unhealthy(f"{seen.label} did not stay up for {seen.check.uptime:g} s", code="not-up")
    return _not_listening(seen)


def wrong_architecture(seen: Evidence) -> bool:
    """Return True if the program is built for another architecture.

    The kernel reports "exec format error". A shell may then run the program as a script and miss the command ELF, with
    which every such file begins.
    """
    if seen.container.exit_code not in COMMAND_NOT_FOUND and not seen.container.error:
        return False
    text = "\n".join([seen.container.error, *seen.log])
    said = "exec format error" in text.lower() or (": ELF" in text and "not found" in text)
    return said or bool(seen.built_for and seen.machine and seen.built_for != seen.machine)


def _exited(seen: Evidence) -> Unhealthy:
    code = seen.container.exit_code
    command = seen.process.command or "the image's CMD"
    if wrong_architecture(seen):
        other = seen.built_for if seen.built_for != seen.machine else ""
        return Unhealthy(
            f"{seen.label} could not be started: its program is built for another architecture",
            why=f"The image is for {other}, this server is {seen.machine}." if other else f"Its command was: {command}",
            fix=f"Build it, or use a base image, for {seen.machine or 'the architecture of this server'}.",
            code="wrong-architecture",
        )
    if complaint := next((line for line in reversed(seen.log) if _SH_SAYS.match(line)), None):
        return Unhealthy(
            f"{seen.label} could not be started: its command needs bash, and the image has only sh",
            why=f"{complaint.strip()}. Its command was: {command}",
            fix="Install bash in the image, or write the command for a POSIX shell.",
            code="needs-bash",
        )
    if seen.container.error or code in COMMAND_NOT_FOUND:
        return Unhealthy(
            f"{seen.label} could not be started: exit status {code}",
            why=seen.container.error or f"The command was not found or is not executable: {command}",
            fix="Check the command in the Procfile, and that the image has the program and it is executable.",
            code="command-not-found",
        )
    by_shell = any(_SHELL_SAYS_KILLED.match(line) for line in seen.log[-3:])
    if code == KILLED or by_shell:
        # Docker does not always notice an OOM kill: the control group may be gone before it reads the event.
        return Unhealthy(
            f"{seen.label} exited with status {code}: a program started by its shell was killed"
            if code != KILLED
            else f"{seen.label} exited with status {code} (signal 9): it was killed",
            why="Usually the kernel kills a process over its memory limit, or when the machine runs out of memory.",
            fix=_LESS_MEMORY,
            code="exited",
        )
    signal = f" (signal {code - 128})" if code > 128 else ""
    return Unhealthy(
        f"{seen.label} exited with status {code}{signal} instead of staying up",
        why=f"Its command was: {command}",
        fix="Its last log lines are above. A process must run in the foreground.",
        code="exited",
    )


def _command(seen: Evidence) -> Unhealthy:
    image = seen.check.name == "HEALTHCHECK"
    what = "the image's HEALTHCHECK" if image else f"its {seen.check.title()}"
    if seen.outcome is None:
        why = "It was never run."
    else:
        why = f"Expected {expected(seen.check)}, but {came(seen.check, seen.outcome)}."
    return Unhealthy(
        f"{seen.label} did not pass {what} within {seen.waited:g} s",
        why=why,
        fix="Run the command in the app to see why. " + _patience(seen),
        code="check-failed",
    )


def _patience(seen: Evidence) -> str:
    if seen.check.attempts is None and seen.check.wait is None:
        return f"If the app only starts slowly, run 'checks:set {seen.app} timeout 120s'."
    return "If the app only starts slowly, give the check more attempts."


def _not_listening(seen: Evidence) -> Unhealthy:
    port = seen.check.port or seen.process.port
    listeners = seen.outcome.listeners if seen.outcome else ()
    reachable = {listener.port for listener in listeners if not listener.loopback}
    local = {listener.port for listener in listeners if listener.loopback}

    if reaches(listeners, port):
        return _bad_answer(seen, port)
    if port in local:
        return Unhealthy(
            f"{seen.label} listens on 127.0.0.1:{port} inside its container, where nothing else can reach it",
            fix="Make the app listen on 0.0.0.0 (all addresses).",
            code="listens-on-loopback",
        )
    if reachable or local:
        ports = ", ".join(str(found) for found in sorted(reachable | local))
        return Unhealthy(
            f"{seen.label} listens on port {ports}, but {port} was expected",
            why=f"The variable PORT tells the app its port ({port} here)."
            if port == seen.process.port
            else f"Its {seen.check.title()} expects it.",
            fix=f"Make the app listen on $PORT, or run 'config:set {seen.app} PORT={min(reachable | local)}'."
            if port == seen.process.port
            else "Make the app listen there, or correct the check.",
            code="wrong-port",
        )
    return Unhealthy(
        f"{seen.label} did not listen on port {port} within {seen.waited:g} s",
        why="It runs, but has no listening socket.",
        fix=f"Make the app listen on {'$PORT' if port == seen.process.port else f'port {port}'}. "
        + _patience(seen).replace("the app", "it"),
        code="not-listening",
    )


def _bad_answer(seen: Evidence, port: int | None) -> Unhealthy:
    check = seen.check
    answer = seen.outcome.answer if seen.outcome else None
    host = next((value for name, value in check.headers if name.lower() == "host"), seen.host)
    if isinstance(answer, Answer) and answer.status == BAD_REQUEST:
        return Unhealthy(
            f"{seen.label} listens on port {port}, but answers 400 (Bad Request) to 'Host: {host}'",
            why=f"Its {check.title()} expects {expected(check)}.",
            fix=f"Many frameworks refuse unknown host names: add {host!r} to the app's allowed hosts "
            "(ALLOWED_HOSTS in Django, config.hosts in Rails).",
            code="bad-host",
        )
    if isinstance(answer, str) and answer in (HTTP2, NOT_HTTP):
        return Unhealthy(
            f"{seen.label} listens on port {port}, but does not speak HTTP/1.1",
            why=f"To {check.what()} {answer}." + (" A gRPC server does so." if answer == HTTP2 else ""),
            fix="For gRPC, set in paas.yml: processes.web.protocol: grpc. "
            "For another protocol, use ports:add and a process type of its own.",
            code="not-http",
        )
    lacks = isinstance(answer, Answer) and seen.outcome is not None and 200 <= answer.status < check.below
    if seen.outcome is None or answer is None:
        why = "It did not answer."
    else:
        text = came(check, seen.outcome)
        why = f"{text[0].upper()}{text[1:]}."
    ask = f"{check.what()} with 'Host: {host}' must answer with {expected(check)}. "
    return Unhealthy(
        f"{seen.label} listens on port {port}, but did not pass its check within {seen.waited:g} s",
        why=why,
        fix=ask + _patience(seen),
        code="missing-content" if lacks else "bad-answer",
    )


def early_hints(label: str, server: str) -> list[str]:
    """Return the warning for a process that sends 103 responses, which this nginx can't pass on."""
    return [
        f"{label} sends 103 Early Hints, which {server} treats as the final response: browsers fail over HTTP/2.",
        "Turn early hints off in the app, or install nginx 1.29 or newer.",
    ]


def refused_host(label: str, host: str) -> list[str]:
    """Return the warning for a process that passes the default check with a status of 400."""
    return [
        f"{label} answers 400 (Bad Request) to 'Host: {host}'.",
        f"If it checks host names, add {host!r} to its allowed hosts (ALLOWED_HOSTS in Django, config.hosts in Rails).",
    ]
