"""The client's side of a git conversation: all bytes from and to it, except packs."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dulwich.protocol import SIDE_BAND_CHANNEL_PROGRESS, pkt_line

from paas.core.errors import Disconnected

logger = logging.getLogger(__name__)

# An empty packet on the data band, which every client skips: receive.keepAlive in git-config(1).
_KEEP_ALIVE = pkt_line(b"\x01")
# A packet has at most 65520 bytes, with four for its length and one for the band.
_LARGEST_PIECE = 65515


class GitPeer:
    """Connection to a git client: reads exactly, writes whole packets from any thread, and tolerates a disconnected
    client.

    Writes to a disconnected client are dropped only here; ``gone`` tells that it happened.
    """

    def __init__(self, stdin: socket.socket, stdout: Callable[[bytes], None]) -> None:
        self.stdin = stdin
        self.gone = False
        self._stdout = stdout
        self._turn = threading.Condition()
        self._last = time.monotonic()
        self._watched = False

    def read(self, size: int) -> bytes:
        """Read exactly ``size`` bytes; fewer only at the end of the stream."""
        data = bytearray()
        while len(data) < size:
            piece = self.stdin.recv(size - len(data))
            if not piece:
                break
            data += piece
        return bytes(data)

    def write(self, data: bytes) -> None:
        """Send a whole packet."""
        with self._turn:
            self._send(data)

    @contextmanager
    def watching(self, seconds: float | None) -> Iterator[Callable[[bytes], None]]:
        """Yield a function that shows text on the pusher's terminal, over the side band.

        Inside the context the client gets a keep-alive packet whenever nothing was sent for ``seconds``. With None, for
        a client without side band, all text is dropped, as is text after the end of the context.
        """
        if seconds is None:
            yield lambda text: None
            return

        self._watched = True
        thread = threading.Thread(target=self._keep_alive, args=(seconds,), name="git-keepalive", daemon=True)
        thread.start()
        try:
            yield self._show
        finally:
            with self._turn:
                self._watched = False
                self._turn.notify_all()
            thread.join()

    def _show(self, text: bytes) -> None:
        with self._turn:
            for start in range(0, len(text), _LARGEST_PIECE):
                if self._watched:
                    piece = text[start : start + _LARGEST_PIECE]
                    self._send(pkt_line(bytes([SIDE_BAND_CHANNEL_PROGRESS]) + piece))

    def _keep_alive(self, seconds: float) -> None:
        with self._turn:
            while self._watched and not self.gone:
                silence = time.monotonic() - self._last
                if silence < seconds:
                    self._turn.wait(seconds - silence)
                else:
                    self._send(_KEEP_ALIVE)

    def _send(self, data: bytes) -> None:
        if self.gone:
            return
        try:
            self._stdout(data)
        except Disconnected:
            self.gone = True
            logger.info("a client went away; what it began goes on")
        self._last = time.monotonic()
