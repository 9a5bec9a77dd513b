"""Values of the main file that depend on this machine and its nginx."""

from __future__ import annotations

from paas.core.edge.server_options import ServerOptions
from paas.proxies.nginx.host import open_files, resolvers, worker_account
from paas.proxies.nginx.server import NginxControl
from paas.proxies.nginx.text import General, Secure
from paas.proxies.nginx.tree import CERTIFICATES


def general(server: NginxControl, options: ServerOptions, secure: Secure | None) -> General:
    """Return the values of the main file."""
    account = worker_account()

    return General(
        prefix=server.prefix,
        listen=server.address,
        status_socket=server.status_socket,
        user=account.user if account else "",
        group=account.group if account else "",
        open_files=open_files(),
        drain_seconds=options.drain_seconds,
        modules=server.modules(),
        options=options,
        secure=secure,
        resolvers=resolvers() if secure else (),
    )


def secure(server: NginxControl) -> Secure | None:
    """Return how HTTPS is served, None if it is not."""
    if not server.secure_address:
        return None

    build = server.build()
    files = server.prefix / CERTIFICATES
    return Secure(server.secure_address, files, build.http2_by_listen, build.http3, build.early_hints)
