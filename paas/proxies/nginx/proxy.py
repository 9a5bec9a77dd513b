"""The edge as a private nginx: one file per app, tested before it is live, and one reload for all concurrent callers.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field

from paas.core.edge.address import Address
from paas.core.edge.server_options import ServerOptions
from paas.core.edge.tls import Credential
from paas.core.edge.vhost import Vhost
from paas.core.errors import InvalidValue, ProxyError
from paas.proxies.base import EARLY_HINTS, Logs, Switch, Waiting
from paas.proxies.nginx.bundles import SERVER, SNIPPET, Bundle, digest, owner
from paas.proxies.nginx.live import LiveBundles
from paas.proxies.nginx.machine import general, secure
from paas.proxies.nginx.old_workers import OldWorkers
from paas.proxies.nginx.server import NginxControl
from paas.proxies.nginx.text import Secure, Templates
from paas.proxies.nginx.tree import MAIN, PRIVATE, Tree
from paas.proxies.nginx.trial import Trial

_log = logging.getLogger(__name__)


@dataclass
class _Request:
    """Request of one caller: bundles by key, of which nginx may accept some, unless they only count ``together``, and
    their certificates.
    """

    bundles: Mapping[str, Bundle]
    together: bool
    credentials: Sequence[Credential] = ()
    outcome: Future[Switch] = field(default_factory=Future)


class NginxProxy:
    """A `paas.proxies.base.Proxy`.

    ``cut`` is called with the number of ended connections by loopback port, if there were too many old workers.
    """

    def __init__(
        self,
        server: NginxControl,
        templates: Templates | None = None,
        cut: Callable[[Mapping[int, int]], None] = lambda connections: None,
    ) -> None:
        self._server = server
        self._old = OldWorkers(server, cut)
        self._templates = templates or Templates()
        self._tree = Tree(server.prefix)
        self._trial = Trial(server, self._tree)
        self._live = LiveBundles(self._tree)
        self._options = ServerOptions()
        # The server may have open files, such as logs, that no longer exist.
        self._stale = False
        self._secure: Secure | None = None
        self._requests: list[_Request] = []
        self._arriving = threading.Lock()
        self._acting = threading.Lock()

    # What a Proxy does

    def prepare(self) -> None:
        with self._acting:
            self._server.prepare()
            self._live.read()
            self._put_back()
            self._secure = secure(self._server)
            self._hear()

            if not self._live.get(SERVER):
                self._live.install({SERVER: self._main(self._options)})

    def start(self) -> None:
        self.prepare()
        self._change({SERVER: self._main(self._options)})

    def running(self) -> bool:
        return self._server.master() is not None

    def sound(self) -> bool:
        with self._acting:
            return self.running() and not self._server.deaf() and not self._live.missing()

    def version(self) -> str:
        return self._server.version()

    def publish(self, *vhosts: Vhost) -> Switch:
        bundles = {vhost.key: self._app(vhost, self._options) for vhost in vhosts}
        return self._change(bundles, credentials=[one for vhost in vhosts for one in vhost.tls.credentials])

    def withdraw(self, key: str) -> Switch:
        return self._change({key: {}})

    def sync(
        self, vhosts: Iterable[Vhost], options: ServerOptions | None = None, kept: Collection[str] = ()
    ) -> Switch:
        self.prepare()
        options = options or self._options
        served = list(vhosts)
        apps: dict[str, Bundle] = {}
        refusals: list[InvalidValue] = []

        for vhost in served:
            try:
                apps[vhost.key] = self._app(vhost, options)
            except InvalidValue as error:
                refusals.append(error)

        stay = {SERVER, *kept, *(vhost.key for vhost in served)}

        with self._acting:
            gone: dict[str, Bundle] = {key: {} for key in self._live.bundles if key not in stay}

        main = self._main(options)
        credentials = [one for vhost in served if vhost.key in apps for one in vhost.tls.credentials]

        try:
            switch = self._change(gone | apps | {SERVER: main}, together=False, credentials=credentials)
        finally:
            # A refused app does not prevent the server's start.
            if self._live.get(SERVER) == main:
                self._options = options

        if refusals:
            raise refusals[0]

        return switch

    def drained(self, switch: Switch, addresses: Collection[Address] | None = None) -> bool:
        return self._old.drained(switch.old_workers, addresses)

    def waiting(self) -> Waiting:
        return self._old.waiting(self._options.generations)

    def draining(self) -> Switch:
        return Switch(self._server.finishing())

    def has(self, module: str) -> bool:
        if module == EARLY_HINTS:
            return self._server.build().early_hints

        return module in self._server.modules().has

    def config(self, key: str | None, *, snippets: bool = True) -> str:
        left_out = (PRIVATE,) if snippets else (PRIVATE, SNIPPET)

        with self._acting:
            self._put_back()
            bundle = self._live.get(SERVER if key is None else key)
            return "\n".join(text for name, text in bundle.items() if not name.endswith(left_out))

    def validate(self) -> tuple[int, str]:
        return self._server.check(self._tree.prefix / MAIN)

    def logs(self) -> Logs:
        folder = self._tree.prefix / "logs"
        return Logs(folder / "access.log", folder / "error.log")

    def rotate(self, max_bytes: int) -> None:
        with self._acting:
            self._server.rotate(max_bytes)

    def stop(self) -> None:
        with self._acting:
            self._server.stop()

    # Callers that arrive while another one acts wait, and then one acts for all of them

    def _change(
        self, bundles: Mapping[str, Bundle], *, together: bool = True, credentials: Sequence[Credential] = ()
    ) -> Switch:
        request = _Request(bundles, together, credentials if self._secure else ())

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
            self._live.doubt()

            for request in requests:
                request.outcome.set_exception(error)

            raise

    def _act(self, requests: list[_Request]) -> None:
        self._put_back()
        wanted = {key: bundle for request in requests for key, bundle in request.bundles.items()}

        if SERVER not in wanted and self._hear():
            wanted[SERVER] = self._main(self._options)

        changed = {key: bundle for key, bundle in wanted.items() if self._live.get(key) != bundle}
        groups = [set(request.bundles) for request in requests if request.together]
        before = [self._live.get(key) for key in changed]
        self._live.keep([one for request in requests for one in request.credentials])
        refusals = self._trial.refused(self._live.bundles, changed, groups)
        switch = self._switch({key: bundle for key, bundle in changed.items() if key not in refusals})
        self._live.tidy([*before, *changed.values()])

        for request in requests:
            refusal = next((refusals[key] for key in request.bundles if key in refusals), None)
            outcome = refusal or switch

            if isinstance(outcome, ProxyError):
                request.outcome.set_exception(outcome)
            else:
                request.outcome.set_result(outcome)

    # Steps

    def _switch(self, changed: Mapping[str, Bundle]) -> Switch | ProxyError:
        """Make the bundles live. Restore the previous ones if nginx does not accept them."""
        before = {key: self._live.get(key) for key in changed}

        try:
            self._live.install(changed)
            return self._serve()
        except ProxyError as error:
            apps = ", ".join(owner(bundle or before[key], key) for key, bundle in changed.items())
            self._live.install(before)
            generation = self._mark(0)

            # It may accept the new files late: whoever requested that removes them now.
            with suppress(ProxyError):
                self._server.reload(generation)

            return ProxyError(f"{error.what}{apps and f', changed for {apps}'}", why=error.why, fix=error.fix)

    def _serve(self) -> Switch:
        """Start nginx with the live files, unless it runs."""
        running = self._server.find() is not None
        answer = self._server.generation() if running else ""
        number, _, serving = answer.partition("-")

        if serving == digest(self._live.bundles) and not self._stale:
            return Switch()

        generation = self._mark(int(number or 0) + 1)

        if not running:
            orphans = self._server.start()

            if self._server.generation() == generation:
                return Switch(orphans)

        old = self._server.reload(generation)
        self._stale = False
        self._old.thin(self._options.generations)
        return Switch(old)

    def _mark(self, number: int) -> str:
        """Write the answer of workers with the live files; the number distinguishes them from running ones."""
        generation = f"{number}-{digest(self._live.bundles)}"
        self._tree.mark(self._templates.generation(generation))
        return generation

    def _put_back(self) -> None:
        self._stale |= self._live.put_back()

    def _hear(self) -> bool:
        """Return True if the status socket of the running server was lost; it has another name from now on."""
        if self._server.find() is None or not self._server.deaf():
            return False

        _log.warning("the status socket of nginx was removed by somebody: it is made again")
        self._server.move_socket()
        return True

    def _main(self, options: ServerOptions) -> Bundle:
        return {MAIN: self._templates.main(general(self._server, options, self._secure))}

    def _app(self, vhost: Vhost, options: ServerOptions) -> Bundle:
        return self._templates.bundle(vhost, self._server.address, self._server.modules(), options, self._secure)
