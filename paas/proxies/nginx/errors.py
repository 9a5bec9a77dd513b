"""nginx's refusals, as errors that name the place and the next step."""

from __future__ import annotations

import re
from pathlib import Path

from paas.core.errors import ProxyError

PORT_TAKEN = re.compile(r"bind\(\) to (\S+) failed \(98:")


class ConfigRefused(ProxyError):
    """``nginx -t`` refused a file:

    ``path`` and ``line`` of the place (None and 0 if unknown), ``words`` with the reason.
    """

    def __init__(self, words: str, path: Path | None = None, line: int = 0) -> None:
        super().__init__("nginx refuses the configuration", why=words)
        self.words = words
        self.path = path
        self.line = line


def refused(output: str, status: int) -> ConfigRefused:
    """Return the worst error in the output of ``nginx -t``."""
    for level in ("emerg", "alert", "crit", "error"):
        found = re.search(rf"\[{level}\] (?:\d+#\d+: )?(.*?)(?: in (/.+):(\d+))?$", output, re.MULTILINE)

        if found:
            words, path, line = found.groups()
            return ConfigRefused(words, Path(path) if path else None, int(line or 0))

    return ConfigRefused(output.strip() or f"nginx -t ended with status {status}.")


def not_started(output: str) -> ProxyError:
    """Return why nginx exited at once, from its output."""
    taken = PORT_TAKEN.search(output)

    if taken:
        return ProxyError(
            f"nginx cannot listen on {taken[1]}",
            why="Another program listens there already.",
            fix="Stop that program, or choose another port with --http-port or --https-port.",
        )

    found = re.search(r"\[(?:emerg|alert)\] (?:\d+#\d+: )?(.*)", output)
    return ProxyError("nginx does not start", why=found[1] if found else output.strip())


class Emergencies:
    """New lines of an error log that say why nginx keeps its old configuration."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.start = self._size()

    def lines(self) -> list[str]:
        """Return the messages so far, without time and process number."""
        if self._size() <= self.start:
            return []

        with self.log.open(errors="replace") as file:
            file.seek(self.start)
            return re.findall(r"\[emerg\] (?:\d+#\d+: )?(.*)", file.read())

    def final(self) -> bool:
        """Return True if nginx gave up: it tries several times to bind a port, and then says so in a separate line."""
        return any(not line.startswith("bind()") for line in self.lines())

    def words(self) -> str:
        """Return the most important message; empty without any."""
        lines = self.lines()
        return next((line for line in lines if line.startswith("bind()")), lines[-1] if lines else "")

    def _size(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0
