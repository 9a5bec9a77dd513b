"""Runs the ``console`` blocks of a page and compares what comes back.

A line that begins with ``$ `` is typed into bash; the lines below it are what both its outputs together must be.
``…`` stands for any text within a line, a line of only ``…`` for any number of lines, ``[exit status N]`` for the
status (0 where it is not given). The shell's folder carries over from one command to the next.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_SECONDS = 180
_STATUS = re.compile(r"\[exit status (\d+)\]")


@dataclass(frozen=True)
class Command:
    """One command of a page, with the number of its line, what it should print, and its exit status."""

    line: int
    text: str
    expected: tuple[str, ...]
    status: int


def commands(page: str) -> Iterator[Command]:
    """The commands of all ``console`` blocks, in order."""
    start, text, expected, inside = 0, "", [], False
    for number, line in enumerate([*page.splitlines(), "```"], 1):
        opens = line == "```console"
        if inside and (line.startswith("$ ") or line == "```"):
            if text:
                yield _command(start, text, expected)
            start, text, expected = number, line.removeprefix("$ "), []
        elif inside:
            expected.append(line)
        if line.startswith("```"):
            inside, text, expected = opens, "", []


def _command(line: int, text: str, expected: list[str]) -> Command:
    match = _STATUS.fullmatch(expected[-1]) if expected else None
    return Command(line, text, tuple(expected[:-1] if match else expected), int(match[1]) if match else 0)


def run(command: Command, folder: Path, environment: Mapping[str, str]) -> tuple[str, int, Path]:
    """Types the command; returns its output, its exit status and the folder that the shell is in after it."""
    place = folder / ".console-folder"
    script = f"{command.text}\nstatus=$?\npwd > {place}\nexit $status\n"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    after = Path(place.read_text().strip())
    place.unlink()
    # git pads the lines of the other side to clear what was there.
    output = "\n".join(line.rstrip() for line in done.stdout.decode().splitlines())
    return output, done.returncode, after


def matches(output: str, expected: tuple[str, ...]) -> bool:
    """Whether the output is what the page says."""
    parts = [r"(?:[^\n]*\n)*?" if line == "…" else _line(line) + r"\n" for line in expected]
    return re.fullmatch("".join(parts), output + "\n" if output else "") is not None


def _line(line: str) -> str:
    return r"[^\n]*".join(re.escape(part) for part in line.split("…"))
