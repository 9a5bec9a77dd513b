"""Findings of `doctor` about nginx."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from paas.core.health.outcome import Answer
from paas.core.model import App
from paas.core.server import doctor
from paas.core.server.doctor import Finding, Level
from paas.edge import rules
from paas.jobs.context import Context
from paas.system.probe import Probe


def nginx(ctx: Context, apps: Sequence[App]) -> Iterator[Finding]:
    """Check that nginx runs and answers requests."""
    if ctx.proxy.running() and not ctx.proxy.sound():
        yield Finding(
            Level.PROBLEM, "nginx", "files or sockets of nginx were removed", f"They belong below {ctx.paths.nginx}.",
            "The server restores them within seconds; if it cannot, its log says why.", "nginx-files",
        )  # fmt: skip
    elif ctx.proxy.running():
        yield Finding(Level.OK, "nginx", f"{ctx.proxy.version()} is running")
    else:
        yield Finding(Level.PROBLEM, "nginx", "nginx is not running", "", "See its error log.", "nginx-down")
    old = ctx.proxy.waiting()
    yield from doctor.old_workers(old.workers, old.clients, old.most, old.ended)
    # If nginx listens on all addresses, it answers on loopback, too.
    listen = str(ctx.settings.value("listen"))
    address = "127.0.0.1" if listen in ("0.0.0.0", "::") else listen
    trusted = rules.server_options(ctx).trusted
    # With the PROXY protocol, nginx answers only clients that speak it.
    before = b"PROXY UNKNOWN\r\n" if trusted and trusted.proxy_protocol else b""
    port = ctx.settings.value("http-port")
    answer = ctx.part(Probe).get(address, port, "/", {"Host": "doctor.invalid"}, 5.0, before=before)
    if isinstance(answer, Answer):
        yield Finding(Level.OK, "nginx", "nginx answers requests")
    else:
        yield Finding(
            Level.PROBLEM, "nginx", f"no answer over HTTP: {answer}", "", "See its error log.", "nginx-silent"
        )
