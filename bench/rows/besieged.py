"""A command over SSH while six hundred hostile clients of the same address connect as fast as they can."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.programs import timed
from bench.stats import Goal
from bench.work import Figure, Sample, Work

CLIENTS = Path(__file__).parents[2] / "tests" / "real" / "hostile_clients.py"
COUNT = 600


class Besieged(Work):
    """``apps:list``, connection included, beside them; and beside an instance that nobody besieges."""

    floor_title = "in peace"
    figures = (Figure("seconds", "time", goal=Goal("at most", 2.0)),)
    plan: str

    def set_up(self) -> None:
        self.one, self.other = self.ground.new_server(), self.ground.new_server()
        # Whoever was there before has places of their own.
        timed(self.ground.ssh("apps:list", self.one), folder=self.ground.folder)
        line = [sys.executable, str(CLIENTS), str(self.one.ssh_port), str(COUNT), self.plan]
        self.clients = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.clients.stdout is not None
        assert self.clients.stdout.readline()

    def ours(self) -> Sample:
        return {"seconds": timed(self.ground.ssh("apps:list", self.one), folder=self.ground.folder)}

    def floor(self) -> Sample:
        return {"seconds": timed(self.ground.ssh("apps:list", self.other), folder=self.ground.folder)}

    def tear_down(self) -> None:
        self.clients.communicate()
        self.one.close()
        self.other.close()


class Mixed(Besieged):
    """A third of them is silent, a third says its version, a third begins a key exchange."""

    key = "besieged-mix"
    title = "`apps:list` over SSH beside 600 hostile clients that stay"
    plan = "mix"


class Storm(Besieged):
    """They hang up as soon as they hear something."""

    key = "besieged-storm"
    title = "the same beside 600 that come and go"
    plan = "storm"
