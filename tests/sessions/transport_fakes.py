"""Servers on both transports with commands that show what a transport hands them."""

import asyncio
import dataclasses
import hashlib
import json
import queue
import threading
import time

import pytest

from paas.control import server
from paas.core.access.caller import Access, Caller
from paas.core.errors import Disconnected
from paas.ssh import server as ssh

BLOCK = bytes(range(256)) * 256


@pytest.fixture(autouse=True)
def no_faults_of_the_loop(caplog):
    """For the tests of the modules that import it: the event loop met nothing that nobody had expected."""
    yield
    faults = [record.getMessage() for record in caplog.get_records("call") if record.name == "asyncio"]
    assert faults == [], faults


def until(condition, seconds=10.0):
    """Waits until ``condition()`` is true, and returns what it returned."""
    deadline = time.monotonic() + seconds

    while not (result := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)

    return result


def steady(count):
    """Waits until ``count()`` has stopped growing, and returns it."""
    seen = [count()]
    until(lambda: seen.append(count()) or (len(seen) > 30 and seen[-1] == seen[-30] and seen[-1] > 0))
    return seen[-1]


class Commands:
    """A dispatch of small commands; what happened is left in ``invocations``, ``ended`` and ``written``."""

    def __init__(self):
        self.invocations = queue.Queue()
        self.ended = queue.Queue()
        self.written = 0

    def __call__(self, invocation):
        self.invocations.put(invocation)
        name, *arguments = invocation.argv or ["help"]

        try:
            status = getattr(self, name.replace("-", "_"))(invocation, *arguments) or 0
        except Disconnected:
            status = 130
            self.ended.put("disconnected")
        else:
            self.ended.put(name)

        return status

    def help(self, invocation):
        invocation.stdout(b"usage\n")

    def words(self, invocation, *words):
        invocation.stdout(json.dumps(words).encode())

    def status(self, invocation, status):
        invocation.stdout(b"out\n")
        invocation.stderr(b"err\n")
        return int(status)

    def whoami(self, invocation):
        invocation.stdout(json.dumps(dataclasses.asdict(invocation.caller)).encode())

    def environment(self, invocation):
        invocation.stdout(json.dumps(invocation.environment).encode())

    def cat(self, invocation):
        while data := invocation.stdin.recv(100_000):
            invocation.stdout(data)

    def digest(self, invocation):
        digest, size = hashlib.sha256(), 0

        while data := invocation.stdin.recv(100_000):
            digest.update(data)
            size += len(data)

        invocation.stdout(f"{size} {digest.hexdigest()}\n".encode())

    def source(self, invocation, size):
        self.written = 0

        while self.written < int(size):
            invocation.stdout(BLOCK)
            self.written += len(BLOCK)

    def idle(self, invocation):
        invocation.stdout(b"idle\n")
        invocation.gone.wait(60)

    def drowsy(self, invocation):
        """Reads nothing until it is told to, by a file of that name being gone."""
        invocation.stdin.recv(1)
        self.awake.wait(60)
        self.digest(invocation)

    awake = threading.Event()

    def follow(self, invocation):
        while True:
            invocation.stdout(b"line\n")
            invocation.gone.wait(0.005)

    def wait_for_end(self, invocation):
        invocation.stdout(b"reading\n")

        while invocation.stdin.recv(1000):
            pass

    def terminal(self, invocation):
        terminal = invocation.terminal
        invocation.stdout(json.dumps(terminal and dataclasses.asdict(terminal)).encode() + b"\n")

    def sizes(self, invocation):
        sizes = queue.Queue()
        invocation.on_resize.append(sizes.put)
        invocation.stdout(b"ready\n")
        terminal = sizes.get(timeout=60)
        assert invocation.terminal == terminal
        invocation.stdout(f"{terminal.columns}x{terminal.rows}\n".encode())

    def ask(self, invocation):
        invocation.stdout(b"name? ")
        answer = b""

        while not answer.endswith(b"\n") and (data := invocation.stdin.recv(1)):
            answer += data

        invocation.stdout(b"hello " + answer.strip() + b"\n")

    def keys(self, invocation):
        invocation.set_raw(True)
        invocation.stdout(b"raw\n")

        while (key := invocation.stdin.recv(1)) not in (b"q", b""):
            invocation.stdout(f"<{key.hex()}>".encode())

        invocation.set_raw(False)
        invocation.stdout(b"cooked\n")

    def crash(self, invocation):
        raise RuntimeError("a fault of the program")


class Servers:
    """Both servers on a loop of their own in a thread."""

    def __init__(self, folder, *, limits=None, commands_at_once=256):
        self.folder = folder
        self.commands = Commands()
        self.keys = {}
        self.limits = limits or ssh.SshLimits()
        self.commands_at_once = commands_at_once
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def allow(self, fingerprint, name, access=Access.DEPLOY):
        self.keys[fingerprint] = Caller(name, access, "ssh", fingerprint=fingerprint)

    def __enter__(self):
        self._thread.start()
        self.ssh, self.control = self.call(self._start())
        return self

    def __exit__(self, *_):
        self.call(asyncio.wait_for(self._stop(), 10))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _start(self):
        return (
            await ssh.start(
                "127.0.0.1",
                0,
                host_keys=self.folder / "host-keys",
                lookup=self.keys.get,
                dispatch=self.commands,
                limits=self.limits,
            ),
            await server.start(
                self.folder / "control.sock",
                lookup=self.keys.get,
                dispatch=self.commands,
                commands=self.commands_at_once,
            ),
        )

    async def _stop(self):
        await asyncio.gather(self.ssh.close(grace=0), self.control.close(grace=0))
