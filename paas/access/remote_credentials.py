"""What this server may use to get into others, and keeping that."""

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
    """All that is there for the remote; refuses an ssh server that is not known, and one without a deploy key."""
    key = ctx.store.table(Logins).deploy_key()
    hosts = ctx.store.table(KnownHosts).of(remote.address) if remote.scheme == "ssh" else []
    if remote.scheme == "ssh" and not hosts:
        raise NotFound(
            f"the ssh server {remote.address} is not known here",
            why="Its key is compared with the one that was seen first, so that nobody can stand in for it.",
            fix=f"An administrator can allow it: 'git:allow-host {remote.address}'.",
            code="unknown-host",
        )
    if remote.scheme == "ssh" and key is None:
        raise NotFound(
            "there is no deploy key",
            fix="An administrator can make one, 'git:generate-deploy-key'; 'git:public-key' shows it.",
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
    """Where the server connects on behalf of others, as it is set now."""
    return Egress(ctx.settings.value("egress-allow") or ())


def check_host(ctx: Context, host: str) -> None:
    """Raises `EgressRefused` for a host that leads to where the server does not connect.

    One that does not resolve is left to whatever connects.
    """
    egress(ctx).check(host, ctx.part(Remotes).addresses(host))


def ca_file(ctx: Context) -> str:
    """The file with further authorities, empty for none. Raises `BuildFailed` where it is not there any more."""
    path = str(ctx.settings.value("build-ca-file") or "")
    if path and not Path(path).is_file():
        raise BuildFailed(
            f"{path} is not a file on the server",
            why="The setting build-ca-file names it.",
            fix="Put the certificates there, or unset it: 'settings:set build-ca-file'.",
            code="no-ca-file",
        )
    return path


def _proxies(ctx: Context) -> dict[str, str]:
    values = {f"{key}_proxy": ctx.settings.value(f"build-{key}-proxy") for key in ("http", "https", "no")}
    return {name: str(value) for name, value in values.items() if value}


def allow_host(ctx: Context, address: str) -> list[PublicKey]:
    """Takes the keys that the ssh server shows now as its own, in place of those there were."""
    keys = {line: public_keys.parse(line.partition(" ")[2]) for line in ctx.part(Remotes).host_keys(address)}
    ctx.store.table(KnownHosts).set(address, list(keys))
    return list(keys.values())


def generate_deploy_key(ctx: Context) -> bool:
    """Makes the deploy key if there is none; whether it did."""
    if ctx.store.table(Logins).deploy_key() is not None:
        return False
    ctx.store.table(Logins).make_deploy_key(f"paas-{ctx.scheduler.instance}")
    return True


def public_key(ctx: Context) -> str:
    """The public half of the deploy key."""
    key = ctx.store.table(Logins).deploy_key()
    if key is None:
        raise PaasError("there is no deploy key", fix="'git:generate-deploy-key' makes one.", code="no-deploy-key")
    return key.user
