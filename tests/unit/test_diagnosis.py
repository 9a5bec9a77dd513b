"""From what was seen of a container that did not become healthy to what is said about it."""

from dataclasses import replace

import pytest

from paas.core.containers.tcp_table import Listener
from paas.core.health.checks import Check
from paas.core.health.diagnosis import Evidence, diagnose
from paas.core.health.outcome import HTTP2, Answer, CheckOutcome
from paas.core.model import Container, Process

RUNS = Container("1", "hello.web.1", 1, "web", 1, 0, 1, "running", pid=9)
EXITED = replace(RUNS, status="exited", pid=0)
HERE = (Listener(5000, False),)


SEEN = Evidence("web.1", Process("web", "./web", 5000), RUNS, Check(below=500), None, 60, "hello.localhost")
LOGGED = "Its last log lines are above. A process must run in the foreground. [exited]"
NOT_FOUND = (
    "Check the command in the Procfile, and that the image has the program and it is executable. [command-not-found]"
)
NOWHERE = "Make the app listen on $PORT. If it only starts slowly, run 'checks:set APP timeout 120s'. [not-listening]"
GOOD = (
    "GET / with 'Host: hello.localhost' must answer with a status below 500. If the app only starts slowly, run "
    "'checks:set APP timeout 120s'. [bad-answer]"
)


def heard(*ports, loopback=(), answer=None):
    found = [Listener(port, False) for port in ports] + [Listener(port, True) for port in loopback]
    return {"outcome": CheckOutcome(False, found, answer)}


