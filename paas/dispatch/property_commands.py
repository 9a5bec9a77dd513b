"""``<namespace>:set`` and ``<namespace>:report`` for every namespace that has properties."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from paas.apps.properties import change
from paas.commands import arguments as args
from paas.commands.declare import COMMANDS, Arg, add
from paas.commands.render import Report, Reports
from paas.commands.report import EVERY, reports
from paas.core import properties
from paas.core.access.caller import Access
from paas.core.model import App
from paas.jobs.context import Context
from paas.jobs.feature import Facts

Extra = Callable[[Context, App], Facts]

SETTERS = {"buildpacks": "set-property"}
"""Commands that set properties, where ``…:set`` is another command."""

def _report(ctx: Context, namespace: str, facts: Extra | None, app: App | None) -> Report:
    values = ctx.store.properties.of(app).report(namespace)
    if app is None:
        shared = {key: value for key, value in values.items() if key.startswith(("global-", "computed-"))}
        return Report("Global", namespace, shared)
    extra = facts(ctx, app) if facts else {}
    return Report(app.name, namespace, {**extra, **values})


def declare(namespace: str, facts: Extra | None) -> None:
    """Declare both commands of the namespace, unless they are there; the report begins with the facts."""
    if f"{namespace}:report" in COMMANDS:
        return

    def set_(
        ctx: Context,
        app: args.AdminScope,
        key: args.property_key(namespace),  # type: ignore[valid-type]  # made for each namespace
        value: Annotated[str, Arg("VALUE")] = "",
    ) -> None:
        change(ctx, app, namespace, key, value)
        row = properties.find(namespace, key)
        ctx.out.step(f"{'Set' if value else 'Unset'} {row.name}" + (f" to {value}" if value else ""))

    def report(ctx: Context, app: args.Scope | str = EVERY, *, key: args.Selected = "") -> Report | Reports | str:
        return reports(ctx, app, key, lambda one: _report(ctx, namespace, facts, one))

    keys = "\n".join(f"  {row.key}: {row.help} (default: {row.default or 'none'})" for row in properties.of(namespace))
    summary = "Set a property of an app, or with --global for all apps; an empty value unsets it."
    set_.__doc__ = f"{summary}\n\nThe properties are:\n\n{keys}"
    report.__doc__ = f"Show the {namespace} properties of an app, or of every app: own, global and computed values."
    # The annotations are made for this namespace; names of the enclosing scope can't be looked up again later.
    set_.__annotations__["key"] = args.property_key(namespace)
    add(f"{namespace}:{SETTERS.get(namespace, 'set')}", set_, access=Access.DEPLOY)
    add(f"{namespace}:report", report, access=Access.VIEW)
