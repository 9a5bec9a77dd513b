"""``paas serve`` that meets a fault at the step that a file names: ``faulty_daemon.py FILE serve …``.

The file holds ``STEP before|after WHAT``, or nothing: then it is a daemon like any other. The named step empties it,
and then by WHAT:

    kill     the daemon kills itself with SIGKILL
    fill     a file ``filler`` beside it takes all the room of its disk
    nginx    all processes of its nginx are killed
    rm-new   the container that was made last is removed, as with docker rm -f
    rm-old   the one that was made first
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import docker

from paas import cli
from paas.core.jobs.journal import Step
from paas.jobs.jobs import Job

_step = Job.step


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(bytes(4096))


def _kill_nginx(root: Path) -> None:
    master = int((root / "nginx/run/nginx.pid").read_text())
    workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    for pid in [master, *map(int, workers)]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _remove(root: Path, place: int) -> None:
    with closing(sqlite3.connect(f"file:{root / 'paas.db'}?mode=ro", uri=True)) as database:
        (instance,) = database.execute("SELECT value FROM instance WHERE key = 'id'").fetchone()
    with closing(docker.from_env()) as client:
        wanted = {"label": [f"paas.instance={instance}", "paas.process"]}
        found = client.containers.list(all=True, filters=wanted, ignore_removed=True)
        sorted(found, key=lambda one: one.attrs["Created"])[place].remove(force=True)


def main() -> int:
    name, *argv = sys.argv[1:]
    fault = Path(name)
    root = next(Path(word.removeprefix("--root=")) for word in argv if word.startswith("--root="))
    faults = {
        "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "fill": lambda: _fill(fault.with_name("filler")),
        "nginx": lambda: _kill_nginx(root),
        "rm-new": lambda: _remove(root, -1),
        "rm-old": lambda: _remove(root, 0),
    }

    def meet(moment: str) -> None:
        said, _, what = fault.read_text().rpartition(" ")
        if said == moment:
            fault.write_text("")
            faults[what]()

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
