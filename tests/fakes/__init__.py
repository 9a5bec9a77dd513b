"""For tests: strict fakes of everything outside of the process, and a server made of them.

A fake behaves like the real thing and refuses what it was not told about: then it raises `Unexpected`. Nothing here
sleeps, listens on the network or needs any right. The database, the git repositories and the dispatcher are the real
ones.
"""

from fakes.authority import FakeAcme, FakeDnsHooks, FakeResolver
from fakes.builds import FakeBuilder
from fakes.containers import FakeScheduler
from fakes.copies import Copies
from fakes.edge import FakeProxy
from fakes.gates import SECONDS, Gate, Gates, Unexpected, eventually
from fakes.host import FakeHost
from fakes.probe import FakeProbe
from fakes.processes import Behaviour
from fakes.programs import Program
from fakes.push_session import PushSession, Result
from fakes.remotes import FakeRemotes
from fakes.server import ADMIN, DEPLOYER, VIEWER, Server, Session
from fakes.tasks import FakeTasks
from fakes.times import EPOCH, FakeClock

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
