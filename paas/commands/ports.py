"""``ports:*``: TCP and UDP ports for processes that don't speak HTTP."""

from __future__ import annotations

from typing import Annotated

from paas.commands import arguments as args
from paas.commands.edge_arguments import Port, ProcessType
from paas.commands.properties import EVERY, reports
from paas.commands.registry import Arg, command
from paas.commands.render import Report, Reports
from paas.core import kinds
from paas.core.caller import Access
from paas.core.edge_items import PORT, Binding, bindings
from paas.core.errors import UsageError
from paas.core.model import App
from paas.engine import ports
from paas.engine.context import Context

LOOPBACK, EVERYWHERE = "127.0.0.1", "0.0.0.0"
Address = Annotated[str, Arg("IP", lambda ctx, text: str(kinds.ADDRESS.read("--address", text)))]


@command("ports:list", access=Access.VIEW)
def ports_list(ctx: Context, app: args.App) -> list[dict[str, str]]:
    """Show the ports that are open for the app."""
    return [
        {"protocol": one.protocol, "address": one.address, "port": str(one.port), "process": one.process_type}
        for one in bindings(ctx.store.edge.of(app, PORT))
    ]


@command("ports:report", access=Access.VIEW)
def ports_report(ctx: Context, app: args.Scope | str = EVERY, *, key: args.Selected = "") -> Report | Reports | str:
    """Show the open ports of an app, or of every app, each with its process."""

    def report(one: App | None) -> Report:
        if one is None:
            raise UsageError("ports belong to one app", fix="Name the app.")
        found = bindings(ctx.store.edge.of(one, PORT))
        return Report(one.name, "ports", {"map": ", ".join(f"{each.title} to {each.process_type}" for each in found)})

    return reports(ctx, app, key, report)


@command("ports:add", access=Access.ADMIN)
def ports_add(
    ctx: Context, app: args.App, port: Port, process: ProcessType, *, public: bool = False, address: Address = ""
) -> None:
    """Pass a TCP or UDP port of this machine on to a process type, which has a port of its own in paas.yml.

    It is open on 127.0.0.1 only; --public opens it to everybody, --address on one address of this machine.
    """
    if public and address:
        raise UsageError("--public and --address say two things", fix="Give one of them.")
    protocol, number = port
    wanted = Binding(protocol, address or (EVERYWHERE if public else LOOPBACK), number, process)
    ports.add(ctx, app, wanted)
    ctx.out.step(f"{wanted.title} goes to {process} of {app.name}")
    if wanted.address in (EVERYWHERE, "::"):
        ctx.out.detail("Everybody who reaches this machine reaches it there.")


@command("ports:remove", access=Access.ADMIN)
def ports_remove(ctx: Context, app: args.App, port: Port) -> None:
    """Close a port."""
    ports.remove(ctx, app, *port)
    ctx.out.step(f"{port[0]}:{port[1]} is closed")
