"""The protocol of the control socket: frames over a Unix stream socket.

A frame is one byte for its kind, four bytes for the payload's length (big-endian), and the payload, which may have
`MAX_PAYLOAD` bytes.

Client to server:

    h  hello         JSON, first and once: {"protocol": 1, "argv": ["apps:list"], "terminal": null or {"columns": 80,
                     "rows": 24, "kind": "xterm"}, "environment": {"GIT_PROTOCOL": "version=2"}}, and for the owner of
                     an SSH key that the host's OpenSSH let in, {"key": "SHA256:…", "address": "192.0.2.7"} beside it.
                     For the owner of a token, {"token": "paas_…", "address": …} in place of the key; an empty token is
                     nobody's. {"call": {"command": "ps", "parameters": {"app": "hello"}, "look": true}} in place of
                     argv has the parameters by name; "after" beside them is the place that a client has read up to.
                     {"parts": true}: the result and the error of the command come as JSON. {"detached": true} beside
                     it: once a change of an app has begun, the command goes on to its end when the client goes away
    i  input         bytes of standard input, no more than were granted
    e  end of input  empty
    w  window size   columns and rows, two bytes each, big-endian
    c  interrupt     empty: Ctrl-C

Server to client:

    o  output        bytes for standard output
    x  error         bytes for standard error
    g  grant         four bytes, big-endian: so many more bytes of input are welcome. Before the first grant the command
                     has no use for input, and the client does not read its own
    v  value         JSON, for who asked for parts: the result, or the next piece of it, in place of output
    p  problem       JSON, for who asked for parts: those of the error, in place of lines on standard error
    j  job           four bytes, big-endian, for who asked for parts: the number of the change that has begun
    m  mark          for who asked for parts: a place in the output from which the command goes on when it is given as
                     "after". "+" and the place after the line of output that follows, or "=" and the place after all
                     that was said
    r  raw           one byte: 1, the terminal becomes raw; 0, it becomes what it was
    q  exit status   one byte, last

Grants keep the socket from filling with input that nobody reads, so that an interrupt always comes through.

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
    """One frame, ready to be sent."""
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
