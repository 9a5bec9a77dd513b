"""``git:*``: how the server gets into other git servers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from paas.access import remote_credentials
from paas.commands import arguments as args
from paas.commands.declare import Arg, Stdin, command
from paas.commands.invocation import Invocation
from paas.core.access.caller import Access
from paas.core.access.remote_credentials import Login
from paas.core.errors import InvalidValue, NotFound
from paas.core.git import url
from paas.core.secret import Secret
from paas.jobs.context import Context
from paas.store.access import GIT, Logins

Host = Annotated[str, Arg("HOST", lambda ctx, text: url.host(text))]


@command("git:auth", access=Access.ADMIN, stdin=Stdin.TEXT)
def git_auth(
    ctx: Context,
    host: Host,
    user: Annotated[str, Arg("USER")] = "",
    password: Annotated[str, Arg("PASSWORD")] = "",
    *,
    invocation: Invocation,
) -> None:
    """Keep the credentials for a git server, for git:sync and git:from-archive over https; without USER, forget them.

    The password, or token, is read from standard input if it is not given: so it is in no list of processes and in no
    history. It is encrypted at rest.
    """
    if not user:
        if not ctx.store.table(Logins).remove(GIT, host):
            raise NotFound(f"there are no credentials for {host}", fix="'git:auth-status' lists those there are.")
        ctx.out.step(f"Forgot the credentials for {host}")
        return
    ctx.store.table(Logins).set(GIT, host, Login(_one_line(user), Secret(password or args.read_password(invocation))))
    ctx.out.step(f"Kept the credentials of {user} for {host}")


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise InvalidValue("a user name has printable characters only")
    return text


@dataclass(frozen=True)
class AuthRow:
    """One line of ``git:auth-status``."""

    host: str
    user: str


@command("git:auth-status", access=Access.ADMIN)
def git_auth_status(ctx: Context, host: Annotated[str, Arg("HOST")] = "") -> list[AuthRow]:
    """List the git servers that there are credentials for, or tell of one: exit status 1 if there are none for it."""
    logins = ctx.store.table(Logins).all(GIT)
    rows = [AuthRow(name, login.user) for name, login in logins.items() if host.lower() in ("", name)]
    if host and not rows:
        raise NotFound(f"there are no credentials for {host}", fix=f"Run 'git:auth {host} USER'.")
    return rows


@command("git:allow-host", access=Access.ADMIN)
def git_allow_host(ctx: Context, host: Host) -> None:
    """Trust the ssh server HOST, or HOST:PORT, by the keys that it shows now: git:sync compares them from then on.

    Compare the fingerprints that this prints with those that the server's owner tells.
    """
    keys = remote_credentials.allow_host(ctx, host)
    ctx.out.step(f"{host} is known by these keys from now on")
    for key in keys:
        ctx.out.detail(f"{key.kind} {key.fingerprint}")


@command("git:generate-deploy-key", access=Access.ADMIN)
def git_generate_deploy_key(ctx: Context) -> None:
    """Make the key with which the server fetches over ssh. One that is there already stays."""
    if remote_credentials.generate_deploy_key(ctx):
        ctx.out.step("Made a deploy key; give its public half to the git server: 'git:public-key'")
    else:
        ctx.out.warning("There is a deploy key already; it stays as it is.")


@command("git:public-key", access=Access.DEPLOY)
def git_public_key(ctx: Context) -> str:
    """Print the public half of the deploy key, a line as for authorized_keys."""
    return remote_credentials.public_key(ctx)
