"""``whoami``: name and role of the caller."""

from __future__ import annotations

from dataclasses import dataclass

from paas.commands.declare import command
from paas.core.access.caller import Access
from paas.jobs.context import Context


@dataclass(frozen=True)
class Who:
    """Result of ``whoami``. ``via`` is ``local``, ``ssh`` or ``http``."""

    name: str
    role: str
    via: str


@command("whoami", access=Access.VIEW)
def whoami(ctx: Context) -> Who:
    """Show the name of your key, token or local account, and its role."""
    return Who(ctx.caller.name, ctx.caller.access.name.lower(), ctx.caller.via)
