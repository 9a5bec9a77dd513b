"""``config:*``: configuration variables of an app, or global ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from paas.apps import config
from paas.commands import arguments as args
from paas.commands.declare import Arg, Stdin, command
from paas.commands.invocation import Invocation
from paas.commands.render import Text
from paas.core.access.caller import Access
from paas.core.apps import environment
from paas.core.errors import NotFound, UsageError
from paas.core.model import App
from paas.core.secret import Secret
from paas.jobs.context import Context


def _clear(values: Mapping[str, Secret]) -> dict[str, str]:
    return {key: secret.reveal() for key, secret in values.items()}


def _values(ctx: Context, app: App | None, merged: bool) -> dict[str, str]:
    shared = _clear(ctx.store.config.all(None)) if merged else {}
    return shared | _clear(ctx.store.config.all(app))


def _shown(ctx: Context, app: App | None, merged: bool) -> Text:
    values = _values(ctx, app, merged)
    return Text(environment.render(values, "pretty"), values)


def _edit(ctx: Context, app: App | None, modify: config.Edit, cause: str, no_restart: bool) -> None:
    release = config.edit(ctx, app, modify, cause=cause, restart=not no_restart)
    if release is not None:
        return
    if app is None:
        ctx.out.detail("Saved. Takes effect for each app at its next release ('ps:restart --all' does it now).")
    elif no_restart and app.version is not None:
        ctx.out.detail(f"Saved. Takes effect at the next release ('ps:restart {app.name}').")


@command("config", access=Access.DEPLOY, unlocked=True)
def config_(ctx: Context, app: args.Scope, *, merged: bool = False) -> Text:
    """Show all variables of an app, or the global ones; --merged shows both as the app sees them."""
    return _shown(ctx, app, merged)


@command("config:show", access=Access.DEPLOY, unlocked=True)
def config_show(ctx: Context, app: args.Scope, *, merged: bool = False) -> Text:
    """Show all variables of an app, or the global ones; --merged shows both as the app sees them."""
    return _shown(ctx, app, merged)


@command("config:get", access=Access.DEPLOY, unlocked=True)
def config_get(ctx: Context, app: args.Scope, key: args.Variable, *, quoted: bool = False) -> Text | str:
    """Print the value of one variable; --quoted: quoted for a shell. Exit status 1 if it is not set."""
    values = _clear(ctx.store.config.all(app))
    if key not in values:
        raise NotFound(f"{key} is not set", fix="'config:keys' lists the variables.", code="no-such-variable")
    if not quoted:
        return values[key]
    return Text(environment.render({key: values[key]}, "exports").partition("=")[2], values[key])


@command("config:keys", access=Access.VIEW)
def config_keys(ctx: Context, app: args.Scope, *, merged: bool = False) -> list[str]:
    """List the names of the variables, without their values."""
    return sorted(_values(ctx, app, merged))


@command("config:set", access=Access.DEPLOY)
def config_set(
    ctx: Context, app: args.AdminScope, *pairs: args.Pair, no_restart: bool = False, encoded: bool = False
) -> None:
    """Set variables and release them.

    A running app gets a new release with new containers; if that fails, the variables keep their values. --no-restart
    saves them for the next release. --encoded takes the values as base64. Other users of the machine may see the words
    of a command ('ps'): use config:import for secrets.
    """
    if not pairs:
        raise UsageError("config:set: KEY=VALUE is missing", fix="Write for instance: config:set APP GREETING=hello")
    decoded = [environment.decode(key, value) if encoded else (key, value) for key, value in pairs]
    wanted = {key: Secret(value) for key, value in decoded}
    cause = f"config:set {environment.masked(wanted)}"
    _edit(ctx, app, lambda values: {**values, **wanted}, cause, no_restart)


@command("config:unset", access=Access.DEPLOY)
def config_unset(ctx: Context, app: args.AdminScope, *keys: args.Variable, no_restart: bool = False) -> None:
    """Unset variables and release the change. Names that are not set are ignored."""
    if not keys:
        raise UsageError("config:unset: KEY is missing", fix="'config:keys' lists the set variables.")
    cause = f"config:unset {environment.masked(keys)}"
    _edit(ctx, app, lambda values: {k: v for k, v in values.items() if k not in keys}, cause, no_restart)


@command("config:clear", access=Access.DEPLOY)
def config_clear(ctx: Context, app: args.AdminScope, *, no_restart: bool = False) -> None:
    """Unset all variables and release the change."""
    _edit(ctx, app, lambda values: {}, "config:clear", no_restart)


@command("config:export", access=Access.DEPLOY, unlocked=True)
def config_export(
    ctx: Context, app: args.Scope, *, format: args.ExportFormat = "exports", merged: bool = False
) -> Text:
    """Print all variables as text that another program reads.

    The formats are exports (the default, for a shell), envfile, shell (one line), docker-args, json, json-list,
    pretty, and docker-args-keys and pack-keys, which have the names only.
    """
    return Text(environment.render(_values(ctx, app, merged), format))


@command("config:import", access=Access.DEPLOY, stdin=Stdin.TEXT)
def config_import(
    ctx: Context,
    app: args.AdminScope,
    source: Annotated[str, Arg("-")] = "-",
    *,
    no_restart: bool = False,
    replace: bool = False,
    invocation: Invocation,
) -> None:
    """Set variables from an env file or JSON on standard input; --replace unsets all others."""
    if source != "-":
        raise UsageError("config:import reads standard input", fix="Run: config:import APP - < FILE")
    values = environment.parse_envfile(args.read_input(invocation))
    wanted = {key: Secret(value) for key, value in values.items()}
    cause = f"config:import {environment.masked(wanted)}"
    _edit(ctx, app, lambda before: dict(wanted) if replace else {**before, **wanted}, cause, no_restart)
