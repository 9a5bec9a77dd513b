"""The protocol of the control socket: frames over a Unix stream socket.

A frame is one byte for its kind, four bytes for the payload's length (big-endian), and the payload, which may have
`MAX_PAYLOAD` bytes.

Client to server:

    h  hello         JSON, first and once: {"protocol": 1, "argv": ["apps:list"], "terminal": null or {"columns": 80,
                     "rows": 24, "kind": "xterm"}, "environment": {"GIT_PROTOCOL": "version=2"}}, and for the owner of
                     an SSH key that the host's OpenSSH let in, {"key": "SHA256:…", "address": "192.0.2.7"} beside it.
                     For the owner of a token, {"token": "paas_…", "address": …} instead of the key; an empty token is
                     anonymous. {"call": {"command": "ps", "parameters": {"app": "hello"}, "look": true}} in place of
                     argv has the parameters by name; "after" beside them is the place that a client has read up to.
                     {"parts": true}: the result and the error of the command come as JSON. {"detached": true} beside
                     it: once a deployment has begun, the command continues to its end when the client disconnects
    i  input         bytes of standard input, no more than were granted
    e  end of input  empty
    w  window size   columns and rows, two bytes each, big-endian
    c  interrupt     empty: Ctrl-C

Server to client:

    o  output        bytes for standard output
    x  error         bytes for standard error
    g  grant         four bytes, big-endian: the client may send this many more bytes of input. Before the first grant
                     the client does not read its own input
    v  value         JSON, with parts: the result, or the next piece of it, instead of output
    p  problem       JSON, with parts: the error, instead of lines on standard error
    j  job           four bytes, big-endian, with parts: the number of the job that has started
    m  mark          with parts: a position in the output. A command that receives it as "after" continues there. "+"
                     and the position after the next line of output, or "=" and the position after all output so far
    r  raw           one byte: 1 switches the terminal to raw mode, 0 switches it back
    q  exit status   one byte, last

Grants keep the socket from filling with unread input, so an interrupt always arrives.

This module is imported by the command line client, whose start is measured in milliseconds: it imports nothing that
takes time.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterator

PROTOCOL = 1
MAX_PAYLOAD = 1024 * 1024
HEADER = 5
WINDOW = 256 * 1024

HELLO, INPUT, END_OF_INPUT, WINDOW_SIZE, INTERRUPT = b"h", b"i", b"e", b"w", b"c"
OUTPUT, ERROR, GRANT, VALUE, PROBLEM, JOB, MARK, RAW, EXIT = b"o", b"x", b"g", b"v", b"p", b"j", b"m", b"r", b"q"


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    """Return one frame, ready to be sent."""
    return kind + len(payload).to_bytes(4, "big") + payload


class FrameTooLong(ValueError):
    """A payload is longer than `MAX_PAYLOAD`."""


def whole(buffer: bytearray) -> Iterator[tuple[bytes, bytes]]:
    """Take the complete frames out of ``buffer``, a bytearray. Yield (kind, payload); raise `FrameTooLong`."""
    start = 0
    try:
        while len(buffer) - start >= HEADER:
            body = start + HEADER
            end = body + int.from_bytes(buffer[start + 1 : body], "big")
            if end - body > MAX_PAYLOAD:
                raise FrameTooLong
            if len(buffer) < end:
                break
            kind, start = bytes(buffer[start : start + 1]), end
            yield kind, bytes(buffer[body:end])
    finally:
        del buffer[:start]
