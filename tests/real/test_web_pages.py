"""The live parts of the dashboard's pages, in a browser."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, browser
from instance import Server, eventually

pytestmark = pytest.mark.real

HOST = "paas.localhost"
APP = {
    "Procfile": "web: python3 -u web.py\n",
    "requirements.txt": "",
    "web.py": "import http.server, os\n"
    "class Page(http.server.BaseHTTPRequestHandler):\n"
    "    def do_GET(self):\n"
    "        print('asked for ' + self.path)\n"
    "        self.send_response(200); self.end_headers(); self.wfile.write(b'hello')\n"
    "    def log_message(self, *words): pass\n"
    "http.server.ThreadingHTTPServer(('', int(os.environ['PORT'])), Page).serve_forever()\n",
}
HIDE = (
    "Object.defineProperty(document, 'hidden', {{value: {}, configurable: true}});"
    "document.dispatchEvent(new Event('visibilitychange'))"
)


@pytest.fixture(scope="module")
def server(open_folder: Path, stack: str) -> Iterator[Server]:
    """An instance with the app shop, and another one that can be restarted."""
    made = Server(open_folder)
    for name in ("shop", "other"):
        folder = open_folder / name
        folder.mkdir()
        for path, text in APP.items():
            (folder / path).write_text(text)
        pushed = made.git_push(folder, name)
        assert pushed.status == 0, pushed.err
    yield made
    made.close()


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    """A token that may do everything."""
    return server.paas("tokens:add robot --role admin").out.strip()


@pytest.fixture
def window(server: Server, token: str, tmp_path: Path) -> Iterator[Browser]:
    """A browser with somebody who is signed in."""
    pem = tmp_path / "trusted.pem"
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    request += ["-subj", "/CN=nobody", "-keyout", os.devnull, "-out", str(pem)]
    subprocess.run(request, check=True, capture_output=True)
    with browser(tmp_path / "profile", pem) as made:
        made.open(f"http://{HOST}:{server.http_port}/sign-in")
        made.look(f"document.querySelector('#token').value = '{token}'")
        made.look("document.querySelector('main form').requestSubmit()")
        eventually(lambda: made.look("location.pathname") == "/")
        yield made


class Requests:
    """Requests to the app, numbered, one after the other, until they end."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._over = threading.Event()
        self.count = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(0.02):
            if self._server.get("shop", f"/n{self.count}").status == 200:
                self.count += 1

    def more(self, number: int = 20) -> None:
        """Returns when so many more were answered."""
        wanted = self.count + number
        eventually(lambda: self.count >= wanted)

    def end(self) -> None:
        """No more of them."""
        self._over.set()
        self._thread.join()


def shown(window: Browser) -> list[int]:
    """The numbers of the requests that the page's log has."""
    text = window.look("document.querySelector('pre.log').textContent")
    return [int(number) for number in re.findall(r"asked for /n(\d+)\n", text)]


def state(window: Browser) -> str:
    return str(window.look("document.querySelector('[data-live-state]').textContent"))


def test_a_log_misses_no_line_whatever_cuts_it(server: Server, window: Browser) -> None:
    requests = Requests(server)
    try:
        requests.more()
        window.open(f"http://{HOST}:{server.http_port}/apps/shop/logs?source=app")
        eventually(lambda: state(window) == "live")
        requests.more()
        # nginx takes up something new, the tab is out of sight for a while, the daemon and its web are others.
        assert server.paas("ps:restart other").status == 0
        requests.more()
        window.look(HIDE.format("true"))
        assert state(window) == "paused"
        requests.more()
        window.look(HIDE.format("false"))
        eventually(lambda: state(window) == "live")
        requests.more()
        server.kill9()
        requests.more()
        server.start()
        eventually(lambda: state(window) == "live")
        requests.more()
    finally:
        requests.end()
    eventually(lambda: shown(window)[-1:] == [requests.count - 1])
    found = shown(window)
    assert found == list(range(found[0], requests.count))


def test_a_page_says_that_the_server_is_busy_and_comes_again(server: Server, window: Browser, token: str) -> None:
    url = f"http://{HOST}:{server.http_port}/api/v1/commands/logs?app=shop&tail=true"
    command = ["curl", "--silent", "--resolve", f"{HOST}:{server.http_port}:127.0.0.1", "--output", os.devnull]
    calls = [subprocess.Popen([*command, "-H", f"Authorization: Bearer {token}", url]) for _ in range(17)]
    try:
        # One of them is too many.
        eventually(lambda: any(call.poll() is not None for call in calls))
        window.open(f"http://{HOST}:{server.http_port}/apps/shop/logs")
        eventually(lambda: state(window).startswith("busy, again in"))
    finally:
        for call in calls:
            call.kill()
            call.wait()
    eventually(lambda: state(window) == "live")


def test_a_button_begins_a_change_that_has_a_page(server: Server, window: Browser) -> None:
    def begun() -> object:
        window.open(f"http://{HOST}:{server.http_port}/apps/shop")
        window.look("document.querySelector('button[value=restart]').click()")
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if listed := json.loads(server.paas("builds:list shop --kind restart --format json").out):
                return listed
        return None

    # Where the machine's networks change, Chromium gives up what it had begun: then somebody clicks again, and for the
    # same reason it may not be on the change's page by itself.
    listed = eventually(begun)
    page = f"http://{HOST}:{server.http_port}/builds/{listed[0]['id']}"

    def ended() -> bool:
        window.open(page)
        return "succeeded" in str(window.look("document.querySelector('.headline').textContent"))

    eventually(ended)
    window.open(f"http://{HOST}:{server.http_port}/server")
    eventually(lambda: window.look("document.querySelectorAll('#health li').length") > 3)
