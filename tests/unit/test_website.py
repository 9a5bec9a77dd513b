"""The thread that keeps the web's process up."""

import pytest

from paas import website
from paas.testing import eventually
from paas.website import Website


@pytest.mark.parametrize("fault", ["settings", "descriptors"])
def test_it_goes_on_after_an_error(hello, monkeypatch, fault):
    settings = hello.paths.root / "paas.yml"
    before, began, faults = settings.read_text() if settings.exists() else "", [], [OSError(24, "Too many open files")]

    class Process:
        def __init__(self, root, folder):
            if fault == "descriptors" and faults:
                raise faults.pop()
            began.append(self)

        def wait(self):
            part._stopping.wait(60)
            return 0

        def end(self):
            """It ends with its thread here."""

    monkeypatch.setattr(website, "Gunicorn", Process)
    complained = []
    monkeypatch.setattr(website._log, "error", lambda *said, **more: complained.append(said))
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
