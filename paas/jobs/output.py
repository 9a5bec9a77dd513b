"""The one vocabulary of what people read: steps, details, warnings, errors."""

from __future__ import annotations

from collections.abc import Callable

from paas.core.errors import PaasError
from paas.core.logs.line import printable_lines

Sink = Callable[[bytes], None]


class Output:
    """Results go to ``out``, chatter to ``err``; both take bytes."""

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
        """Writes a result as it is."""
        self._out(data.encode() if isinstance(data, str) else data)

    def chatter(self, data: bytes) -> None:
        """Writes finished chatter as it is, for instance the log of a job."""
        self._err(data)

    def began(self, number: int) -> None:
        """Tells a program, if one listens, that the change of that number has begun."""
        if self._began is not None:
            self._began(number)

    @property
    def marks(self) -> bool:
        """Whether somebody wants to know from where on the output could be told again."""
        return self._marked is not None

    def mark(self, place: str) -> None:
        """Tells, before a line of the result, the place after it."""
        if self._marked is not None:
            self._marked(place, True)

    def reached(self, place: str) -> None:
        """Tells the place after all that was said."""
        if self._marked is not None:
            self._marked(place, False)

    def step(self, text: str) -> None:
        """``-----> text``: something begins, or ended."""
        self._line("-----> ", text)

    def title(self, text: str) -> None:
        """``=====> text``: what follows belongs together."""
        self._line("=====> ", text)

    def detail(self, text: str) -> None:
        """Text below a step."""
        for line in text.splitlines() or [""]:
            self._line("       ", line)

    def warning(self, text: str) -> None:
        """`` !     text``: worth a person's attention."""
        for line in text.splitlines():
            self._line(" !     ", line)

    def error(self, error: PaasError) -> None:
        """What, why, what to do, and the code."""
        for line in error.lines():
            self._line(" !     ", line)

    def _line(self, prefix: str, text: str) -> None:
        # Much of it is not ours: what a build step, a phase or another server writes must not reach into a terminal.
        self._err(printable_lines(f"{prefix}{text}".rstrip().encode(errors="replace")) + b"\n")
