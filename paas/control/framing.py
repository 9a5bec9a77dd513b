"""Read the control socket's protocol on the server's side. `paas.control.frames` describes the protocol."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from paas.commands.invocation import Terminal
from paas.control import client_env, frames
from paas.core.errors import PaasError, UsageError


class BrokenProtocol(PaasError):
    """The peer does not speak this version of the protocol."""

    code = "protocol"


@dataclass(frozen=True)
class Call:
    """A command with named parameters. ``look``: refuse a command that changes anything. ``after``: see `frames`."""

    command: str
    parameters: dict[str, Any]
    look: bool = False
    after: str = ""


@dataclass(frozen=True)
class Hello:
    """The client's first frame: ``argv`` or a ``call``. ``token`` is None for a client that sends none."""

    argv: list[str]
    terminal: Terminal | None
    environment: dict[str, str]
    key: str
    address: str
    token: str | None = None
    parts: bool = False
    call: Call | None = None
    detached: bool = False


def parse_hello(kind: bytes, payload: bytes) -> Hello:
    """Parse the first frame. Raise `BrokenProtocol`, or `UsageError` for words that are not valid UTF-8."""
    try:
        hello = json.loads(payload) if kind == frames.HELLO else None
    except (ValueError, RecursionError):
        hello = None

    if not isinstance(hello, dict) or hello.get("protocol") != frames.PROTOCOL:
        raise BrokenProtocol(
            "The client and the server speak different protocol versions",
            why=f"The server speaks version {frames.PROTOCOL} of the control protocol.",
            fix="If the program was updated after the server started, restart the server.",
        )

    try:
        size = hello.get("terminal")
        return Hello(
            argv=[] if "call" in hello else _strings(hello["argv"]),
            terminal=client_env.terminal(int(size["columns"]), int(size["rows"]), str(size["kind"])) if size else None,
            environment=client_env.environment(
                {str(k): str(v) for k, v in dict(hello.get("environment") or {}).items()}
            ),
            key=str(hello.get("key") or ""),
            address=str(hello.get("address") or "")[:64],
            token=str(hello["token"] or "") if "token" in hello else None,
            parts=bool(hello.get("parts")),
            call=_call(hello["call"]) if "call" in hello else None,
            detached=bool(hello.get("detached")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BrokenProtocol("The client's first frame is malformed", why=repr(error)) from None


def _call(value: Any) -> Call:
    parameters = value["parameters"]
    if not isinstance(parameters, dict):
        raise ValueError("the parameters are not an object")

    return Call(str(value["command"]), parameters, bool(value.get("look")), str(value.get("after") or ""))


def _strings(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("argv is not a list of strings")

    if not all(item.isascii() or _is_text(item) for item in value):
        raise UsageError("The command line is not text", why="It must be valid UTF-8.")

    return value


def _is_text(item: str) -> bool:
    try:
        return bool(item.encode())
    except UnicodeEncodeError:
        return False


def whole_frames(buffer: bytearray) -> Iterator[tuple[bytes, bytes]]:
    """Take the complete frames out of ``buffer``. Raise `BrokenProtocol` when one is too long."""
    try:
        yield from frames.whole(buffer)
    except frames.FrameTooLong:
        raise BrokenProtocol(
            "The client sent too much at once",
            why=f"The limit for a frame, and for a command line, is {frames.MAX_PAYLOAD // 1024} KiB.",
            fix="Pass large values on standard input.",
        ) from None
