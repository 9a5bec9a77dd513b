"""``ports:*``: TCP and UDP ports for processes that don't speak HTTP, and the port for gRPC."""

from __future__ import annotations

from typing import Annotated

from paas.apps import properties
from paas.commands import arguments as args
from paas.commands.declare import Arg, command
from paas.commands.render import Report, Reports
from paas.commands.report import EVERY, reports
from paas.core import values
from paas.core.access.caller import Access
from paas.core.edge.items import PORT, Binding, bindings
from paas.core.errors import NotFound, UsageError
from paas.core.model import WEB, App
from paas.edge import ports
from paas.edge.commands.arguments import GRPC, Port, ProcessType
from paas.jobs.context import Context

LOOPBACK, EVERYWHERE = "127.0.0.1", "0.0.0.0"
Address = Annotated[str, Arg("IP", lambda ctx, text: str(values.ADDRESS.read("--address", text)))]


def _grpc_port(ctx: Context, app: App) -> str:
    """Return the port on which the app's web accepts gRPC requests; empty for none."""
    return ctx.store.properties.of(app).text("deploy", "grpc-port")


@command("ports:list", access=Access.VIEW)
def ports_list(ctx: Context, app: args.App) -> list[dict[str, str]]:
    """Show the open ports of an app."""
    rows = [
        {"protocol": one.protocol, "address": one.address, "port": str(one.port), "process": one.process_type}
        for one in bindings(ctx.store.edge.of(app, PORT))
    ]
    if port := _grpc_port(ctx, app):
        rows.append({"protocol": GRPC, "address": "HTTPS", "port": port, "process": WEB})
    return rows


@command("ports:report", access=Access.VIEW)
def ports_report(ctx: Context, app: args.Scope | str = EVERY, *, key: args.Selected = "") -> Report | Reports | str:
    """Show the open ports of an app, or of every app, each with its process."""

    def report(one: App | None) -> Report:
        if one is None:
            raise UsageError("ports are opened per app", fix="Name an app instead of --global.")
        found = bindings(ctx.store.edge.of(one, PORT))
        titles = [f"{each.title} to {each.process_type}" for each in found]
        if port := _grpc_port(ctx, one):
            titles.append(f"{GRPC} to {WEB}:{port}")
        return Report(one.name, "ports", {"map": ", ".join(titles)})

    return reports(ctx, app, key, report)


@command("ports:add", access=Access.ADMIN)
def ports_add(
    ctx: Context, app: args.App, port: Port, process: ProcessType = "", *, public: bool = False, address: Address = ""
) -> None:
    """Forward a TCP or UDP port of this machine to a process type that has a port in paas.yml.

    The port is open on 127.0.0.1 only; --public opens it on all addresses, --address on one of this machine.
    With grpc:PORT or grpc:80:PORT, web accepts gRPC requests on that port of its container after the next deploy;
    clients reach it at the app's domains over HTTPS.
    """
    if public and address:
        raise UsageError("--public and --address exclude each other", fix="Give one of them.")
    protocol, number = port
    if protocol == GRPC:
        if public or address or process not in ("", WEB):
            raise UsageError("gRPC requests go to web, over HTTPS", fix=f"ports:add {app.name} grpc:80:{number}")
        properties.change(ctx, app, "deploy", "grpc-port", str(number))
        ctx.out.step(f"web of {app.name} accepts gRPC requests on port {number} after the next deploy")
        return
    if not process:
        raise UsageError("missing argument: PROCESS", fix=f"ports:add {app.name} {protocol}:{number} PROCESS")
    wanted = Binding(protocol, address or (EVERYWHERE if public else LOOPBACK), number, process)
    ports.add(ctx, app, wanted)
    ctx.out.step(f"{wanted.title} goes to {process} of {app.name}")
    if wanted.address in (EVERYWHERE, "::"):
        ctx.out.detail("The port is open to every client that can reach this server.")


@command("ports:remove", access=Access.ADMIN)
def ports_remove(ctx: Context, app: args.App, port: Port) -> None:
    """Close a port. With grpc:PORT, web is set up as in paas.yml again, after the next deploy."""
    if port[0] == GRPC:
        if _grpc_port(ctx, app) != str(port[1]):
            raise NotFound(f"{app.name} has no grpc port {port[1]}", fix=f"'ports:list {app.name}' shows its ports.")
        properties.change(ctx, app, "deploy", "grpc-port", "")
        ctx.out.step(f"web of {app.name} accepts HTTP requests again after the next deploy")
        return
    ports.remove(ctx, app, *port)
    ctx.out.step(f"{port[0]}:{port[1]} is closed")
