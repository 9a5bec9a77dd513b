"""For tests: strict fakes of everything outside of the process, and a server made of them.

A fake behaves like the real thing and refuses what it was not told about: then it raises `Unexpected`. Nothing here
sleeps, listens on the network or needs any right. The database, the git repositories and the dispatcher are the real
ones.
"""

from paas.testing.authority import FakeAcme, FakeDnsHooks, FakeResolver
from paas.testing.builds import FakeBuilder
from paas.testing.containers import FakeScheduler
from paas.testing.copies import Copies
from paas.testing.edge import FakeProxy
from paas.testing.gates import SECONDS, Gate, Gates, Unexpected, eventually
from paas.testing.host import FakeHost
from paas.testing.probe import FakeProbe
from paas.testing.processes import Behaviour
from paas.testing.programs import Program
from paas.testing.remotes import FakeRemotes
from paas.testing.server import ADMIN, DEPLOYER, VIEWER, PushSession, Result, Server, Session
from paas.testing.tasks import FakeTasks
from paas.testing.times import EPOCH, FakeClock

__all__ = [
    "ADMIN",
    "DEPLOYER",
    "EPOCH",
    "SECONDS",
    "VIEWER",
    "Behaviour",
    "Copies",
    "FakeAcme",
    "FakeBuilder",
    "FakeClock",
    "FakeDnsHooks",
    "FakeHost",
    "FakeProbe",
    "FakeProxy",
    "FakeRemotes",
    "FakeResolver",
    "FakeScheduler",
    "FakeTasks",
    "Gate",
    "Gates",
    "Program",
    "PushSession",
    "Result",
    "Server",
    "Session",
    "Unexpected",
    "eventually",
]
