"""Output as it comes: server-sent events, or JSON objects, a line each."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator
from typing import Any

from flask import Response, request

from paas.control import frames
from paas.web.daemon_client import SILENCE, CommandFailed, Conversation

SSE, NDJSON = "text/event-stream", "application/x-ndjson"
Shape = Callable[[str], dict[str, Any]]
SAID = {frames.OUTPUT: "output", frames.ERROR: "message"}


def wanted() -> str:
    """Return the requested kind of stream, empty for none."""
    accepted = request.headers.get("Accept", "")
    return next((kind for kind in (SSE, NDJSON) if kind in accepted), "")


def respond(conversation: Conversation, kind: str, shape: Shape | None = None) -> Response:
    """Stream the events of the command; a disconnect of the client ends it. ``shape`` converts a line."""
    watched = request.environ.get("gunicorn.socket")
    response = Response(_events(conversation, kind, watched, shape or _plain), mimetype=kind)
    # However it ends, and begun or not.
    response.call_on_close(conversation.close)
    # nginx would collect what comes until its buffers are full.
    response.headers["X-Accel-Buffering"] = "no"
    response.headers["Cache-Control"] = "no-store"
    return response


def text(conversation: Conversation) -> Response:
    """Return the output of the command as a text of any length."""
    watched = request.environ.get("gunicorn.socket")
    pieces = (payload for frame, payload in conversation.frames(watched) if frame == frames.OUTPUT)
    response = Response(pieces, content_type="text/plain; charset=utf-8")
    response.call_on_close(conversation.close)
    return response


def _events(conversation: Conversation, kind: str, watched: Any, shape: Shape) -> Iterator[bytes]:
    lines = {each: _Lines() for each in SAID}
    value = bytearray()
    place = ""
    yield b": begins\n\n" if kind == SSE else b""
    try:
        for frame, payload in conversation.frames(watched):
            if (frame, payload) == SILENCE:
                yield b": still here\n\n" if kind == SSE else b"\n"
            elif frame == frames.MARK:
                # "+": it belongs to the line that comes next, so that a client has both or none.
                place = payload[1:].decode()
                if payload[:1] == b"=":
                    yield _reached(kind, place)
                    place = ""
            elif frame in SAID:
                for line in lines[frame].take(payload):
                    yield _event(kind, SAID[frame], shape(line), place)
                    place = ""
            elif frame == frames.VALUE:
                value += payload
            elif frame == frames.PROBLEM:
                yield _event(kind, "problem", json.loads(payload))
            elif frame == frames.EXIT:
                yield b"".join(_event(kind, SAID[each], shape(line)) for each in SAID for line in lines[each].rest())
                if value:
                    yield _event(kind, "result", {"value": json.loads(value)})
                yield _event(kind, "exit", {"status": payload[0]})
    except CommandFailed as error:
        # The daemon went away: how the command ended is not known, so there is no exit event.
        yield _event(kind, "problem", error.parts)


def _event(kind: str, name: str, data: dict[str, Any], place: str = "") -> bytes:
    if kind == NDJSON:
        whole = {"event": name, **data, **({"id": place} if place else {})}
        return json.dumps(whole, ensure_ascii=False).encode() + b"\n"
    head = f"id: {place}\n" if place else ""
    return f"{head}event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def _reached(kind: str, place: str) -> bytes:
    """Return only the position. A client of server-sent events stores it, without an event."""
    return f"id: {place}\n\n".encode() if kind == SSE else _event(kind, "place", {}, place)


def _plain(line: str) -> dict[str, Any]:
    return {"line": line}


class _Lines:
    """Whole lines from pieces of text."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = ""

    def take(self, data: bytes) -> list[str]:
        """Return the complete lines."""
        *whole, self._begun = (self._begun + self._decoder.decode(data)).split("\n")
        return whole

    def rest(self) -> list[str]:
        """Return an unfinished last line."""
        return [self._begun] if self._begun else []
