"""A person at a terminal: the real ssh client or the command line in a pseudo-terminal, and what its screen shows."""

from __future__ import annotations

import time
from types import TracebackType

import pexpect
import pyte

SECONDS = 60


class _Screen(pyte.Screen):
    """Pyte's screen, which takes the private sequences that programs send to xterm, and answers their questions."""

    answer = staticmethod(lambda data: None)

    def select_graphic_rendition(self, *attributes: int, private: bool = False) -> None:
        """Colours; the private form sets how keys are reported, which nobody sees."""
        if not private:
            super().select_graphic_rendition(*attributes)

    def write_process_input(self, data: str) -> None:
        """What the terminal itself says to the program."""
        self.answer(data)


class Screen:
    """A program in a pseudo-terminal of so many columns and rows; `text` is what a person would see now."""

    def __init__(self, argv: list[str], environment: dict[str, str], columns: int, rows: int) -> None:
        self._screen = _Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.child = pexpect.spawn(
            argv[0], argv[1:], env={**environment, "TERM": "xterm"}, dimensions=(rows, columns), timeout=SECONDS
        )
        # It would pause before each key.
        self.child.delaybeforesend = None
        self._screen.answer = self.child.send  # type: ignore[method-assign]

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.child.close(force=True)

    def type(self, keys: str) -> None:
        """Presses keys."""
        self.child.send(keys)

    def resize(self, columns: int, rows: int) -> None:
        """The window has another size."""
        self._screen.resize(rows, columns)
        self.child.setwinsize(rows, columns)

    @property
    def text(self) -> str:
        """The screen, line by line, without blanks at the ends."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    @property
    def last(self) -> str:
        """The last line."""
        return self._screen.display[-1].rstrip()

    def until(self, condition) -> None:  # type: ignore[no-untyped-def]
        """Reads until the condition holds for the text; fails with the screen if it does not in time."""
        deadline = time.monotonic() + SECONDS
        while not condition(self.text):
            assert time.monotonic() < deadline, f"the screen shows:\n{self.text}"
            try:
                self._stream.feed(self.child.read_nonblocking(1 << 16, timeout=1))
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                assert condition(self.text), f"it ended with the screen:\n{self.text}"

    def end(self) -> int:
        """Waits for the end of the program; its exit status."""
        while True:
            try:
                self._stream.feed(self.child.read_nonblocking(1 << 16, timeout=SECONDS))
            except pexpect.EOF:
                break
            except pexpect.TIMEOUT:
                raise AssertionError(f"it has not ended, and the screen shows:\n{self.text}") from None
        self.child.wait()
        return self.child.exitstatus if self.child.exitstatus is not None else -1
