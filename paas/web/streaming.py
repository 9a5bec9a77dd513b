"""Output as it comes: server-sent events, or JSON objects, a line each."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any

from flask import Response, request

from paas import frames
from paas.web.link import SILENCE, Conversation, Problem

SSE, NDJSON = "text/event-stream", "application/x-ndjson"
SAID = {frames.OUTPUT: "output", frames.ERROR: "message"}


def wanted() -> str:
    """The kind of stream that the client asks for, empty for none."""
    accepted = request.headers.get("Accept", "")
    return next((kind for kind in (SSE, NDJSON) if kind in accepted), "")


def respond(conversation: Conversation, kind: str) -> Response:
    """The events of the command; a client that goes away ends it."""
    response = Response(_events(conversation, kind, request.environ.get("gunicorn.socket")), mimetype=kind)
    # However it ends, and begun or not.
    response.call_on_close(conversation.close)
    # nginx would collect what comes until its buffers are full.
    response.headers["X-Accel-Buffering"] = "no"
    response.headers["Cache-Control"] = "no-store"
    return response


def _events(conversation: Conversation, kind: str, watched: Any) -> Iterator[bytes]:
    lines = {each: _Lines() for each in SAID}
    value = bytearray()
    yield b": begins\n\n" if kind == SSE else b""
    try:
        for frame, payload in conversation.frames(watched):
            if (frame, payload) == SILENCE:
                yield b": still here\n\n" if kind == SSE else b"\n"
            elif frame in SAID:
                yield b"".join(_event(kind, SAID[frame], {"line": line}) for line in lines[frame].take(payload))
            elif frame == frames.VALUE:
                value += payload
            elif frame == frames.PROBLEM:
                yield _event(kind, "problem", json.loads(payload))
            elif frame == frames.EXIT:
                yield b"".join(
                    _event(kind, SAID[each], {"line": line}) for each in SAID for line in lines[each].rest()
                )
                if value:
                    yield _event(kind, "result", {"value": json.loads(value)})
                yield _event(kind, "exit", {"status": payload[0]})
    except Problem as error:
        yield _event(kind, "problem", error.parts)
        yield _event(kind, "exit", {"status": 1})


def _event(kind: str, name: str, data: dict[str, Any]) -> bytes:
    if kind == NDJSON:
        return json.dumps({"event": name, **data}, ensure_ascii=False).encode() + b"\n"
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


class _Lines:
    """Whole lines from pieces of text."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = ""

    def take(self, data: bytes) -> list[str]:
        """The lines that are whole with this piece."""
        *whole, self._begun = (self._begun + self._decoder.decode(data)).split("\n")
        return whole

    def rest(self) -> list[str]:
        """What is left without an end of line."""
        return [self._begun] if self._begun else []
