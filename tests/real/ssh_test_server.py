"""Both servers for the tests of the real clients, in a process of its own: FOLDER, then FINGERPRINT NAME pairs.

Prints the SSH server's port; the control socket is FOLDER/control.sock. The commands show what the transports do; git's
own are git's.
"""

import asyncio
import hashlib
import logging
import subprocess
import sys
from pathlib import Path

from paas.control import server as control
from paas.core.access.caller import Access, Caller
from paas.core.errors import Disconnected
from paas.ssh import server

BLOCK = bytes(range(256)) * 256


def dispatch(invocation):
    name, *arguments = invocation.argv or ["help"]

    try:
        return COMMANDS[name](invocation, *arguments) or 0
    except Disconnected:
        return 130


def whoami(invocation):
    invocation.stdout(f"{invocation.caller.name} {invocation.caller.address}\n".encode())


def status(invocation, number):
    invocation.stderr(b"chatter\n")
    return int(number)


def digest(invocation, pause="0"):
    sha, size = hashlib.sha256(), 0

    while data := invocation.stdin.recv(1 << 18):
        sha.update(data)
        size += len(data)
        invocation.gone.wait(float(pause))

    invocation.stdout(f"{size} {sha.hexdigest()}\n".encode())


def source(invocation, size):
    for _ in range(int(size) // len(BLOCK)):
        invocation.stdout(BLOCK)


def peak(invocation, reset=""):
    """The most memory that this process has had since the last reset, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    invocation.stdout(next(line.split()[1] for line in lines if line.startswith("VmHWM")).encode())

    if reset:
        Path("/proc/self/clear_refs").write_text("5")


def idle(invocation):
    invocation.stdout(b"idle\n")
    invocation.gone.wait()


def follow(invocation):
    """Lines without an end, as those of a log."""
    number = 0

    while not invocation.gone.wait(0.01):
        invocation.stdout(f"line {(number := number + 1)}\n".encode())


def git(invocation, path):
    repository = FOLDER / "repositories" / path.strip("/")
    process = subprocess.Popen(
        [*invocation.argv[0].split("-", 1), repository], stdin=invocation.stdin, stdout=subprocess.PIPE
    )

    while data := process.stdout.read1(1 << 18):
        invocation.stdout(data)

    return process.wait()


COMMANDS = {
    "whoami": whoami,
    "status": status,
    "digest": digest,
    "source": source,
    "peak": peak,
    "idle": idle,
    "follow": follow,
    "git-receive-pack": git,
    "git-upload-pack": git,
}


async def main(keys):
    running = await server.start(
        "127.0.0.1", 0, host_keys=FOLDER / "host-keys", lookup=keys.get, dispatch=dispatch
    )
    await control.start(FOLDER / "control.sock", lookup=keys.get, dispatch=dispatch)
    print(running.port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    FOLDER = Path(sys.argv[1])
    asyncio.run(
        main(
            {
                fingerprint: Caller(name, Access.DEPLOY, "ssh", fingerprint=fingerprint)
                for fingerprint, name in zip(sys.argv[2::2], sys.argv[3::2], strict=True)
            }
        )
    )
