"""``paas serve`` that kills itself with SIGKILL at the step that a file names: ``faulty_daemon.py FILE serve …``.

The file holds ``STEP before|after``, or nothing: then it is a daemon like any other. The named step empties it.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paas import cli
from paas.core.journal import Step
from paas.engine.jobs import Job

_step = Job.step


def main() -> int:
    file, *argv = sys.argv[1:]
    fault = Path(file)

    def die_at(moment: str) -> None:
        if fault.read_text() == moment:
            fault.write_text("")
            os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def step(self: Job, step: Step, *words: str, **options: bool) -> Iterator[None]:
        with _step(self, step, *words, **options):
            die_at(f"{step.value} before")
            yield
            die_at(f"{step.value} after")

    Job.step = step  # type: ignore[method-assign]
    return cli.main(argv)


if __name__ == "__main__":
    sys.exit(main())
