"""The thread that keeps the web's process up."""

import threading

import pytest

from fakes import eventually
from paas.daemon import web_process
from paas.daemon.gunicorn import Gunicorn
from paas.daemon.web_process import Website


@pytest.mark.parametrize("fault", ["settings", "descriptors"])
def test_it_goes_on_after_an_error(hello, monkeypatch, fault):
    settings = hello.paths.root / "paas.yml"
    before, began, faults = settings.read_text() if settings.exists() else "", [], [OSError(24, "Too many open files")]

    class Process:
        def __init__(self, root, folder):
            if fault == "descriptors" and faults:
                raise faults.pop()
            began.append(self)

        def wait(self, seconds):
            part._stopping.wait(60)
            return 0

        def end(self):
            """It ends with its thread here."""

    monkeypatch.setattr(web_process, "Gunicorn", Process)
    complained = []
    monkeypatch.setattr(web_process._log, "error", lambda *said, **more: complained.append(said))
    if fault == "settings":
        settings.write_text("dashboard-domain: [")
    part = Website(hello.ctx)
    part.start()
    try:
        eventually(lambda: complained)
        settings.write_text(before)
        eventually(lambda: began)
    finally:
        part.stop()


def test_a_web_whose_socket_was_removed_is_started_again(hello, monkeypatch):
    began = []

    class Process:
        def __init__(self, root, folder):
            began.append(self)
            self._ended = threading.Event()

        def wait(self, seconds):
            return 0 if self._ended.is_set() else None

        def lost(self):
            return len(began) == 1

        def end(self):
            self._ended.set()

    monkeypatch.setattr(web_process, "Gunicorn", Process)
    part = Website(hello.ctx)
    part.start()
    try:
        eventually(lambda: len(began) == 2)
    finally:
        part.stop()


def test_the_socket_that_it_made_is_known_from_another(tmp_path):
    process = Gunicorn.__new__(Gunicorn)
    process._socket, process._inode = tmp_path / "web.sock", 0
    assert not process.lost()
    process._socket.touch()
    assert not process.lost()
    process._socket.rename(tmp_path / "away")
    assert process.lost()
    process._socket.touch()
    assert process.lost()
