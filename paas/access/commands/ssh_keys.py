"""``ssh-keys:*``: SSH keys that may log in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from paas.access import keys
from paas.commands import arguments as args
from paas.commands.declare import Arg, Stdin, command
from paas.commands.invocation import Invocation
from paas.core.access.caller import Access
from paas.core.errors import UsageError
from paas.core.times import timestamp
from paas.jobs.context import Context
from paas.store.values import Keys


@dataclass(frozen=True)
class KeyRow:
    """Row of ``ssh-keys:list``."""

    name: str
    role: str
    fingerprint: str
    type: str
    comment: str
    created_at: str


@command("ssh-keys:add", access=Access.ADMIN, stdin=Stdin.TEXT)
def ssh_keys_add(
    ctx: Context,
    name: args.KeyName,
    source: Annotated[str, Arg("-")] = "-",
    *,
    role: args.Role = "deploy",
    invocation: Invocation,
) -> None:
    """Add a public key, read from standard input, under a name.

    The role decides what it may do: view (read only), deploy (all but the server's settings and keys), admin (all).
    """
    if source != "-":
        raise UsageError("ssh-keys:add reads standard input", fix=f"Run: ssh-keys:add {name} < FILE")
    key = keys.add(ctx, name, args.read_input(invocation), role)
    ctx.out.step(f"Added {key.name} ({key.fingerprint}) with the role {key.role}")


@command("ssh-keys:list", access=Access.ADMIN)
def ssh_keys_list(ctx: Context, name: Annotated[str, Arg("NAME")] = "") -> list[KeyRow]:
    """List the keys that may log in, or the one with that name."""
    return [
        KeyRow(key.name, key.role, key.fingerprint, key.kind, key.comment, timestamp(key.created_at))
        for key in ctx.store.table(Keys).all()
        if name in ("", key.name)
    ]


@command("ssh-keys:remove", access=Access.ADMIN)
def ssh_keys_remove(
    ctx: Context, name: Annotated[str, Arg("NAME")] = "", *, fingerprint: Annotated[str, Arg("FINGERPRINT")] = ""
) -> None:
    """Remove a key by name or fingerprint, and close its open connections. Running deployments continue."""
    if bool(name) == bool(fingerprint):
        raise UsageError("ssh-keys:remove takes a name, or --fingerprint SHA256:…")
    key = keys.remove(ctx, name=name, fingerprint=fingerprint)
    ctx.out.step(f"Removed {key.name} ({key.fingerprint})")
