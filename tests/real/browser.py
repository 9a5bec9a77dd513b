"""A headless Chromium, driven over a pair of pipes by its own protocol (https://chromedevtools.github.io/devtools-protocol)."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

SECONDS = 30.0
_ELSEWHERE = "net::ERR_NETWORK_CHANGED"
Message = dict[str, Any]


class Browser:
    """One window. ``loaded`` are the answers that the page came from, the redirects before it first."""

    def __init__(self, folder: Path, trusted: Path | None) -> None:
        to_browser, self._to = os.pipe()
        self._from, from_browser = os.pipe()
        self._kept = b""
        self._number = 0
        self._waiting: list[Message] = []
        self.loaded: list[Message] = []
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        command += ["--no-first-run", "--disable-background-networking", "--remote-debugging-pipe"]
        command += ["--host-resolver-rules=MAP * 127.0.0.1", f"--user-data-dir={folder}"]
        # Not every certificate: those of this authority alone.
        if trusted:
            command += [f"--ignore-certificate-errors-spki-list={','.join(_fingerprints(trusted))}"]

        def pipes() -> None:
            # Chromium reads from 3 and writes to 4; copies first, as one of ours may have such a number.
            reads, writes = os.dup(to_browser), os.dup(from_browser)
            os.dup2(reads, 3)
            os.dup2(writes, 4)

        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=pipes, close_fds=False,
        )  # fmt: skip
        os.close(to_browser)
        os.close(from_browser)
        target = self._ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session = self._ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        self.ask("Page.enable")
        self.ask("Network.enable")

    def ask(self, method: str, **parameters: Any) -> Message:
        """The result of a command for the window."""
        return self._ask(method, parameters, self._session)

    def open(self, url: str) -> None:
        """Loads the page, and returns when all of it is there."""
        deadline = time.monotonic() + SECONDS
        failed: str | None = _ELSEWHERE
        # The machine's networks come and go with other tests' containers, and Chromium gives up what it had begun.
        while failed == _ELSEWHERE and time.monotonic() < deadline:
            self.loaded.clear()
            self._waiting.clear()
            failed = self.ask("Page.navigate", url=url).get("errorText")
        assert not failed, f"{url}: {failed}"
        while not any(event["method"] == "Page.loadEventFired" for event in self._waiting):
            self._waiting.append(self._read())
        for event in self._waiting:
            if event["method"] == "Network.requestWillBeSent" and "redirectResponse" in event["params"]:
                self.loaded.append(event["params"]["redirectResponse"])
            if event["method"] == "Network.responseReceived" and event["params"]["type"] == "Document":
                self.loaded.append(event["params"]["response"])

    def look(self, expression: str) -> Any:
        """The value of the JavaScript expression in the page."""
        return self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def until(self, expression: str) -> None:
        """Return when the JavaScript expression is true, also in a page that is loaded meanwhile."""
        deadline = time.monotonic() + SECONDS
        while not self.look(expression):
            assert time.monotonic() < deadline, f"it does not become true: {expression}"
            time.sleep(0.05)

    def be(self, width: int, height: int, scheme: str) -> None:
        """A window of that size, for somebody who prefers ``light`` or ``dark``."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                 mobile=width < 600)  # fmt: skip
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def close(self) -> None:
        """Ends the program."""
        self._process.terminate()
        self._process.wait(SECONDS)
        os.close(self._to)
        os.close(self._from)

    def _ask(self, method: str, parameters: Message, session: str = "") -> Message:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._number:
            self._waiting.append(answer)
        assert "error" not in answer, answer
        result: Message = answer["result"]
        return result

    def _read(self) -> Message:
        deadline = time.monotonic() + SECONDS
        while b"\0" not in self._kept:
            ready, _, _ = select.select([self._from], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the browser is silent"
            piece = os.read(self._from, 1 << 16)
            assert piece, "the browser has ended"
            self._kept += piece
        text, _, self._kept = self._kept.partition(b"\0")
        message: Message = json.loads(text)
        return message


def _fingerprints(path: Path) -> Iterator[str]:
    for one in x509.load_pem_x509_certificates(path.read_bytes()):
        key = one.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        yield base64.b64encode(hashlib.sha256(key).digest()).decode()


@contextlib.contextmanager
def browser(folder: Path, trusted: Path | None = None) -> Iterator[Browser]:
    """A running browser that accepts the certificates of one authority, if any; ``trusted`` is PEM."""
    window = Browser(folder, trusted)
    try:
        yield window
    finally:
        window.close()
