"""Change the edge settings of an app. An invalid change is refused before anything is recorded."""

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
    """Replace the app's texts of the kind with what ``edit`` returns, and publish them. Return False if equal.

    Undo the change if it is invalid or the proxy refuses it; concurrent changes of others stay.
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
    """Record the change and return the texts before and after; None if nothing is different."""
    with ctx.store.transaction():
        before = ctx.store.edge.of(app, kind)
        after = dict(edit(dict(before)))
        if list(after.items()) == list(before.items()):
            return None
        ctx.store.edge.replace(app, kind, after)
        # Raises if it can't be served: then nothing is recorded that another change of the app would publish.
        publish.current(ctx, app)
    return before, after


def _take_back(ctx: Context, app: App, kind: str, before: Texts, after: Texts) -> None:
    with ctx.store.transaction():
        ctx.store.edge.replace(app, kind, items.undone(ctx.store.edge.of(app, kind), before, after))


def remove(ctx: Context, app: App, kind: str, names: Iterable[str], what: str) -> None:
    """Remove texts of a kind. If one of them does not exist, raise `NotFound` and remove none."""
    wanted = list(names)

    def without(present: dict[str, str]) -> Mapping[str, str]:
        for name in wanted:
            if name not in present:
                known = ", ".join(present) or "none"
                raise NotFound(f"{app.name} has no {what} {name}", why=f"It has: {known}", code="not-found")
        return {name: text for name, text in present.items() if name not in wanted}

    change(ctx, app, kind, without)


def set_header(ctx: Context, app: App, name: str, value: str) -> None:
    """Add the header to every response, replacing one of that name in any case."""
    header = Header(name, value)

    def added(present: dict[str, str]) -> Mapping[str, str]:
        others = {key: text for key, text in present.items() if key.lower() != name.lower()}
        return {**others, header.name: header.value}

    change(ctx, app, HEADER, added)


def set_access(ctx: Context, app: App, networks: Sequence[str], action: str) -> None:
    """Allow or deny the networks, after the existing rules; an existing rule keeps its place."""

    def added(present: dict[str, str]) -> Mapping[str, str]:
        kept = {network: text for network, text in present.items() if network not in networks}
        return {**kept, **dict.fromkeys(networks, action)}

    change(ctx, app, ACCESS, added)


def set_user(ctx: Context, app: App, name: str, secret: Secret) -> None:
    """Add a user with this password. From the first user on, the app asks for a password."""
    hashed = password.hashed(secret)
    change(ctx, app, USER, lambda present: {**present, name: hashed})


def set_maintenance(ctx: Context, app: App, message: str, allow: Sequence[str]) -> None:
    """Serve the maintenance page to all clients except those of the networks ``allow``."""
    wanted = Maintenance(message, tuple(allow))
    texts = {"message": wanted.message, "allow": " ".join(wanted.allow)}
    change(ctx, app, MAINTENANCE, lambda present: texts)


def end_maintenance(ctx: Context, app: App) -> bool:
    """Serve the app again. Return False if it was not in maintenance."""
    return change(ctx, app, MAINTENANCE, lambda present: {})


def set_snippet(ctx: Context, app: App, name: str, text: str) -> None:
    """Add the text to the server block of the app, provided that nginx accepts it."""
    snippet = Snippet(name, text)
    # Only nginx can tell whether it is valid; until then no other change may be published together with it.
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
    """Route requests below the prefix to a process type of this app (``api``) or of another one (``other:api``)."""
    name, process_type = items.typed_target(where)
    owner = ctx.store.apps.get(name) if name else app
    target = RouteTarget(0 if owner.id == app.id else owner.id, process_type, strip)
    if not target.app_id and process_type == WEB and not strip:
        raise InvalidValue(
            f"{prefix} goes to web already", why="web receives all requests that match no route.", code="invalid-route"
        )
    current = ctx.store.releases.current(owner)
    process = current.process(process_type) if current else None
    if current and process is None:
        types = ", ".join(one.type for one in current.processes)
        what = f"{owner.name} has no process type {process_type}"
        raise NotFound(what, why=f"It has: {types}", code="no-such-process")
    if process and process.port is None:
        raise InvalidValue(
            f"{process_type} of {owner.name} accepts no requests",
            fix=f"Set the port it listens on in paas.yml: processes.{process_type}.port",
            code="no-port",
        )
    change(ctx, app, ROUTE, lambda present: {**present, prefix: target.text})


def read_password(text: str) -> Secret:
    """Return the first line of the input as a password. Raise `UsageError` if it is empty."""
    line = text.partition("\n")[0].rstrip("\r")
    if not line:
        raise UsageError(
            "missing password", fix="Send it on standard input, as in: auth:add APP USER < password.txt"
        )
    if len(line) > 200 or not line.isprintable():
        raise InvalidValue("invalid password", why="A password is one line of 1 to 200 printable characters.")
    return Secret(line)
