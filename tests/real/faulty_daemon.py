"""``paas serve`` that meets a fault at the step that a file names: ``faulty_daemon.py FILE serve …``.

The file holds ``STEP before|after kill|fill``, or nothing: then it is a daemon like any other. The named step empties
it, and the daemon kills itself with SIGKILL, or a file ``filler`` beside it takes all the room of its disk.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from paas import cli
from paas.core.journal import Step
from paas.engine.jobs import Job

_step = Job.step


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(bytes(4096))


def main() -> int:
    name, *argv = sys.argv[1:]
    fault = Path(name)

    def meet(moment: str) -> None:
        said, _, what = fault.read_text().rpartition(" ")
        if said == moment:
            fault.write_text("")
            if what == "fill":
                _fill(fault.with_name("filler"))
            else:
                os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def step(self: Job, step: Step, *words: str, **options: bool) -> Iterator[None]:
        with _step(self, step, *words, **options):
            meet(f"{step.value} before")
            yield
            meet(f"{step.value} after")

    Job.step = step  # type: ignore[method-assign]
    return cli.main(argv)


if __name__ == "__main__":
    sys.exit(main())
