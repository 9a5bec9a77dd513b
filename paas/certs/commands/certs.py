"""``certs:*``: uploaded and generated certificates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from paas.certs import bundle, report, uploaded
from paas.certs.uploaded import UploadedCertificate
from paas.commands import arguments as args
from paas.commands.declare import Arg, Stdin, command
from paas.commands.invocation import Invocation
from paas.commands.render import Report, Reports
from paas.commands.report import EVERY, reports
from paas.core.access.caller import Access
from paas.core.errors import Forbidden, UsageError
from paas.core.model import App
from paas.jobs.context import Context

File = Annotated[str, Arg("FILE")]
Name = Annotated[str, Arg("NAME")]
What = Annotated[str, Arg("crt|key|csr", complete=lambda ctx: ("crt", "key", "csr"))]


def _given(ctx: Context, invocation: Invocation, files: tuple[str, ...]) -> bytes:
    if not files:
        return args.read_bytes(invocation)
    if ctx.caller.access < Access.ADMIN:
        raise Forbidden(
            "only administrators can name files on the server",
            fix="Send the certificate and the key on standard input: cat CRT KEY | … certs:add APP",
        )
    return bundle.read_files([Path(file) for file in files])


def _tell(ctx: Context, app: App | None, added: UploadedCertificate) -> None:
    ctx.out.step(f"{app.name if app else 'Every app'} is served with the certificate {added.name}")
    if added.left:
        ctx.out.warning(f"It does not cover: {', '.join(added.left)}")
    if added.missing:
        ctx.out.warning(f"It was issued by {added.missing}, which is not among the trusted roots of this host.")
        ctx.out.warning("Clients may refuse it: upload it together with the authority's intermediate certificates.")


@command("certs:add", access=Access.DEPLOY, stdin=Stdin.TEXT)
def certs_add(
    ctx: Context, app: args.AdminScope, *files: File, invocation: Invocation, name: Name = "", force: bool = False
) -> None:
    """Serve an app, or with --global every app, over HTTPS with a certificate.

    Send the certificate, its intermediate certificates and the key on standard input: as PEM in any order, or as a tar
    archive (plain or gzipped). Administrators may name files on the server instead. An app may have several
    certificates, one of which is chosen by host; NAME identifies them and is by default the first host in the
    certificate. A certificate of the same name is replaced. --force accepts hosts that the app does not have yet.
    """
    _tell(ctx, app, uploaded.add(ctx, app, _given(ctx, invocation, files), name=name, force=force))


@command("certs:update", access=Access.DEPLOY, stdin=Stdin.TEXT)
def certs_update(
    ctx: Context, app: args.AdminScope, *files: File, invocation: Invocation, name: Name = "", force: bool = False
) -> None:
    """Replace a certificate: the one of that name, or one for the same hosts, or the only one."""
    _tell(ctx, app, uploaded.update(ctx, app, _given(ctx, invocation, files), name=name, force=force))


@command("certs:remove", access=Access.DEPLOY)
def certs_remove(ctx: Context, app: args.AdminScope, *, name: Name = "") -> None:
    """Remove a certificate; its hosts are served with another one that covers them, or over HTTP only."""
    ctx.out.step(f"Removed the certificate {uploaded.remove(ctx, app, name=name)}")


@command("certs:generate", access=Access.DEPLOY)
def certs_generate(ctx: Context, app: args.App, *hosts: args.Domain) -> None:
    """Generate a self-signed certificate, and a signing request for an authority."""
    name = uploaded.generate(ctx, app, hosts)
    ctx.out.step(f"{app.name} is served with the self-signed certificate {name}")
    ctx.out.detail(f"To see the signing request for an authority: certs:show {app.name} csr --name {name}")


@command("certs:show", access=Access.DEPLOY)
def certs_show(ctx: Context, app: args.AdminScope, what: What, *, name: Name = "") -> str:
    """Print a certificate with its chain (crt), its key, or the signing request of a generated one (csr), as PEM."""
    if what not in ("crt", "key", "csr"):
        raise UsageError(f"{what!r} can't be shown", why="Choose crt, key or csr.")
    shown = [one for one in ctx.store.certificates.of(app) if what != "csr" or one.request]
    found = uploaded.one(ctx, app, name, shown)
    return {"crt": found.chain, "key": found.key.reveal(), "csr": found.request}[what].rstrip("\n")


@command("certs:report", access=Access.VIEW)
def certs_report(ctx: Context, app: args.Scope | str = EVERY, *, key: args.Selected = "") -> Report | Reports | str:
    """Show the certificates of an app, or of every app: their hosts and when they expire."""
    return reports(ctx, app, key, lambda one: Report(one.name if one else "Global", "ssl", report.facts(ctx, one)))
