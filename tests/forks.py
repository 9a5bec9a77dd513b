"""Runs tests in a few processes that share one collection: ``pytest -p tests.forks --forks 3``.

For thousands of tests that take milliseconds. Workers of pytest-xdist collect all tests again, 2 s of processor time
each, and tell of every step of every test, another tenth. Here the process forks once it knows the tests, and hears
only of what there is to say. For anything slower pytest-xdist is the better choice, and the real tests use it.
"""

from __future__ import annotations

import mmap
import os
import signal
import struct
import traceback
import warnings
from collections.abc import Iterator, Mapping
from itertools import chain, pairwise
from multiprocessing import Pipe, connection
from typing import Any

import pytest

BLOCK = 4
"""How many tests, neighbours in their file, a process takes at a time."""
NUMBER = struct.Struct("=i")
IDLE = -1


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("forks")
    group.addoption("--forks", type=int, default=0, metavar="N", help="run the tests in N forks of this process")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """See pytest: it runs all tests, here or, with ``None``, in pytest's own way."""
    forks = session.config.getoption("forks")
    if not forks or session.config.option.collectonly or session.testsfailed:
        return None
    Parent(session, forks).run()
    return True


class Parent:
    """The process that has collected the tests: it shares them out and tells of what comes of them."""

    def __init__(self, session: pytest.Session, forks: int) -> None:
        self._session = session
        # Made before there are several that want to make it.
        session.config._tmp_path_factory.getbasetemp()
        # Each number in a pipe is read by just one of those that read: whoever is free has the next block.
        self._blocks, numbers = os.pipe()
        os.set_blocking(numbers, False)
        for first in range(0, len(session.items), BLOCK):
            os.write(numbers, NUMBER.pack(first))
        os.close(numbers)
        self._running = mmap.mmap(-1, NUMBER.size * forks)
        self._children: dict[connection.Connection, tuple[int, int]] = {}
        for place in range(forks):
            self._fork(place)
        os.close(self._blocks)

    def _fork(self, place: int) -> None:
        NUMBER.pack_into(self._running, NUMBER.size * place, IDLE)
        reader, writer = Pipe(duplex=False)
        pid = os.fork()
        if pid:
            writer.close()
            self._children[reader] = (pid, place)
            return
        # From here on this is another process, which must not return into what its parent goes on with.
        try:
            Child(self._session, self._blocks, writer, self._running, place).run()
        except BaseException:  # noqa: BLE001  # the parent raises it
            writer.send([("fault", {"text": traceback.format_exc()})])
        finally:
            writer.close()
            os._exit(0)

    def run(self) -> None:
        """Returns once all tests have run, or enough have failed."""
        try:
            while self._children:
                for reader in connection.wait(list(self._children)):
                    assert isinstance(reader, connection.Connection)
                    self._hear(reader)
                    if self._session.shouldfail:
                        raise self._session.Failed(self._session.shouldfail)
        finally:
            for pid, _ in self._children.values():
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)

    def _hear(self, reader: connection.Connection) -> None:
        try:
            told = reader.recv()
        except EOFError:
            told = None
        if told is None:
            self._ended(reader)
            return
        for kind, values in told:
            getattr(self, f"_tell_{kind}")(**values)

    def _ended(self, reader: connection.Connection) -> None:
        pid, place = self._children.pop(reader)
        _, status = os.waitpid(pid, 0)
        (number,) = NUMBER.unpack_from(self._running, NUMBER.size * place)
        if number != IDLE or status:
            what = self._session.items[number].nodeid if number != IDLE else "no test"
            self._session.shouldfail = f"process {pid} died in {what}, status {os.waitstatus_to_exitcode(status)}"

    def _tell_report(self, data: Mapping[str, Any]) -> None:
        hook, config = self._session.config.hook, self._session.config
        hook.pytest_runtest_logreport(report=hook.pytest_report_from_serializable(config=config, data=data))

    def _tell_warning(self, text: str, filename: str, lineno: int, **about: Any) -> None:
        message = warnings.WarningMessage(Warning(text), Warning, filename, lineno)
        values = {"warning_message": message, **about}
        self._session.config.hook.pytest_warning_recorded.call_historic(kwargs=values)

    def _tell_fault(self, text: str) -> None:
        self._session.shouldfail = f"a process of tests failed:\n{text}"


class Child:
    """A process that runs tests, a block after the other."""

    def __init__(
        self, session: pytest.Session, blocks: int, writer: connection.Connection, running: mmap.mmap, place: int
    ) -> None:
        self._session = session
        self._blocks = blocks
        self._writer = writer
        self._running = running
        self._place = place
        self._told: list[tuple[str, dict[str, Any]]] = []

    def run(self) -> None:
        """Returns when there is no test left that nobody has taken."""
        plugins = self._session.config.pluginmanager
        plugins.unregister(name="terminalreporter")
        plugins.register(self)
        items = self._session.items
        for number, following in pairwise(chain(self._numbers(), [None])):
            assert number is not None
            self._is_at(number)
            after = items[following] if following is not None else None
            self._session.config.hook.pytest_runtest_protocol(item=items[number], nextitem=after)
            if self._told and (following is None or following % BLOCK == 0):
                self._writer.send(self._told)
                self._told = []
        self._is_at(IDLE)
        # The end of the pipe would come late if a process that a test has started held it, too.
        self._writer.send(None)

    def _numbers(self) -> Iterator[int]:
        while data := os.read(self._blocks, NUMBER.size):
            (first,) = NUMBER.unpack(data)
            yield from range(first, min(first + BLOCK, len(self._session.items)))

    def _is_at(self, number: int) -> None:
        NUMBER.pack_into(self._running, NUMBER.size * self._place, number)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """See pytest. That a test could begin and end is nothing to tell."""
        if report.when == "call" or not report.passed:
            hook, config = self._session.config.hook, self._session.config
            data = hook.pytest_report_to_serializable(config=config, report=report)
            self._told.append(("report", {"data": data}))

    def pytest_warning_recorded(
        self,
        warning_message: warnings.WarningMessage,
        when: str,
        nodeid: str,
        location: tuple[str, int, str] | None,
    ) -> None:
        """See pytest."""
        values = {"text": f"{warning_message.category.__name__}: {warning_message.message}"}
        values |= {"filename": warning_message.filename, "lineno": warning_message.lineno}
        values |= {"when": when, "nodeid": nodeid, "location": location}
        self._told.append(("warning", values))
