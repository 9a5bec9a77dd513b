"""``ports:*``: TCP and UDP ports for processes that don't speak HTTP."""

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
    """Return the port on which the app's web takes gRPC requests; empty for none."""
    return ctx.store.properties.of(app).text("deploy", "grpc-port")


@command("ports:list", access=Access.VIEW)
def ports_list(ctx: Context, app: args.App) -> list[dict[str, str]]:
    """Show the ports that are open for the app."""
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
            raise UsageError("ports belong to one app", fix="Name the app.")
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
    """Pass a TCP or UDP port of this machine on to a process type, which has a port of its own in paas.yml.

    It is open on 127.0.0.1 only; --public opens it to everybody, --address on one address of this machine.
    With grpc:PORT or grpc:80:PORT, web takes gRPC requests on that port of its container, from the next deploy on.
    Clients reach it at the app's domains over HTTPS.
    """
    if public and address:
        raise UsageError("--public and --address say two things", fix="Give one of them.")
    protocol, number = port
    if protocol == GRPC:
        if public or address or process not in ("", WEB):
            raise UsageError("gRPC requests go to web, over HTTPS", fix=f"ports:add {app.name} grpc:80:{number}")
        properties.change(ctx, app, "deploy", "grpc-port", str(number))
        ctx.out.step(f"web of {app.name} takes gRPC requests on port {number} from the next deploy on")
        return
    if not process:
        raise UsageError("missing argument: PROCESS", fix=f"ports:add {app.name} {protocol}:{number} PROCESS")
    wanted = Binding(protocol, address or (EVERYWHERE if public else LOOPBACK), number, process)
    ports.add(ctx, app, wanted)
    ctx.out.step(f"{wanted.title} goes to {process} of {app.name}")
    if wanted.address in (EVERYWHERE, "::"):
        ctx.out.detail("Everybody who reaches this machine reaches it there.")


@command("ports:remove", access=Access.ADMIN)
def ports_remove(ctx: Context, app: args.App, port: Port) -> None:
    """Close a port; grpc:PORT goes back to what paas.yml says of web, from the next deploy on."""
    if port[0] == GRPC:
        if _grpc_port(ctx, app) != str(port[1]):
            raise NotFound(f"{app.name} has no grpc port {port[1]}", fix=f"'ports:list {app.name}' shows its ports.")
        properties.change(ctx, app, "deploy", "grpc-port", "")
        ctx.out.step(f"web of {app.name} takes HTTP requests again from the next deploy on")
        return
    ports.remove(ctx, app, *port)
    ctx.out.step(f"{port[0]}:{port[1]} is closed")
