"""Output for users: steps, details, warnings, errors."""

from __future__ import annotations

from collections.abc import Callable

from paas.core.errors import PaasError
from paas.core.logs.line import printable_lines

Sink = Callable[[bytes], None]


class Output:
    """Output of a command. Results go to ``out``, messages to ``err``; both take bytes."""

    def __init__(
        self,
        out: Sink,
        err: Sink,
        began: Callable[[int], None] | None = None,
        marked: Callable[[str, bool], None] | None = None,
    ) -> None:
        self._out = out
        self._err = err
        self._began = began
        self._marked = marked

    def result(self, data: bytes | str) -> None:
        """Write a result unchanged."""
        self._out(data.encode() if isinstance(data, str) else data)

    def chatter(self, data: bytes) -> None:
        """Write formatted messages unchanged, such as the log of a job."""
        self._err(data)

    def began(self, number: int) -> None:
        """Report to a listening program that the deployment of that number has begun."""
        if self._began is not None:
            self._began(number)

    @property
    def marks(self) -> bool:
        """Return True if a program wants marks from which output can be repeated."""
        return self._marked is not None

    def mark(self, place: str) -> None:
        """Report, before a line of the result, the position after it."""
        if self._marked is not None:
            self._marked(place, True)

    def reached(self, place: str) -> None:
        """Report the position after everything that was written."""
        if self._marked is not None:
            self._marked(place, False)

    def step(self, text: str) -> None:
        """Write ``-----> text``: something begins, or ended."""
        self._line("-----> ", text)

    def title(self, text: str) -> None:
        """Write ``=====> text``: a heading."""
        self._line("=====> ", text)

    def detail(self, text: str) -> None:
        """Write text below a step."""
        for line in text.splitlines() or [""]:
            self._line("       ", line)

    def warning(self, text: str) -> None:
        """Write `` !     text``: a warning."""
        for line in text.splitlines():
            self._line(" !     ", line)

    def error(self, error: PaasError) -> None:
        """Write what, why, what to do, and the code."""
        for line in error.lines():
            self._line(" !     ", line)

    def _line(self, prefix: str, text: str) -> None:
        # Much of it comes from others: output of a build step, a phase or another server must not control a terminal.
        self._err(printable_lines(f"{prefix}{text}".rstrip().encode(errors="replace")) + b"\n")
