"""What nginx says when it refuses something, as errors that name the place and the next step."""

from __future__ import annotations

import re
from pathlib import Path

from paas.core.errors import ProxyError

PORT_TAKEN = re.compile(r"bind\(\) to (\S+) failed \(98:")


class ConfigRefused(ProxyError):
    """``nginx -t`` refused a file: ``path`` and ``line`` where (None and 0 when it does not say), ``words`` why."""

    def __init__(self, words: str, path: Path | None = None, line: int = 0) -> None:
        super().__init__("nginx refuses the configuration", why=words)
        self.words = words
        self.path = path
        self.line = line


def refused(output: str, status: int) -> ConfigRefused:
    """The worst that ``nginx -t`` printed."""
    for level in ("emerg", "alert", "crit", "error"):
        found = re.search(rf"\[{level}\] (?:\d+#\d+: )?(.*?)(?: in (/.+):(\d+))?$", output, re.MULTILINE)

        if found:
            words, path, line = found.groups()
            return ConfigRefused(words, Path(path) if path else None, int(line or 0))

    return ConfigRefused(output.strip() or f"nginx -t ended with status {status}.")


def not_started(output: str) -> ProxyError:
    """Why nginx ended at once, from what it printed."""
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
    """The lines that an error log gets from now on, and that say why nginx keeps its old configuration."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.start = self._size()

    def lines(self) -> list[str]:
        """The messages so far, without time and process number."""
        if self._size() <= self.start:
            return []

        with self.log.open(errors="replace") as file:
            file.seek(self.start)
            return re.findall(r"\[emerg\] (?:\d+#\d+: )?(.*)", file.read())

    def final(self) -> bool:
        """Whether nginx gave up: it tries several times to get a port, and then says so in a line of its own."""
        return any(not line.startswith("bind()") for line in self.lines())

    def words(self) -> str:
        """The message that says most; empty without any."""
        lines = self.lines()
        return next((line for line in lines if line.startswith("bind()")), lines[-1] if lines else "")

    def _size(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0
