"""Convert BuildKit's plain progress into readable lines.

Input lines are of the form ``#5 [2/3] RUN …``, ``#5 0.123 text``, ``#5 CACHED``, ``#5 DONE 0.1s``, ``#5 ERROR: …``, as
``docker build --progress=plain`` prints them.
"""

from __future__ import annotations

import re

from paas.core.errors import BuildFailed

_VERTEX = re.compile(r"#(\d+) (.*)")
_STEP = re.compile(r"\[(?:[\w./@:-]+ +)?\d+/\d+\] .*")
_OUTPUT = re.compile(r"\d+\.\d+ ?(.*)")
_NOISE = re.compile(r"DONE \d.*|sha256:\w+.*|extracting .*|resolve .*|\.\.\.")
_NO_SPACE = "no space left on device"
_KILLED = re.compile(r"exit code: 137\b")
_REFUSED = re.compile(r"::paas-error::([a-z][a-z0-9-]*)::(.+)::(.+)::(.+)")
"""Line that a buildpack's step prints if it knows why it fails: code, what, why and fix (``lib.fail`` in its template).
"""
_MOUNTS = re.compile(r"--mount=\S+|\. /run/secrets/env;(?: : variables \w+;)?|echo '::paas-error::.{0,2000}?; exit 1;")
KEPT_LINES = 60


class BuildLog:
    """Converter: each line returns None or the text to show.

    ``refused`` is the error of a step that knows why it failed.
    """

    def __init__(self) -> None:
        self._titles: dict[str, str] = {}
        self._output: dict[str, list[str]] = {}
        self._rest: list[str] = []
        self.failed_step = ""
        self.disk_full = False
        self.refused: BuildFailed | None = None

    def feed(self, line: str) -> str | None:
        """Return the text to show for one line of progress, None for noise."""
        line = line.rstrip("\r\n")
        self.disk_full |= _NO_SPACE in line.lower()
        match = _VERTEX.fullmatch(line)
        if not match:
            if line.strip() and set(line.strip()) != {"-"}:
                self._rest.append(line)
            return None

        vertex, text = match.groups()
        if vertex not in self._titles:
            self._titles[vertex] = text
            return _readable(text) if _STEP.fullmatch(text) else None
        if not _STEP.fullmatch(self._titles[vertex]):
            return None
        return self._of_step(vertex, text)

    def _of_step(self, vertex: str, text: str) -> str | None:
        if text == "CACHED":
            return "  cached"
        if text.startswith("ERROR"):
            self.failed_step = _readable(self._titles[vertex])
            return None
        if _NOISE.fullmatch(text) or text == self._titles[vertex]:
            return None
        output = _OUTPUT.fullmatch(text)
        shown = output[1] if output else text
        refused = _REFUSED.fullmatch(shown)
        if refused:
            code, what, why, fix = refused.groups()
            self.refused = BuildFailed(what, why=why, fix=fix, code=code)
            return None
        self._output.setdefault(vertex, []).append(shown)
        del self._output[vertex][:-KEPT_LINES]
        return "  " + shown

    def error(self) -> str:
        """Return BuildKit's final error without the repeated excerpt of the Dockerfile."""
        said = [line for line in self._rest if re.match(r"(?i)(error|failed)", line.strip())]
        return (said or self._rest or ["the builder gave no reason"])[-1].strip()


def _readable(step: str) -> str:
    """Return the step without its mounts, and without the indentation of continued lines."""
    return " ".join(_MOUNTS.sub("", step).split())


SAME_BY_HAND = "'docker build .' in the repository does the same."


def build_failure(log: BuildLog, hint: str = SAME_BY_HAND) -> BuildFailed:
    """Return the error of a failed build; ``hint`` is the fix for a step that failed for an unknown reason."""
    what = "the image could not be built" + (f" at {log.failed_step}" if log.failed_step else "")
    said = log.error()
    if log.refused:
        return log.refused
    if log.disk_full:
        return BuildFailed(
            f"{what}: the disk is full",
            why=said,
            fix="'cleanup --dry-run' on the server shows what could go, 'doctor' how full the disks are.",
            code="disk-full",
        )
    if _KILLED.search(said):
        return BuildFailed(
            f"{what}: it was killed",
            why=f"{said}\nMost often that is for memory: all builds together get the setting build-memory-limit.",
            fix="Let the step use less memory (fewer parallel jobs), or raise the setting.",
            code="build-killed",
        )
    # A file that is not a Dockerfile has no steps and no output.
    return BuildFailed(what, why=said, fix=f"The step's output is above. {hint}" if log.failed_step else hint)
