"""``paas serve`` that kills itself with SIGKILL at a step: ``python faulty_daemon.py STEP before|after serve …``."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from paas import cli
from paas.core.journal import Step
from paas.engine.jobs import Job

_step = Job.step


def main() -> int:
    where, when, *argv = sys.argv[1:]

    @contextmanager
    def step(self: Job, step: Step, *words: str, **options: bool) -> Iterator[None]:
        with _step(self, step, *words, **options):
            if (step.value, when) == (where, "before"):
                os.kill(os.getpid(), signal.SIGKILL)
            yield
            if (step.value, when) == (where, "after"):
                os.kill(os.getpid(), signal.SIGKILL)

    Job.step = step  # type: ignore[method-assign]
    return cli.main(argv)


if __name__ == "__main__":
    sys.exit(main())
