"""Credentials of this server for other servers."""

from __future__ import annotations

from pathlib import Path

from paas.access import public_keys
from paas.access.public_keys import PublicKey
from paas.core.access.remote_credentials import RemoteCredentials
from paas.core.egress import Egress
from paas.core.errors import BuildFailed, NotFound, PaasError
from paas.core.git.url import Remote
from paas.git.remotes import Remotes
from paas.jobs.context import Context
from paas.store.access import GIT, KnownHosts, Logins


def means(ctx: Context, remote: Remote) -> RemoteCredentials:
    """Return the credentials for the remote. Raise `NotFound` for an unknown ssh server or a missing deploy key."""
    key = ctx.store.table(Logins).deploy_key()
    hosts = ctx.store.table(KnownHosts).of(remote.address) if remote.scheme == "ssh" else []
    if remote.scheme == "ssh" and not hosts:
        raise NotFound(
            f"the ssh server {remote.address} is unknown",
            why="Its host key must be recorded first, so that no other server can impersonate it.",
            fix=f"As an administrator, allow it: 'git:allow-host {remote.address}'.",
            code="unknown-host",
        )
    if remote.scheme == "ssh" and key is None:
        raise NotFound(
            "there is no deploy key",
            fix="As an administrator, create one: 'git:generate-deploy-key'; 'git:public-key' shows it.",
            code="no-deploy-key",
        )
    return RemoteCredentials(
        login=ctx.store.table(Logins).get(GIT, remote.address) if remote.scheme == "https" else None,
        key=key.password if key and remote.scheme == "ssh" else None,
        known_hosts=tuple(hosts),
        ca_file=ca_file(ctx),
        proxies=_proxies(ctx),
        egress=egress(ctx),
        limit=ctx.settings.value("max-pack-size"),
        timeout=ctx.settings.value("fetch-timeout"),
    )


def egress(ctx: Context) -> Egress:
    """Return the current rules for connections that the server makes on behalf of users."""
    return Egress(ctx.settings.value("egress-allow") or ())


def check_host(ctx: Context, host: str) -> None:
    """Raise `EgressRefused` if the host resolves to an address that the server does not connect to.

    A host that does not resolve passes: the connection will fail.
    """
    egress(ctx).check(host, ctx.part(Remotes).addresses(host))


def ca_file(ctx: Context) -> str:
    """Return the path of the file with additional authorities, empty for none. Raise `BuildFailed` if it is gone."""
    path = str(ctx.settings.value("build-ca-file") or "")
    if path and not Path(path).is_file():
        raise BuildFailed(
            f"{path} does not exist on the server",
            why="It is set as build-ca-file.",
            fix="Put the certificates there, or unset it: 'settings:set build-ca-file'.",
            code="no-ca-file",
        )
    return path


def _proxies(ctx: Context) -> dict[str, str]:
    values = {f"{key}_proxy": ctx.settings.value(f"build-{key}-proxy") for key in ("http", "https", "no")}
    return {name: str(value) for name, value in values.items() if value}


def allow_host(ctx: Context, address: str) -> list[PublicKey]:
    """Trust the host keys that the ssh server presents now, in place of earlier ones. Return them."""
    keys = {line: public_keys.parse(line.partition(" ")[2]) for line in ctx.part(Remotes).host_keys(address)}
    ctx.store.table(KnownHosts).set(address, list(keys))
    return list(keys.values())


def generate_deploy_key(ctx: Context) -> bool:
    """Create the deploy key if there is none. Return True if it was created."""
    if ctx.store.table(Logins).deploy_key() is not None:
        return False
    ctx.store.table(Logins).make_deploy_key(f"paas-{ctx.engine.instance}")
    return True


def public_key(ctx: Context) -> str:
    """Return the public half of the deploy key."""
    key = ctx.store.table(Logins).deploy_key()
    if key is None:
        raise PaasError("there is no deploy key", fix="Create one: 'git:generate-deploy-key'.", code="no-deploy-key")
    return key.user
