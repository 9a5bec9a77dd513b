"""``git:*``: credentials for other git servers."""

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
    """Store credentials for a git server, for git:sync and git:from-archive over https; without USER, remove them.

    If PASSWORD is omitted, the password or token is read from standard input, so that it appears in no process list or
    shell history. It is encrypted at rest.
    """
    if not user:
        if not ctx.store.table(Logins).remove(GIT, host):
            raise NotFound(f"there are no credentials for {host}", fix="'git:auth-status' lists all credentials.")
        ctx.out.step(f"Removed the credentials for {host}")
        return
    ctx.store.table(Logins).set(GIT, host, Login(_one_line(user), Secret(password or args.read_password(invocation))))
    ctx.out.step(f"Saved the credentials of {user} for {host}")


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise InvalidValue("the user name contains unprintable characters")
    return text


@dataclass(frozen=True)
class AuthRow:
    """Row of ``git:auth-status``."""

    host: str
    user: str


@command("git:auth-status", access=Access.ADMIN)
def git_auth_status(ctx: Context, host: Annotated[str, Arg("HOST")] = "") -> list[AuthRow]:
    """List the git servers with stored credentials, or check HOST: the exit status is 1 if it has none."""
    logins = ctx.store.table(Logins).all(GIT)
    rows = [AuthRow(name, login.user) for name, login in logins.items() if host.lower() in ("", name)]
    if host and not rows:
        raise NotFound(f"there are no credentials for {host}", fix=f"Run 'git:auth {host} USER'.")
    return rows


@command("git:allow-host", access=Access.ADMIN)
def git_allow_host(ctx: Context, host: Host) -> None:
    """Trust the ssh server HOST, or HOST:PORT, with the host keys that it presents now; git:sync verifies them.

    Compare the printed fingerprints with those that the server's owner publishes.
    """
    keys = remote_credentials.allow_host(ctx, host)
    ctx.out.step(f"Trusted the host keys of {host}:")
    for key in keys:
        ctx.out.detail(f"{key.kind} {key.fingerprint}")


@command("git:generate-deploy-key", access=Access.ADMIN)
def git_generate_deploy_key(ctx: Context) -> None:
    """Create the key with which the server fetches over ssh. An existing key is kept."""
    if remote_credentials.generate_deploy_key(ctx):
        ctx.out.step("Created a deploy key; add its public half to the git server: 'git:public-key'")
    else:
        ctx.out.warning("A deploy key already exists; it is unchanged.")


@command("git:public-key", access=Access.DEPLOY)
def git_public_key(ctx: Context) -> str:
    """Print the public half of the deploy key, in the format of authorized_keys."""
    return remote_credentials.public_key(ctx)
