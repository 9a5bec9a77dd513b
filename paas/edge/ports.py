"""TCP and UDP ports of this machine that are forwarded to processes of apps."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from paas.core.edge.items import PORT, Binding, bindings, clash
from paas.core.errors import AlreadyExists, InvalidValue, NotFound, Unsupported
from paas.core.model import App
from paas.edge import changes
from paas.jobs.context import Context
from paas.system.probe import Probe

OWN = ("http-port", "https-port", "ssh-port")


def add(ctx: Context, app: App, wanted: Binding) -> None:
    """Open the port at once. Raise `AlreadyExists`, before anything changes, if it is in use."""
    wanted = replace(wanted, address=str(ipaddress.ip_address(wanted.address)))
    if not ctx.proxy.has("stream"):
        raise Unsupported(
            "this nginx cannot forward TCP and UDP ports",
            why="Its stream module is not installed.",
            fix="On Debian: apt-get install libnginx-mod-stream, then restart the server.",
            code="no-stream",
        )
    _check_process(ctx, app, wanted)
    if wanted in bindings(ctx.store.edge.of(app, PORT)):
        return
    _check_free(ctx, app, wanted)
    changes.change(ctx, app, PORT, lambda present: {**present, wanted.name: wanted.process_type})


def _check_process(ctx: Context, app: App, wanted: Binding) -> None:
    current = ctx.store.releases.current(app)
    if current is None:
        return
    process = current.process(wanted.process_type)
    if process is None:
        types = ", ".join(one.type for one in current.processes)
        raise NotFound(
            f"{app.name} has no process type {wanted.process_type}", why=f"It has: {types}", code="no-such-process"
        )
    if process.port is None or (process.protocol == "udp") != (wanted.protocol == "udp"):
        place = f"processes.{wanted.process_type}"
        raise InvalidValue(
            f"{wanted.process_type} of {app.name} listens on no {wanted.protocol} port",
            fix=f"Set in paas.yml: {place}.port, and {place}.protocol: {wanted.protocol}",
            code="no-port",
        )


def _check_free(ctx: Context, app: App, wanted: Binding) -> None:
    for number, texts in ctx.store.edge.everywhere(PORT).items():
        for other in bindings(texts):
            if clash(wanted, other):
                raise _taken(wanted, f"It belongs to {ctx.store.apps.by_id(number).name}, as {other.title}.")

    low, high = ctx.settings.value("port-range")
    if low <= wanted.port <= high:
        raise _taken(wanted, f"Ports {low} to {high} are reserved for containers (setting port-range).")
    if wanted.protocol == "tcp" and wanted.port in _own_ports(ctx):
        raise _taken(wanted, "The server itself listens there.")
    if not ctx.part(Probe).address_is_free(wanted.protocol, wanted.address, wanted.port):
        raise _taken(wanted, "Another program listens there, or this machine has no such address.")


def _own_ports(ctx: Context) -> set[int]:
    found = set()
    for key in OWN:
        try:
            found.add(int(ctx.settings.value(key)))
        except NotFound:
            continue
    return found


def _taken(wanted: Binding, why: str) -> AlreadyExists:
    return AlreadyExists(f"{wanted.title} cannot be opened", why=why, fix="Choose another port.", code="port-taken")


def remove(ctx: Context, app: App, protocol: str, port: int) -> None:
    """Close the app's port at every address where it is open."""

    def without(present: dict[str, str]) -> dict[str, str]:
        gone = {one.name for one in bindings(present) if (one.protocol, one.port) == (protocol, port)}
        if not gone:
            raise NotFound(f"{app.name} has no {protocol} port {port}", fix=f"'ports:list {app.name}' shows its ports.")
        return {name: text for name, text in present.items() if name not in gone}

    changes.change(ctx, app, PORT, without)