CASES = {
    "memory": (
        {"container": replace(EXITED, oom_killed=True)},
        ["web.1 ran out of memory and was killed",
         "The kernel killed it because it exceeded its memory limit or the machine ran out of memory.",
         "Let the app use less memory, or raise the limit (settings:set memory-limit). [out-of-memory]"],
    ),
    "exited": (
        {"container": replace(EXITED, exit_code=3)},
        ["web.1 exited with status 3 instead of staying up",
         "Its command was: ./web",
         LOGGED],
    ),
    "signal": (
        {"container": replace(EXITED, exit_code=139)},
        ["web.1 exited with status 139 (signal 11) instead of staying up", "Its command was: ./web", LOGGED],
    ),
    "killed": (
        {"container": replace(EXITED, exit_code=137)},
        ["web.1 exited with status 137 (signal 9): it was killed",
         "Usually the kernel kills a process over its memory limit, or when the machine runs out of memory.",
         "Let the app use less memory, or raise the limit (settings:set memory-limit). [exited]"],
    ),
    "killed behind bash": (
        {"container": replace(EXITED, exit_code=1),
         "log": ["bash: line 1:     8 Killed                  python3 eat.py $PORT"]},
        ["web.1 exited with status 1: a program started by its shell was killed",
         "Usually the kernel kills a process over its memory limit, or when the machine runs out of memory.",
         "Let the app use less memory, or raise the limit (settings:set memory-limit). [exited]"],
    ),
    "killed behind dash": (
        {"container": replace(EXITED, exit_code=0), "log": ["Killed"]},
        ["web.1 exited with status 0: a program started by its shell was killed",
         "Usually the kernel kills a process over its memory limit, or when the machine runs out of memory.",
         "Let the app use less memory, or raise the limit (settings:set memory-limit). [exited]"],
    ),
    "dead": (
        {"container": replace(EXITED, status="dead"), "process": Process("web", None, 5000)},
        ["web.1 exited with status 0 instead of staying up", "Its command was: the image's CMD", LOGGED],
    ),
    "only sh": (
        {"container": replace(EXITED, exit_code=127), "log": ["starting", "/bin/sh: 1: source: not found"]},
        ["web.1 could not be started: its command needs bash, and the image has only sh",
         "/bin/sh: 1: source: not found. Its command was: ./web",
         "Install bash in the image, or write the command for a POSIX shell. [needs-bash]"],
    ),
    "a substitution of bash": (
        {"container": replace(EXITED, exit_code=2), "log": ["/bin/sh: 1: Bad substitution"]},
        ["web.1 could not be started: its command needs bash, and the image has only sh",
         "/bin/sh: 1: Bad substitution. Its command was: ./web",
         "Install bash in the image, or write the command for a POSIX shell. [needs-bash]"],
    ),
    "a program is missing in sh": (
        {"container": replace(EXITED, exit_code=127), "log": ["/bin/sh: 1: ./web: not found"]},
        ["web.1 could not be started: exit status 127",
         "The command was not found or is not executable: ./web",
         NOT_FOUND],
    ),
    "not executable": (
        {"container": replace(EXITED, exit_code=126)},
        ["web.1 could not be started: exit status 126",
         "The command was not found or is not executable: ./web",
         NOT_FOUND],
    ),
    "refused by the engine": (
        {"container": replace(EXITED, status="created", exit_code=128, error='exec: "./web": no such file')},
        ["web.1 could not be started: exit status 128", 'exec: "./web": no such file', NOT_FOUND],
    ),
    "crash loop": (
        {"container": replace(RUNS, restarts=4)},
        ["web.1 stopped and was restarted 4 times [crash-loop]"],
    ),
    "nothing seen": (
        {},
        ["web.1 did not listen on port 5000 within 60 s", "It runs, but has no listening socket.", NOWHERE],
    ),
    "nobody listens": (
        heard() | {"waited": 2.5},
        ["web.1 did not listen on port 5000 within 2.5 s", "It runs, but has no listening socket.", NOWHERE],
    ),
    "other ports": (
        heard(3000, 9090),
        ["web.1 listens on port 3000, 9090, but 5000 was expected",
         "The variable PORT tells the app its port (5000 here).",
         "Make the app listen on $PORT, or run 'config:set APP PORT=3000'. [wrong-port]"],
    ),
    "loopback": (
        heard(loopback=[5000]),
        ["web.1 listens on 127.0.0.1:5000 inside its container, where nothing else can reach it",
         "Make the app listen on 0.0.0.0 (all addresses). [listens-on-loopback]"],
    ),
    "silence": (
        heard(5000, loopback=[5000]),
        ["web.1 listens on port 5000, but did not pass its check within 60 s", "It did not answer.", GOOD],
    ),
    "no answer to the default": (
        heard(5000, answer="no answer within 5 s"),
        ["web.1 listens on port 5000, but did not pass its check within 60 s",
         "The request failed: no answer within 5 s.",
         GOOD],
    ),
    "architecture, said by the kernel": (
        {"container": replace(EXITED, exit_code=126), "log": ["sh: 1: ./web: Exec format error"], "machine": "amd64"},
        ["web.1 could not be started: its program is built for another architecture",
         "Its command was: ./web",
         "Build it, or use a base image, for amd64. [wrong-architecture]"],
    ),
    "architecture, taken for a script": (
        {"container": replace(EXITED, exit_code=127), "log": ["./web: 1: ELF\ufffd: not found"]},
        ["web.1 could not be started: its program is built for another architecture",
         "Its command was: ./web",
         "Build it, or use a base image, for the architecture of this server. [wrong-architecture]"],
    ),
    "architecture, of the image": (
        {"container": replace(EXITED, exit_code=127), "built_for": "arm64", "machine": "amd64"},
        ["web.1 could not be started: its program is built for another architecture",
         "The image is for arm64, this server is amd64.",
         "Build it, or use a base image, for amd64. [wrong-architecture]"],
    ),
    "not found": (
        {"container": replace(EXITED, exit_code=127), "built_for": "amd64", "machine": "amd64"},
        ["web.1 could not be started: exit status 127",
         "The command was not found or is not executable: ./web",
         NOT_FOUND],
    ),
    "host": (
        {"check": Check(path="/health"), "outcome": CheckOutcome(False, HERE, Answer(400))},
        ["web.1 listens on port 5000, but answers 400 (Bad Request) to 'Host: hello.localhost'",
         "Its startup check GET /health expects a status from 200 to 399.",
         "Many frameworks refuse unknown host names: add 'hello.localhost' to the app's allowed hosts "
         "(ALLOWED_HOSTS in Django, config.hosts in Rails). [bad-host]"],
    ),
    "status": (
        {"outcome": CheckOutcome(False, HERE, Answer(500))},
        ["web.1 listens on port 5000, but did not pass its check within 60 s",
         "It answered with status 500.",
         GOOD],
    ),
    "no answer": (
        {"check": Check(attempts=2), "outcome": CheckOutcome(False, HERE, "no answer within 5 s")},
        ["web.1 listens on port 5000, but did not pass its check within 60 s",
         "The request failed: no answer within 5 s.",
         "GET / with 'Host: hello.localhost' must answer with a status from 200 to 399. If the app only starts slowly, "
         "give the check more attempts. [bad-answer]"],
    ),
    "HTTP/2": (
        {"check": Check(below=500), "outcome": CheckOutcome(False, HERE, HTTP2)},
        ["web.1 listens on port 5000, but does not speak HTTP/1.1",
         "To GET / it answers HTTP/2, not HTTP/1.1. A gRPC server does so.",
         "For gRPC, set in paas.yml: processes.web.protocol: grpc. For another protocol, use ports:add and a "
         "process type of its own. [not-http]"],
    ),
    "content": (
        {"check": Check(content="ok"), "outcome": CheckOutcome(False, HERE, Answer(200, "down"))},
        ["web.1 listens on port 5000, but did not pass its check within 60 s",
         "Its response with status 200 was 'down'.",
         "GET / with 'Host: hello.localhost' must answer with a status from 200 to 399 and a body with 'ok'. If the "
         "app only starts slowly, run 'checks:set APP timeout 120s'. [missing-content]"],
    ),
    "command": (
        {"check": Check(command=("./ready",), name="db"), "outcome": CheckOutcome(False, exit_code=1, output="no db")},
        ["web.1 did not pass its startup check db: ./ready within 60 s",
         "Expected exit status 0, but it exited with status 1 and printed 'no db'.",
         "Run the command in the app to see why. If the app only starts slowly, run 'checks:set APP timeout 120s'. "
         "[check-failed]"],
    ),
    "image": (
        {"check": Check(command=("./ready",), name="HEALTHCHECK"), "outcome": None},
        ["web.1 did not pass the image's HEALTHCHECK within 60 s",
         "It was never run.",
         "Run the command in the app to see why. If the app only starts slowly, run 'checks:set APP timeout 120s'. "
         "[check-failed]"],
    ),
    "port of a check": (
        {"check": Check(port=9000), "outcome": CheckOutcome(False, HERE)},
        ["web.1 listens on port 5000, but 9000 was expected",
         "Its startup check GET / on port 9000 expects it.",
         "Make the app listen there, or correct the check. [wrong-port]"],
    ),
    "nobody": (
        {"check": Check(port=9000), "outcome": CheckOutcome(False)},
        ["web.1 did not listen on port 9000 within 60 s",
         "It runs, but has no listening socket.",
         "Make the app listen on port 9000. If it only starts slowly, run 'checks:set APP timeout 120s'. "
         "[not-listening]"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_cause_is_told_with_the_next_step(name):
    seen, expected = CASES[name]
    assert diagnose(replace(SEEN, **seen)).lines() == expected
