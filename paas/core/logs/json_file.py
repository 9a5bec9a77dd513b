"""Files of Docker's json-file driver: one JSON object with log, stream and time per line.

A line of an app longer than 16 KiB is split into several objects; only the text of the last one ends with a newline.
Format: https://docs.docker.com/engine/logging/drivers/json-file/
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from paas.core.logs.line import LogLine, fixed

_ENTRY = re.compile(
    rb'\{"log":"([^"\\]*(?:\\.[^"\\]*)*)"(?:,"stream":"([a-z]*)")?(?:,"attrs":\{[^\n]*?\})?,"time":"([^"\n]*)"\}\n'
)
_WHOLE = b'\\n","'
LONGEST = 2 << 20
"""Limit on a line in bytes; the rest becomes another line."""


class JsonLog:
    """Decoder for the log of one container. Its input must begin at a `boundary` and be in order.

    Blocks without a match for ``wanted`` may be skipped as a whole, which is many times faster.
    """

    def __init__(
        self, source: str, process: str, release: int, app: str, wanted: Callable[[bytes], bool] | None = None
    ) -> None:
        self._source = source
        self._process = process
        self._release = release
        self._app = app
        self._wanted = wanted
        self._parts: dict[bytes, tuple[str, list[bytes], int]] = {}

    def fresh(self) -> JsonLog:
        """Return a new decoder with the same settings."""
        return JsonLog(self._source, self._process, self._release, self._app, self._wanted)

    def line(self, time: str, text: bytes) -> LogLine:
        """Return a line of this container."""
        return LogLine(time, self._source, self._process, text, self._release, self._app)

    def decode(self, block: bytes) -> list[LogLine]:
        """Return the lines that end in the block."""
        if self._wanted is not None and not self._parts and not self._worth_it(block):
            return []
        found = []
        source, process, release, app = self._source, self._process, self._release, self._app
        for text, stream, time in _ENTRY.findall(block):
            body = text[:-2]
            if b"\\" in body or self._parts or text[-2:] != b"\\n":
                line = self._joined(stream, time.decode(), unescaped(text))
                if line is not None:
                    found.append(line)
            else:
                moment = time.decode()
                found.append(
                    LogLine(moment if len(moment) == 30 else fixed(moment), source, process, body, release, app)
                )
        return found

    def _worth_it(self, block: bytes) -> bool:
        """Return False only if the block has no other escapes than newlines and quotes, and no match for ``wanted``."""
        ends, quotes = block.count(_WHOLE), block.count(b'\\"')
        if block.count(b"\\") != ends + quotes or block.count(b'{"log":"') != ends:
            # Other escapes, or split lines.
            return True
        assert self._wanted is not None
        return self._wanted(block.replace(b'\\"', b'"') if quotes else block)

    def _joined(self, stream: bytes, time: str, text: bytes) -> LogLine | None:
        began, parts, size = self._parts.pop(stream, (fixed(time), [], 0))
        parts.append(text)
        size += len(text)
        if text.endswith(b"\n"):
            parts[-1] = text[:-1]
        elif size < LONGEST:
            self._parts[stream] = (began, parts, size)
            return None
        return self.line(began, b"".join(parts).rstrip(b"\r"))

    def rest(self) -> list[LogLine]:
        """Return lines whose end has not been read."""
        found = [self.line(began, b"".join(parts)) for began, parts, _ in self._parts.values()]
        self._parts.clear()
        return found

    @staticmethod
    def boundary(block: bytes) -> int:
        """Return the offset of the first object in the block that begins a line; -1 if there is none."""
        at = block.find(_WHOLE)
        at = block.find(b"\n", at) if at >= 0 else -1
        return at + 1 if at >= 0 else -1

    @staticmethod
    def time(block: bytes) -> str:
        """Return the time of the first whole object in the block, empty if there is none."""
        match = _ENTRY.search(block)
        return fixed(match[3].decode()) if match else ""


def unescaped(text: bytes) -> bytes:
    """Decode the content of a JSON string; return it unchanged if it is invalid."""
    try:
        return str(json.loads(b'"' + text + b'"')).encode("utf-8", "replace")
    except ValueError:
        return text


def encode(time: str, text: bytes) -> bytes:
    """Encode one object as Docker writes it."""
    log = json.dumps(text.decode("utf-8", "replace"), ensure_ascii=False)
    return f'{{"log":{log},"stream":"stdout","time":"{time}"}}\n'.encode()
