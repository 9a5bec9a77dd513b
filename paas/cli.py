"""The ``paas`` program: a thin client of the server's control socket.

``paas [--root DIR] COMMAND …`` sends the command to the server of the instance in DIR, ``$PAAS_ROOT``, or
``/var/lib/paas``. Only commands that work without a server run here: ``serve``, ``teardown``, ``accept-database``,
``forget-secrets``, and ``shell``, the forced command of the host's own OpenSSH. It starts in milliseconds because it
imports almost nothing.
"""

from __future__ import annotations

import os
import sys
from _json import encode_basestring_ascii as quoted

from paas.control import client, frames

TYPE_CHECKING = False

if TYPE_CHECKING:
    from paas.core.errors import PaasError

ROOT = "/var/lib/paas"
SOCKET = "control.sock"


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    root, words = _root(sys.argv[1:] if argv is None else argv)
    command = words[0] if words else ""

    if command in ("serve", "teardown"):
        from importlib import import_module

        module = import_module("paas.daemon.serve" if command == "serve" else "paas.daemon.teardown")
        return int(module.main([f"--root={root}", *words[1:]]))

    if command in ("accept-database", "forget-secrets"):
        from paas.daemon import recovery

        return recovery.main([command, f"--root={root}", *words[1:]])

    if command == "shell":
        return _shell(root, words[1:])

    return _talk(root, words, {"GIT_PROTOCOL": os.environ.get("GIT_PROTOCOL", "")})


def _root(argv: list[str]) -> tuple[str, list[str]]:
    """Return the instance's folder, and the words without the option that names it."""
    root = os.environ.get("PAAS_ROOT") or ROOT

    if argv[:1] == ["--root"] and len(argv) > 1:
        return argv[1], argv[2:]

    if argv and argv[0].startswith("--root="):
        return argv[0].removeprefix("--root="), argv[1:]

    return root, argv


def _shell(root: str, words: list[str]) -> int:
    """Run ``shell --key SHA256:…``, which sshd starts for the owner of the key: their command, with their rights."""
    from paas.core.errors import PaasError, UsageError
    from paas.ssh import command

    try:
        if len(words) != 2 or words[0] != "--key":
            raise UsageError("shell takes one option: --key FINGERPRINT", why="Only sshd's authorized_keys uses it.")

        argv = command.split(os.environ.get("SSH_ORIGINAL_COMMAND", ""))
    except PaasError as error:
        return _complain(error)

    address = os.environ.get("SSH_CONNECTION", "").partition(" ")[0]
    environment = {"GIT_PROTOCOL": os.environ.get("GIT_PROTOCOL", "")}
    return _talk(root, argv, environment, {"key": words[1], "address": address})


def _talk(root: str, argv: list[str], environment: dict[str, str], extra: dict[str, str] | None = None) -> int:
    """Run ``argv`` on the server and return the exit status."""
    client.open_streams()

    try:
        server = client.connect(f"{root}/{SOCKET}")
    except OSError as error:
        return _complain(_unreachable(root, error))

    size = client.terminal_size()
    terminal = {"columns": size[0], "rows": size[1], "kind": os.environ.get("TERM", "dumb")} if size else None
    hello = {"protocol": frames.PROTOCOL, "argv": argv, "terminal": terminal, "environment": environment}
    status = client.CommandClient(server, _json({**hello, **(extra or {})}).encode()).run()

    if status == client.LOST:
        return _complain(_lost(root))

    return status


def _json(value: object) -> str:
    """Encode as JSON without importing json, which takes ten milliseconds."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{quoted(key)}:{_json(item)}" for key, item in value.items()) + "}"

    if isinstance(value, list):
        return "[" + ",".join(map(_json, value)) + "]"

    if isinstance(value, str):
        return quoted(value)

    return "null" if value is None else str(value)


def _unreachable(root: str, error: OSError) -> PaasError:
    from paas.core.errors import PaasError

    if isinstance(error, PermissionError):
        return PaasError(
            f"You may not use the server in {root}",
            why="Only root and the server's user may use its control socket.",
            fix="Use sudo, or connect over SSH with your own key.",
            code="forbidden",
        )

    why = {
        FileNotFoundError: f"There is no {SOCKET} in {root}.",
        ConnectionRefusedError: f"{root}/{SOCKET} does not answer: the server ended without cleaning up.",
    }
    return PaasError(
        f"The server of {root} is not running",
        why=why.get(type(error), f"{root}/{SOCKET}: {error.strerror}."),
        fix=f"Start it with 'paas serve --root {root}', or 'systemctl start paas' if it is a service.\n"
        "If its data is elsewhere, use 'paas --root DIR COMMAND' or set PAAS_ROOT.",
        code="not-running",
    )


def _lost(root: str) -> PaasError:
    from paas.core.errors import PaasError

    return PaasError(
        "The server disconnected before the command ended",
        why=f"The connection to the server of {root} was closed.",
        fix="The server finishes or undoes an interrupted deploy when it starts again.",
        code="disconnected",
    )


def _complain(error: PaasError) -> int:
    import contextlib

    text = "".join(f" !     {line}\n" for line in error.lines())

    # Standard error may be closed; the exit status still reports the failure.
    with contextlib.suppress(OSError):
        os.write(2, text.encode(errors="replace"))

    return error.status


if __name__ == "__main__":
    sys.exit(main())
