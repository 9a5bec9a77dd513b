"""The helper process that does work on text of strangers, each piece in a child of its own with limits.

Started by `paas.system.confined` with a socket, on which each message is a request: two descriptors, a file with what
to do and a socket for the answer. It has one thread, all modules are loaded, and it forks for each request. A child has
limits for memory and processor, can open no file and no socket, and where the server runs as root it is a user whom
nothing belongs to. The server hangs up to have a child killed; when the server ends, this does.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from paas.builders import template
from paas.core.builds import commit_files
from paas.core.builds.buildpack import TEMPLATE
from paas.core.errors import InvalidValue, PaasError
from paas.system.confined import BEGUN

WORKS: dict[str, Callable[..., Any]] = {
    "template": template.foreign,
    "check": template.check,
    "toml": commit_files.parse_toml,
}
NOBODY = 64_998
"""A user and a group that no program has."""
_LATER = ("jinja2.constants", "jinja2.debug", "pprint")
"""Modules that jinja2 imports when it needs them, which a child can't."""
_WARM = ('{% macro a(b) %}{{ b | tojson | quote }}{% endmacro %}{{ a("x") ~ 1.5 }}', "{{ missing }}", "{% if %}")
"""Templates that use much of it, and fail in the ways that there are."""


class _Zygote:
    """The loop: children by what is watched of each, its process and its answer's socket."""

    def __init__(self, control: socket.socket, memory: int, seconds: int) -> None:
        self._control = control
        self._limits = memory, seconds
        self._processes: dict[int, int] = {}
        self._answers: dict[int, int] = {}
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)

    def serve(self) -> None:
        """Serve until the server is gone. Then kill the children."""
        while True:
            # The control socket comes first, so the number of a descriptor that is closed below is not in use again.
            for descriptor, _ in self._poll.poll():
                if descriptor == self._control.fileno():
                    if not self._take():
                        self._end()
                        return
                elif descriptor in self._processes:
                    self._reap(descriptor)
                elif descriptor in self._answers:
                    # The server no longer listens.
                    self._kill(self._answers[descriptor])
                    self._poll.unregister(descriptor)

    def _take(self) -> bool:
        message, descriptors, _, _ = socket.recv_fds(self._control, 1, 2)
        if not message:
            return False
        request, answer = descriptors
        pid = os.fork()
        if pid == 0:
            _child(request, answer, *self._limits)
        os.close(request)
        process = os.pidfd_open(pid)
        self._processes[process] = answer
        self._answers[answer] = process
        self._poll.register(process, select.POLLIN)
        # A hang-up of the other side is reported without a request for it.
        self._poll.register(answer, 0)
        return True

    def _reap(self, process: int) -> None:
        os.waitid(os.P_PIDFD, process, os.WEXITED)
        answer = self._processes.pop(process)
        del self._answers[answer]
        self._poll.unregister(process)
        with suppress(KeyError):
            self._poll.unregister(answer)
        os.close(answer)
        os.close(process)

    def _kill(self, process: int) -> None:
        signal.pidfd_send_signal(process, signal.SIGKILL)

    def _end(self) -> None:
        for process in self._processes:
            self._kill(process)


def _child(request: int, answer: int, memory: int, seconds: int) -> None:
    """Do the requested work, answer, and exit: it never returns."""
    try:
        _limit(memory, seconds)
        os.write(answer, BEGUN)
        os.lseek(request, 0, os.SEEK_SET)
        text = b"".join(iter(lambda: os.read(request, 1 << 20), b""))
        data = memoryview(json.dumps(_done(text), default=str).encode())
        while data:
            data = data[os.write(answer, data) :]
    except BaseException as error:  # noqa: BLE001  # not the helper's own loop goes on in a child
        os.write(2, f"paas.daemon.zygote: {type(error).__name__} in a child\n".encode())
    finally:
        os._exit(0)


def _limit(memory: int, seconds: int) -> None:
    for kind, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        # Those that are open stay open.
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def _done(text: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(text)
        return {"result": WORKS[asked["work"]](**asked["given"])}
    except PaasError as error:
        return {"error": {"what": error.what, "why": error.why, "fix": error.fix, "code": error.code}}
    except MemoryError:
        return {}


def _warm_up() -> None:
    for name in _LATER:
        importlib.import_module(name)
    for text in _WARM:
        with suppress(InvalidValue):
            template.foreign("", {TEMPLATE: text}, {}, ())


def _become_nobody() -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def main(control: int, memory: int, seconds: int) -> None:
    """Serve until the server is gone."""
    # The first one to go when memory is short; more is always allowed.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    _warm_up()
    _become_nobody()
    gc.collect()
    gc.freeze()
    _Zygote(socket.socket(fileno=control), memory, seconds).serve()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
