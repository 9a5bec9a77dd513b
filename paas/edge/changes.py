"""Changes of what an app has at the edge, each refused before anything changes where it makes no sense."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from paas.core.edge import items
from paas.core.edge.items import ACCESS, HEADER, MAINTENANCE, ROUTE, SNIPPET, USER, RouteTarget, Texts
from paas.core.edge.rules import Header, Maintenance, Snippet
from paas.core.errors import InvalidValue, NotFound, UsageError
from paas.core.model import WEB, App
from paas.core.secret import Secret
from paas.edge import password, publish
from paas.jobs.context import Context


def change(ctx: Context, app: App, kind: str, edit: Callable[[dict[str, str]], Mapping[str, str]]) -> bool:
    """Makes what ``edit`` returns the app's texts of the kind, and publishes it; False if nothing is different.

    If it makes no sense or the proxy refuses it, it is taken back; what others changed at the same time stays.
    """
    changed = _record(ctx, app, kind, edit)
    if changed is None:
        return False
    before, after = changed
    publish.or_undo(ctx, app, lambda: _take_back(ctx, app, kind, before, after))
    return True


def _record(
    ctx: Context, app: App, kind: str, edit: Callable[[dict[str, str]], Mapping[str, str]]
) -> tuple[Texts, Texts] | None:
    """The texts before and after the change, which is recorded; None if nothing is different."""
    with ctx.store.transaction():
        before = ctx.store.edge.of(app, kind)
        after = dict(edit(dict(before)))
        if list(after.items()) == list(before.items()):
            return None
        ctx.store.edge.replace(app, kind, after)
        # What can't be served is not recorded, so that nobody else's change of the app is published together with it.
        publish.current(ctx, app)
    return before, after


def _take_back(ctx: Context, app: App, kind: str, before: Texts, after: Texts) -> None:
    with ctx.store.transaction():
        ctx.store.edge.replace(app, kind, items.undone(ctx.store.edge.of(app, kind), before, after))


def remove(ctx: Context, app: App, kind: str, names: Iterable[str], what: str) -> None:
    """Removes texts of a kind; refuses one that is not there, and then removes none."""
    wanted = list(names)

    def without(present: dict[str, str]) -> Mapping[str, str]:
        for name in wanted:
            if name not in present:
                known = ", ".join(present) or "none"
                raise NotFound(f"{app.name} has no {what} {name}", why=f"It has: {known}", code="not-found")
        return {name: text for name, text in present.items() if name not in wanted}

    change(ctx, app, kind, without)


def set_header(ctx: Context, app: App, name: str, value: str) -> None:
    """Every response gets it from now on, in place of one of that name."""
    header = Header(name, value)

    def added(present: dict[str, str]) -> Mapping[str, str]:
        others = {key: text for key, text in present.items() if key.lower() != name.lower()}
        return {**others, header.name: header.value}

    change(ctx, app, HEADER, added)


def set_access(ctx: Context, app: App, networks: Sequence[str], action: str) -> None:
    """Has the networks allowed or denied, after the rules that are there; one that is there already changes."""

    def added(present: dict[str, str]) -> Mapping[str, str]:
        kept = {network: text for network, text in present.items() if network not in networks}
        return {**kept, **dict.fromkeys(networks, action)}

    change(ctx, app, ACCESS, added)


def set_user(ctx: Context, app: App, name: str, secret: Secret) -> None:
    """Lets somebody in with this password, and nobody without one."""
    hashed = password.hashed(secret)
    change(ctx, app, USER, lambda present: {**present, name: hashed})


def set_maintenance(ctx: Context, app: App, message: str, allow: Sequence[str]) -> None:
    """Shows the page to everyone but these networks."""
    wanted = Maintenance(message, tuple(allow))
    texts = {"message": wanted.message, "allow": " ".join(wanted.allow)}
    change(ctx, app, MAINTENANCE, lambda present: texts)


def end_maintenance(ctx: Context, app: App) -> bool:
    """Serves the app again; False if it was served."""
    return change(ctx, app, MAINTENANCE, lambda present: {})


def set_snippet(ctx: Context, app: App, name: str, text: str) -> None:
    """Adds the text to the server block of the app, once nginx took it."""
    snippet = Snippet(name, text)
    # Only nginx can tell whether it is right: until then nobody else's change is published together with it.
    with publish.turn(ctx, app):
        changed = _record(ctx, app, SNIPPET, lambda present: {**present, snippet.name: snippet.text})
        if changed is None:
            return
        try:
            publish.publish_current(ctx, app)
        except Exception:
            _take_back(ctx, app, SNIPPET, *changed)
            raise


def add_route(ctx: Context, app: App, prefix: str, where: str, *, strip: bool) -> None:
    """Leads what is below the prefix to a process type of this app (``api``) or of another one (``other:api``)."""
    name, process_type = items.typed_target(where)
    owner = ctx.store.apps.get(name) if name else app
    target = RouteTarget(0 if owner.id == app.id else owner.id, process_type, strip)
    if not target.app_id and process_type == WEB and not strip:
        raise InvalidValue(
            f"{prefix} goes to web already", why="Everything does for which there is no route.", code="invalid-route"
        )
    current = ctx.store.releases.current(owner)
    process = current.process(process_type) if current else None
    if current and process is None:
        types = ", ".join(one.type for one in current.processes)
        what = f"{owner.name} has no process type {process_type}"
        raise NotFound(what, why=f"It has: {types}", code="no-such-process")
    if process and process.port is None:
        raise InvalidValue(
            f"{process_type} of {owner.name} takes no requests",
            fix=f"Say on which port it listens, in paas.yml: processes.{process_type}.port",
            code="no-port",
        )
    change(ctx, app, ROUTE, lambda present: {**present, prefix: target.text})


def read_password(text: str) -> Secret:
    """The password from the first line of what was sent; `UsageError` without one."""
    line = text.partition("\n")[0].rstrip("\r")
    if not line:
        raise UsageError(
            "there is no password", fix="Send it on standard input, as in: auth:add APP USER < password.txt"
        )
    if len(line) > 200 or not line.isprintable():
        raise InvalidValue("the password cannot be used", why="It is one line of 1 to 200 printable characters.")
    return Secret(line)
