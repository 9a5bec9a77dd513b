"""Commands of the server itself: settings, version, host keys and stack images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import paas
from paas.builders import stack_image
from paas.commands import arguments as args
from paas.commands.declare import Arg, command
from paas.core import settings as declared
from paas.core.access.caller import Access
from paas.edge import dashboard, domains
from paas.jobs.context import Context
from paas.server import host_keys


@dataclass(frozen=True)
class SettingRow:
    """Row of ``settings``."""

    key: str
    value: str
    source: str
    help: str


@command("settings", access=Access.ADMIN)
def settings(ctx: Context) -> list[SettingRow]:
    """List the server's settings with their sources and descriptions."""
    now = ctx.settings.current()
    return [SettingRow(row.key, now.raw(row.key), now.source(row.key), row.help) for row in declared.SETTINGS]


@command("settings:set", access=Access.ADMIN)
def settings_set(ctx: Context, key: args.Setting, value: Annotated[str, Arg("VALUE")] = "") -> None:
    """Set one of the server's settings in its paas.yml; an empty value restores the default."""
    if key == dashboard.SETTING:
        domains.move_dashboard(ctx, value)
        found = dashboard.hosts(ctx)
        ctx.out.step(f"The dashboard is at {dashboard.url(ctx)}" if found else "The dashboard is turned off")
        return
    ctx.settings.set(key, value)
    if ctx.settings.current().source(key) == "flag":
        ctx.out.warning(f"The server was started with --{key}, which overrides the file.")
    elif declared.find(key).restart:
        ctx.out.detail("Saved. Takes effect at the next start of the server.")


@command("version", access=Access.VIEW)
def version(ctx: Context) -> str:
    """Print the version of the server."""
    return f"paas {paas.__version__}"


@command("host-keys:accept", access=Access.ADMIN)
def host_keys_accept(ctx: Context) -> None:
    """Accept the server's changed SSH host keys, so that 'doctor' no longer reports them."""
    for kind, fingerprint in host_keys.accept(ctx).items():
        ctx.out.step(f"{kind}: {fingerprint}")


@command("stack:build", access=Access.ADMIN)
def stack_build(ctx: Context, *, suite: Annotated[str, Arg("SUITE")] = "") -> None:
    """Build the stack image paas/stack:SUITE, on which apps can be built, if it does not exist."""
    name = stack_image.ensure(ctx, suite)
    ctx.out.step(f"The stack image {name} exists")
