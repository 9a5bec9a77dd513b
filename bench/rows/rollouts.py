"""Changes of what runs: a container more, an earlier release, an end."""

from __future__ import annotations

import time

from bench import apps, waiting
from bench.floor.hand import free_port
from bench.ground import answers
from bench.programs import run, timed
from bench.stats import Goal
from bench.work import Figure, Sample, Work


class Rollout(Work):
    """An app of the platform, and its image in a container by hand behind the hand-written nginx."""

    app: str

    def set_up(self) -> None:
        self.source = self.ground.source(apps.python_app(self.ground.base, "first"))
        self._push()
        self.image = self.ground.succeed(f"releases:info {self.app} --format json").partition('"image": "')[2]
        self.image = self.image.partition('"')[0]
        self.host = f"{self.app}.localhost"
        self.network = self.ground.containers.network(f"bench-{self.ground.id}-{self.app}")
        self.hand = self._start_by_hand()
        self.hand_address = self.ground.containers.address(self.hand)
        self.ground.nginx.write(self.app, self.hand_address, self.host)
        self.ground.nginx.reload()
        waiting.until(lambda: answers(("127.0.0.1", self.ground.nginx.port), self.host, "first"), "the app by hand")

    def _start_by_hand(self) -> str:
        """A container like the platform's: in a network of its own, published on a loopback port."""
        return self.ground.containers.start(self.image, network=self.network, port=free_port())

    def _push(self) -> None:
        env = self.ground.git_environment()
        run(["git", "push", "-q", self.ground.server.url(self.app), "main"], folder=self.source.folder, env=env)

    def live_after_ssh(self, line: str, text: str = "", not_from: str = "") -> float:
        """The seconds from the command's start until the app answers as told; the command has ended then, too."""
        address = self.ground.address()

        def there() -> bool:
            body = waiting.body(address, self.host)
            return body.startswith(text) and bool(body) and (not not_from or not_from not in body)

        argv = self.ground.ssh(line)
        return waiting.live_after(argv, self.ground.git_environment(), self.ground.folder, there)[0]

    def live_by_hand(self, *, beside: bool) -> tuple[float, str]:
        """Seconds for: create and start through the engine's API, the app's start, the pick-up by nginx."""
        ground = self.ground
        address = ("127.0.0.1", ground.nginx.port)
        began = time.perf_counter()
        made = self._start_by_hand()
        at = ground.containers.address(made)
        host, _, port = at.partition(":")
        waiting.until(lambda: waiting.body((host, int(port)), self.host), "the app")
        ground.nginx.write(self.app, self.hand_address if beside else at, self.host, more=[at] if beside else [])
        ground.nginx.reload()
        name = made[:12]
        ended = waiting.until(lambda: name in waiting.body(address, self.host), "nginx")
        return ended - began, made

    def tear_down(self) -> None:
        self.ground.succeed(f"apps:destroy --force {self.app}")


class Scale(Rollout):
    """One web container more."""

    key = "scale"
    title = "`ps:scale` +1 until it takes traffic"
    floor_title = "engine create + start of an equal container, app start, nginx pick-up"
    figures = (Figure("seconds", "time", goal=Goal("at most", 1.2)),)
    app = "scaled"

    def ours(self) -> Sample:
        first = waiting.body(self.ground.address(), self.host).split()[-1]
        seconds = self.live_after_ssh(f"ps:scale {self.app} web=2", not_from=first)
        self.extra["trace"] = self.ground.trace(self.app)
        self.ground.succeed(f"ps:scale {self.app} web=1")
        waiting.until(lambda: self.ground.succeed(f"ps {self.app}").count("\n") == 1, "the end of the second container")
        return {"seconds": seconds}

    def floor(self) -> Sample:
        seconds, made = self.live_by_hand(beside=True)
        self.ground.nginx.write(self.app, self.hand_address, self.host)
        self.ground.nginx.reload()
        self.ground.containers.remove(made)
        return {"seconds": seconds}


class Rollback(Rollout):
    """An earlier release is put in the place of the present one."""

    key = "rollback"
    title = "`releases:rollback` until live"
    floor_title = "the same"
    figures = (Figure("seconds", "time", goal=Goal("at most", 1.2)),)
    app = "rolled"

    def set_up(self) -> None:
        super().set_up()
        self.source.commit({"web.py": apps.PYTHON.replace("TEXT", "second")})
        self._push()
        self.texts = ["first", "second"]

    def ours(self) -> Sample:
        before = self.ground.succeed(f"releases {self.app}").split()[0]
        wanted = self.texts[0]
        seconds = self.live_after_ssh(f"releases:rollback {self.app}", text=wanted)
        self.texts.reverse()
        self.extra["trace"] = self.ground.trace(self.app)
        assert self.ground.succeed(f"releases {self.app}").split()[0] != before
        return {"seconds": seconds}

    def floor(self) -> Sample:
        seconds, made = self.live_by_hand(beside=False)
        self.ground.containers.remove(self.hand)
        self.hand, self.hand_address = made, self.ground.containers.address(made)
        return {"seconds": seconds}


class DestroyRunning(Rollout):
    """An app with a container goes, with all that belongs to it."""

    key = "destroy-running"
    title = "`apps:destroy` over SSH, of a running app"
    floor_title = "engine stop"
    figures = (Figure("seconds", "time", goal=Goal("above", 0.1)),)
    app = "goner"

    def ours(self) -> Sample:
        self.ground.succeed(f"apps:clone {self.app} goner-2")
        argv = self.ground.ssh("apps:destroy --force goner-2")
        return {"seconds": timed(argv, folder=self.ground.folder)}

    def floor(self) -> Sample:
        made = self._start_by_hand()
        host, _, port = self.ground.containers.address(made).partition(":")
        waiting.until(lambda: waiting.body((host, int(port)), self.host), "the app")
        began = time.perf_counter()
        self.ground.containers.stop(made)
        seconds = time.perf_counter() - began
        self.ground.containers.remove(made)
        return {"seconds": seconds}


class NoFailures(Work):
    """Deploys while requests come at a steady rate."""

    key = "failures"
    title = "failed requests during 100 deploys at 200 req/s"
    floor_title = "–"
    figures = (Figure("failed", "failed requests", "requests", Goal("absolute", 0)),)
    repeat = 1
    warm_up = 0
    app = "steady"

    def set_up(self) -> None:
        self.source = self.ground.source(apps.python_app(self.ground.base, "release-0"))
        self.env = self.ground.git_environment()
        self._push()

    def _push(self) -> None:
        run(["git", "push", "-q", self.ground.server.url(self.app), "main"], folder=self.source.folder, env=self.env)

    def ours(self) -> Sample:
        # Of tests/real: half of the requests over a kept connection, half over new ones.
        from load import Load

        deploys = 10 if self.size.quick else 100
        with Load(self.ground.server.http_port, f"{self.app}.localhost", rate=200, most=200_000) as load:
            began = time.monotonic()
            for number in range(1, deploys + 1):
                self.source.commit({"web.py": apps.PYTHON.replace("TEXT", f"release-{number}")})
                self._push()
            seconds = time.monotonic() - began
        self.notes.append(f"{load.total()} requests during {deploys} deploys in {seconds:.0f} s: {dict(load.seen)}.")
        return {"failed": float(sum(load.failures().values()))}

    def tear_down(self) -> None:
        self.ground.succeed(f"apps:destroy --force {self.app}")
