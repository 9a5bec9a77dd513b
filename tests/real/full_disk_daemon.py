"""``paas serve`` whose disk is full from the step on that a file names: ``full_disk_daemon.py FOLDER serve …``.

``FOLDER/fill`` holds ``STEP before|after``, or nothing. Where the step is reached, ``FOLDER/filler`` takes all room.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from paas import cli
from paas.core.journal import Step
from paas.engine.jobs import Job

_step = Job.step


def main() -> int:
    name, *argv = sys.argv[1:]
    folder = Path(name)
    moment_file = folder / "fill"
    moment_file.touch()

    def fill_at(moment: str) -> None:
        if moment_file.read_text() == moment:
            moment_file.write_text("")
            with (folder / "filler").open("wb", buffering=0) as filler, suppress(OSError):
                while True:
                    filler.write(bytes(4096))

    @contextmanager
    def step(self: Job, step: Step, *words: str, **options: bool) -> Iterator[None]:
        with _step(self, step, *words, **options):
            fill_at(f"{step.value} before")
            yield
            fill_at(f"{step.value} after")

    Job.step = step  # type: ignore[method-assign]
    return cli.main(argv)


if __name__ == "__main__":
    sys.exit(main())
