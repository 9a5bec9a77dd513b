"""Line editing for terminals at the other end of an SSH connection, as in a terminal driver's normal mode.

There is no driver behind an SSH client: keys arrive one by one. Commands that ask a question need a whole line, which
is echoed while it is typed and edited with the usual keys (termios(3), canonical mode).
"""

from __future__ import annotations

INTERRUPT, END_OF_FILE, ERASE_LINE, ERASE_WORD = 0x03, 0x04, 0x15, 0x17
ERASE = (0x08, 0x7F)
NEWLINE = (0x0A, 0x0D)

MAX_LINE = 4096


class Line:
    """The line being typed. ``interrupted`` and ``ended`` become true at Ctrl-C and Ctrl-D."""

    def __init__(self) -> None:
        self._typed = bytearray()
        self.interrupted = False
        self.ended = False

    def type(self, keys: bytes) -> tuple[bytes, bytes]:
        """Process keys. Return the bytes for the command and those for the terminal; nothing after Ctrl-C or Ctrl-D."""
        read, shown = bytearray(), bytearray()

        for key in keys:
            if self.interrupted or self.ended:
                break

            shown += self._key(key, read)

        return bytes(read), bytes(shown)

    def _key(self, key: int, read: bytearray) -> bytes:
        if key in NEWLINE:
            read += self._typed + b"\n"
            self._typed.clear()
            return b"\r\n"

        if key == INTERRUPT:
            self.interrupted = True
            return b"^C\r\n"

        if key == END_OF_FILE:
            self.ended = not self._typed
            read += self._typed
            self._typed.clear()
            return b""

        if key in ERASE:
            return self._erase(1)

        if key == ERASE_LINE:
            return self._erase(len(self._typed))

        if key == ERASE_WORD:
            kept = self._typed.rstrip(b" ").rpartition(b" ")
            return self._erase(len((self._typed[len(kept[0]) + len(kept[1]) :]).decode(errors="replace")))

        if key < 0x20 or len(self._typed) >= MAX_LINE:
            return b""

        self._typed.append(key)
        return bytes([key])

    def _erase(self, characters: int) -> bytes:
        shown = b""

        for _ in range(characters):
            if not self._typed:
                break

            # A character beyond ASCII has several bytes, all but the first of them 0b10xxxxxx.
            while len(self._typed) > 1 and self._typed[-1] & 0xC0 == 0x80:
                self._typed.pop()

            self._typed.pop()
            shown += b"\b \b"

        return shown
