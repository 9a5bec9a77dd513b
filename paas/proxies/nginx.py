"""The edge as a private nginx: one file per app, tested before it is live, and one reload for all who come together."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from paas.core.errors import ProxyError
from paas.core.tls import Credential
from paas.core.vhost import Vhost
from paas.drivers.nginx_errors import ConfigRefused
from paas.drivers.nginx_host import open_files, resolvers, worker_account
from paas.drivers.nginx_tree import CERTIFICATES, MAIN, Tree
from paas.proxies import nginx_certificates
from paas.proxies.base import Switch
from paas.proxies.nginx_server import Server
from paas.proxies.nginx_text import General, Secure, Templates

DRAIN_SECONDS = 60


@dataclass
class _Request:
    """What one caller wants: texts by file name, None for no file; and the certificates that they name."""

    texts: Mapping[str, str | None]
    credentials: Sequence[Credential] = ()
    outcome: Future[Switch] = field(default_factory=Future)


class NginxProxy:
    """A `paas.proxies.base.Proxy`; its ``drain_seconds`` bound how long an old worker finishes requests."""

    def __init__(self, server: Server, templates: Templates | None = None, drain_seconds: int = DRAIN_SECONDS) -> None:
        self._server = server
        self._templates = templates or Templates()
        self._drain_seconds = drain_seconds
        self._tree = Tree(server.prefix)
        self._live: dict[str, str] = {}
        self._known = False
        self._secure: Secure | None = None
        self._requests: list[_Request] = []
        self._arriving = threading.Lock()
        self._acting = threading.Lock()

    # What a Proxy does

    def prepare(self) -> None:
        with self._acting:
            self._server.prepare()
            self._read()
            self._secure = self._how_secure()
            main = self._main()

            if self._live.get(MAIN) != main:
                self._tree.stage(MAIN, main)
                self._install({MAIN: main})

    def start(self) -> None:
        self.prepare()
        self._change({})

    def running(self) -> bool:
        return self._server.master() is not None

    def version(self) -> str:
        return self._server.version()

    def publish(self, vhost: Vhost) -> Switch:
        return self._change({_file(vhost.key): self._app(vhost)}, vhost.tls.credentials)

    def withdraw(self, key: str) -> Switch:
        return self._change({_file(key): None})

    def sync(self, vhosts: Iterable[Vhost]) -> Switch:
        self.prepare()

        with self._acting:
            gone: dict[str, str | None] = {name: None for name in self._live if name != MAIN}

        served = list(vhosts)
        texts = {_file(vhost.key): self._app(vhost) for vhost in served}
        return self._change(gone | texts, [one for vhost in served for one in vhost.tls.credentials])

    def drained(self, switch: Switch) -> bool:
        return not self._server.finishing(switch.old_workers)

    def draining(self) -> Switch:
        return Switch(self._server.finishing())

    def rotate(self, max_bytes: int) -> None:
        with self._acting:
            self._server.rotate(max_bytes)

    def stop(self) -> None:
        with self._acting:
            self._server.stop()

    # Who comes while another acts waits, and then one acts for all who wait

    def _change(self, texts: Mapping[str, str | None], credentials: Sequence[Credential] = ()) -> Switch:
        request = _Request(texts, credentials if self._secure else ())

        with self._arriving:
            self._requests.append(request)

        with self._acting:
            if not request.outcome.done():
                self._act_for_all()

        return request.outcome.result()

    def _act_for_all(self) -> None:
        with self._arriving:
            requests, self._requests = self._requests, []

        try:
            self._act(requests)
        except BaseException as error:
            # The disk may hold anything now.
            self._known = False

            for request in requests:
                request.outcome.set_exception(error)

            raise

    def _act(self, requests: list[_Request]) -> None:
        if not self._known:
            self._read()

        wanted = {name: text for request in requests for name, text in request.texts.items()}
        changed = {name: text for name, text in wanted.items() if self._live.get(name) != text}
        before = [self._live.get(name) for name in changed]
        nginx_certificates.keep(self._tree, (one for request in requests for one in request.credentials))
        refusals = self._stage(changed)
        switch = self._switch({name: text for name, text in changed.items() if name not in refusals})
        nginx_certificates.tidy(self._tree, [*before, *changed.values()], self._live)

        for request in requests:
            refusal = next((refusals[name] for name in request.texts if name in refusals), None)
            outcome = refusal or switch

            if isinstance(outcome, ProxyError):
                request.outcome.set_exception(outcome)
            else:
                request.outcome.set_result(outcome)

    # Steps

    def _stage(self, changed: Mapping[str, str | None]) -> dict[str, ProxyError]:
        """Stage the texts, take back those that nginx refuses, and return why by file name."""
        refusals: dict[str, ProxyError] = {}

        for name, text in changed.items():
            self._tree.stage(name, text)

        while remaining := [name for name in changed if name not in refusals]:
            try:
                self._server.test(self._tree.staged_main)
                break
            except ConfigRefused as error:
                blamed = self._tree.name_of(error.path) or nginx_certificates.naming(error.words, changed)
                refusal = self._refusal(blamed, error)

                for name in [blamed] if blamed in remaining else remaining:
                    refusals[name] = refusal
                    self._tree.stage(name, self._live.get(name))

        return refusals

    def _switch(self, changed: Mapping[str, str | None]) -> Switch | ProxyError:
        """Have the staged texts live; what was there before is put back when nginx does not take them up."""
        before = {name: self._live.get(name) for name in changed}

        try:
            self._install(changed)
            return self._serve()
        except ProxyError as error:
            apps = ", ".join(map(self._owner, changed))
            self._install(before)

            for name, text in before.items():
                self._tree.stage(name, text)

            self._mark(0)
            self._server.reload_later()
            return ProxyError(f"{error.what}{apps and f', changed for {apps}'}", why=error.why, fix=error.fix)

    def _serve(self) -> Switch:
        """Have nginx running with the live files: nothing is done when it is."""
        running = self._server.master() is not None
        answer = self._server.generation() if running else ""
        number, _, serving = answer.partition("-")

        if serving == _digest(self._live):
            return Switch()

        generation = self._mark(int(number or 0) + 1)

        if not running:
            orphans = self._server.start()

            if self._server.generation() == generation:
                return Switch(orphans)

        return Switch(self._server.reload(generation))

    def _mark(self, number: int) -> str:
        """Write what workers with the live files answer; the number tells them from any that run now."""
        generation = f"{number}-{_digest(self._live)}"
        self._tree.mark(self._templates.generation(generation))
        return generation

    def _install(self, texts: Mapping[str, str | None]) -> None:
        for name, text in texts.items():
            if text == self._live.get(name):
                continue

            self._tree.install(name, text)

            if text is None:
                self._live.pop(name, None)
            else:
                self._live[name] = text

    def _read(self) -> None:
        self._live = self._tree.prepare()
        self._known = True

    def _main(self) -> str:
        account = worker_account()

        return self._templates.main(
            General(
                prefix=self._server.prefix,
                listen=self._server.address,
                status_socket=self._server.status_socket,
                user=account.user if account else "",
                group=account.group if account else "",
                open_files=open_files(),
                drain_seconds=self._drain_seconds,
                secure=self._secure,
                resolvers=resolvers() if self._secure else (),
            )
        )

    def _how_secure(self) -> Secure | None:
        if not self._server.secure_address:
            return None

        build = self._server.build()
        folder = self._server.prefix / CERTIFICATES
        return Secure(self._server.secure_address, folder, build.http2_by_listen, build.http3)

    def _app(self, vhost: Vhost) -> str:
        return self._templates.app(vhost, self._server.address, self._secure)

    def _refusal(self, name: str, error: ConfigRefused) -> ProxyError:
        """The error for a staged file, while it is still there."""
        owner = f" of {self._owner(name, staged=True)}" if name else ""
        line = self._tree.staged_line(name, error.line)

        return ProxyError(
            f"nginx refuses the configuration{owner}",
            why=f"{error.words}\n{name}:{error.line}: {line}" if name else error.words,
            fix="Everything stays as it was. Change what the app sets for its domains or for nginx.",
        )

    def _owner(self, name: str, *, staged: bool = False) -> str:
        """The app that a file belongs to, which its first line says; the file's name where it says nothing."""
        first = self._tree.staged_line(name, 1) if staged else self._live.get(name, "").partition("\n")[0]
        return first.removeprefix("# ").partition(":")[0] if name != MAIN and first.startswith("# ") else name


def _file(key: str) -> str:
    return f"apps/{key}.conf"


def _digest(texts: Mapping[str, str]) -> str:
    whole = hashlib.sha256()

    for name in sorted(texts):
        whole.update(f"{name}\0{texts[name]}\0".encode())

    return whole.hexdigest()
