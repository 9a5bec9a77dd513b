"""An edge that remembers what it serves."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from fakes.gates import Gates, Unexpected
from paas.core.edge.address import Address
from paas.core.edge.server_options import ServerOptions
from paas.core.edge.vhost import Vhost, VhostState
from paas.core.errors import InvalidValue, PaasError, ProxyError
from paas.proxies.base import Logs, Switch, Waiting
from paas.proxies.nginx.modules import Modules
from paas.proxies.nginx.text import Secure, Templates

_TEMPLATES = Templates()
_SECURE = Secure("127.0.0.1:8443", Path("/certificates"))


class FakeProxy:
    """A `Proxy`. ``served`` has the present virtual hosts by key, ``switches`` every change in order.

    ``refusals`` are apps whose next configurations it refuses. With ``lingering`` old workers stay until
    `let_workers_end`; without ``whole`` files were removed. Two apps with one host name, and a new address at which
    nothing runs, are refused as mistakes.
    """

    def __init__(self, gates: Gates, in_use: Callable[[], set[Address]]) -> None:
        self.served: dict[str, Vhost] = {}
        self.switches: list[Vhost] = []
        self.refusals: set[str] = set()
        self.lingering = False
        self.whole = True
        self.old = Waiting()
        self.options = ServerOptions()
        self.modules = {"brotli", "stream"}
        self.validity = (0, "")
        self.log_files = Logs(Path(os.devnull), Path(os.devnull))
        self.reloads = 0
        self.rotated: list[int] = []
        self._gates = gates
        self._in_use = in_use
        self._lock = threading.RLock()
        self._running = False
        self._prepared = False
        self._ended = 0

    def vhost(self, app: str) -> Vhost | None:
        """Return the virtual host of the app of that name, None if it is unknown."""
        return next((vhost for vhost in list(self.served.values()) if vhost.app == app), None)

    def addresses(self) -> set[Address]:
        """Return all addresses that requests are passed to."""
        return {address for vhost in list(self.served.values()) for address in vhost.upstreams}

    def take_over(self, other: FakeProxy) -> None:
        """Take over the edge of a killed daemon: it continues to serve."""
        self.served.update(other.served)
        self.reloads, self._ended = other.reloads, other._ended
        self._running = other._running

    def let_workers_end(self) -> None:
        """Let the old workers finish their requests."""
        self._ended = self.reloads

    def prepare(self) -> None:
        self._prepared = True

    def start(self) -> None:
        if not self._prepared:
            raise Unexpected("the edge was started before it was prepared")
        self._running = True

    def running(self) -> bool:
        return self._running

    def sound(self) -> bool:
        return self._running and self.whole

    def version(self) -> str:
        return "nginx/1.22.1"

    def publish(self, *vhosts: Vhost) -> Switch:
        self._gates.at("publish")
        with self._lock:
            for vhost in vhosts:
                self._check(vhost, self.served)
                self._render(vhost)
                before = self.served.get(vhost.key)
                dead = set(vhost.upstreams) - set(before.upstreams if before else ()) - self._in_use()
                if dead:
                    raise Unexpected(f"{vhost.app} was published with addresses at which nothing runs: {sorted(dead)}")
            changed = [vhost for vhost in vhosts if self.served.get(vhost.key) != vhost]
            for vhost in changed:
                self.served[vhost.key] = vhost
                self.switches.append(vhost)
            return self._reload() if changed else Switch()

    def withdraw(self, key: str) -> Switch:
        with self._lock:
            return self._reload() if self.served.pop(key, None) else Switch()

    def sync(
        self, vhosts: Iterable[Vhost], options: ServerOptions | None = None, kept: Collection[str] = ()
    ) -> Switch:
        with self._lock:
            self.options, before_options = options or self.options, self.options
            wanted = {vhost.key: vhost for vhost in vhosts}
            before = dict(self.served)
            error: PaasError | None = None
            for key in self.served.keys() - wanted.keys() - set(kept):
                del self.served[key]
            for key, vhost in wanted.items():
                try:
                    self._check(vhost, wanted)
                    self._render(vhost)
                except (ProxyError, InvalidValue) as refused:
                    error = refused
                    continue
                if before.get(key) != vhost:
                    self.switches.append(vhost)
                self.served[key] = vhost
            self._running = self.whole = True
            switch = self._reload() if (self.served, self.options) != (before, before_options) else Switch()
            if error:
                raise error
            return switch

    def drained(self, switch: Switch, addresses: Collection[Address] | None = None) -> bool:
        return not self.lingering or not switch.old_workers - set(range(self._ended))

    def waiting(self) -> Waiting:
        return self.old

    def draining(self) -> Switch:
        return Switch(frozenset(range(self._ended, self.reloads)))

    def has(self, module: str) -> bool:
        return module in self.modules

    def config(self, key: str | None, *, snippets: bool = True) -> str:
        served = self.served.get(key or "")
        texts = [one.text for one in served.edge.snippets] if served and snippets else []
        return "\n".join([f"# {key or 'server'}", *texts, ""]) if served or not key else ""

    def validate(self) -> tuple[int, str]:
        return self.validity

    def logs(self) -> Logs:
        return self.log_files

    def rotate(self, max_bytes: int) -> None:
        self.rotated.append(max_bytes)

    def stop(self) -> None:
        self._running = False

    def _check(self, vhost: Vhost, beside: Mapping[str, Vhost]) -> None:
        if vhost.app in self.refusals:
            raise ProxyError(f"nginx refuses the configuration of {vhost.app}", why="the test said so")
        for key, other in beside.items():
            both = set(other.hosts) & set(vhost.hosts)
            # For hosts that no app has any more the app is removed first.
            if key != vhost.key and both and VhostState.GONE not in (vhost.state, other.state):
                raise Unexpected(f"{vhost.app} and {other.app} are both served as {sorted(both)}")

    def _render(self, vhost: Vhost) -> None:
        """Raise an error for values that can't be written into nginx's files."""
        _rendered(vhost, frozenset(self.modules), self.options)

    def _reload(self) -> Switch:
        self.reloads += 1
        return Switch(frozenset({self.reloads - 1}))


@functools.lru_cache(maxsize=256)
def _rendered(vhost: Vhost, modules: frozenset[str], options: ServerOptions) -> dict[str, str]:
    return _TEMPLATES.bundle(vhost, "127.0.0.1:8080", Modules(modules), options, _SECURE)
