"""The daemon at rest: memory, processor time, and how soon it is ready."""

from __future__ import annotations

import select
import time

from bench import crowd, processes
from bench.stats import Goal
from bench.work import Figure, Sample, Work


class Resident(Work):
    """Memory and processor time of the daemon and its web process with no, 50 and 500 apps."""

    key = "memory"
    title = "memory and processor time of daemon and web at rest"
    figures = (
        Figure("idle", "resident memory without apps, shared memory counted once", "MB", Goal("absolute", 120)),
        Figure("daemon", "of that the daemon, with all that it has mapped (RSS)", "MB"),
        Figure("rss-50", "with 50 apps", "MB", Goal("absolute", 121)),
        Figure("rss-500", "with 500 apps", "MB", Goal("absolute", 130)),
        Figure("per-app", "an app more", "kB", Goal("absolute", 20)),
        Figure("cpu", "processor time of one core, with 500 apps", "%", Goal("absolute", 0.5)),
    )
    repeat = 3
    warm_up = 0

    def ours(self) -> Sample:
        server = self.ground.new_server()
        sizes: dict[int, int] = {}
        daemon = 0
        try:
            reached = 0
            for apps in (0, 50, 500):
                server.stop()
                crowd.seed(server.root, reached, apps)
                server.start()
                reached = apps
                # What is done once after the start is over; each has answered a command.
                for _ in range(20):
                    server.ssh("apps:list")
                assert server.daemon is not None
                select.select([], [], [], 2.5)
                # With the web's process, whose master shares most of its pages with its worker.
                sizes[apps] = sum(map(processes.private, processes.below(server.daemon.pid)))
                daemon = daemon or processes.resident(server.daemon.pid)
            assert server.daemon is not None
            pid, span = server.daemon.pid, 5.0 if self.size.quick else 15.0
            both = processes.below(pid)
            used, began = sum(map(processes.processor_seconds, both)), time.monotonic()
            select.select([], [], [], span)
            percent = (sum(map(processes.processor_seconds, both)) - used) / (time.monotonic() - began) * 100
        finally:
            server.close()
        per_app = (sizes[500] - sizes[0]) / 500 / 1000
        return {"daemon": daemon / 1e6, "idle": sizes[0] / 1e6,
                "rss-50": sizes[50] / 1e6, "rss-500": sizes[500] / 1e6, "per-app": per_app,
                "cpu": percent}  # fmt: skip

    def set_up(self) -> None:
        self.notes.append("Without nginx. The web is gunicorn's master and a worker; shared pages count once (PSS).")


class Start(Work):
    """From ``paas serve`` to its word that it is ready."""

    key = "start"
    title = "start of the daemon until ready with 500 apps"
    figures = (Figure("seconds", "time", goal=Goal("absolute", 2.0)),)

    def set_up(self) -> None:
        self.server = self.ground.new_server()
        self.server.stop()
        crowd.seed(self.server.root, 0, 500, repositories=True)
        self.server.start()

    def ours(self) -> Sample:
        self.server.stop()
        began = time.perf_counter()
        self.server.start()
        return {"seconds": time.perf_counter() - began}

    def tear_down(self) -> None:
        self.server.close()
