"""Commands: over SSH beside ``true`` over OpenSSH, and on the server itself beside a Python that does nothing."""

from __future__ import annotations

import sys

from bench import crowd
from bench.programs import environment, timed
from bench.stats import Goal
from bench.work import Figure, Sample, Work


class Command(Work):
    """One command over SSH, connection included, with the same OpenSSH client on both sides."""

    floor_title = "`true` over OpenSSH"

    def line(self) -> str:
        """What is typed."""
        raise NotImplementedError

    def ours(self) -> Sample:
        return {"seconds": timed(self.ground.ssh(self.line()), folder=self.ground.folder)}

    def floor(self) -> Sample:
        return {"seconds": timed(self.ground.floor_ssh("true"), folder=self.ground.folder)}


class Create(Command):
    """A new app."""

    key = "create"
    title = "`apps:create` over SSH"
    figures = (Figure("seconds", "time", goal=Goal("at most", 0.3)),)

    def set_up(self) -> None:
        self.made = 0

    def line(self) -> str:
        self.made += 1
        return f"apps:create created-{self.made}"

    def tear_down(self) -> None:
        for number in range(1, self.made + 1):
            self.ground.succeed(f"apps:destroy --force created-{number}")


class Destroy(Command):
    """An app that was never deployed goes."""

    key = "destroy"
    title = "`apps:destroy` over SSH, of an app that does not run"
    figures = (Figure("seconds", "time", goal=Goal("at most", 0.3)),)

    def line(self) -> str:
        return "apps:destroy --force shortlived"

    def ours(self) -> Sample:
        self.ground.succeed("apps:create shortlived")
        # The proxy takes it up in the background.
        self.ground.succeed("apps:exists shortlived")
        return super().ours()


class ConfigSet(Command):
    """A variable, for later."""

    key = "config"
    title = "`config:set --no-restart` over SSH"
    figures = (Figure("seconds", "time", goal=Goal("at most", 0.3)),)

    def set_up(self) -> None:
        self.number = 0
        self.ground.succeed("apps:create configured")

    def line(self) -> str:
        self.number += 1
        return f"config:set --no-restart configured NUMBER={self.number}"

    def tear_down(self) -> None:
        self.ground.succeed("apps:destroy --force configured")


class List(Command):
    """The apps there are."""

    key = "list"
    title = "`apps:list` over SSH, connection included"
    figures = (Figure("seconds", "time", goal=Goal("at most", 0.2)),)

    def line(self) -> str:
        return "apps:list"


class ListMany(Work):
    """The same where there are 500, beside an instance with one."""

    key = "list-500"
    title = "the same with 500 apps"
    floor_title = "with 1 app"
    figures = (Figure("seconds", "time", goal=Goal("at most", 1.3)),)

    def set_up(self) -> None:
        self.one, self.many = self.ground.new_server(), self.ground.new_server()
        for server, apps in ((self.one, 1), (self.many, 500)):
            server.stop()
            crowd.seed(server.root, 0, apps)
            server.start()

    def ours(self) -> Sample:
        return {"seconds": timed(self.ground.ssh("apps:list", self.many), folder=self.ground.folder)}

    def floor(self) -> Sample:
        return {"seconds": timed(self.ground.ssh("apps:list", self.one), folder=self.ground.folder)}

    def tear_down(self) -> None:
        self.one.close()
        self.many.close()


class Local(Work):
    """On the server itself."""

    key = "local"
    title = "local `paas apps:list`"
    floor_title = "`python3 -c pass`"
    figures = (Figure("seconds", "time", goal=Goal("above", 0.04)),)

    def ours(self) -> Sample:
        argv = [sys.executable, "-m", "paas", f"--root={self.ground.server.root}", "apps:list"]
        return {"seconds": timed(argv, env=environment())}

    def floor(self) -> Sample:
        return {"seconds": timed([sys.executable, "-c", "pass"], env=environment())}
