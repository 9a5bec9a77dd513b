"""The kinds of arguments that commands share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from paas.commands.declare import Arg
from paas.commands.invocation import Invocation
from paas.core import names, properties, settings, values
from paas.core.access.caller import Access
from paas.core.apps import environment
from paas.core.edge.hosts import host_name
from paas.core.errors import InvalidValue, PaasError
from paas.core.model import App as AppModel
from paas.core.sandboxes import MAX_COUNT
from paas.jobs.context import Context


def _app(ctx: Context, text: str) -> AppModel:
    return ctx.store.apps.get(text)


def _apps(ctx: Context) -> Iterable[str]:
    return [app.name for app in ctx.store.apps.all()]


def _is_host(ctx: Context, text: str) -> bool:
    # An app may be called like a host; then it is meant.
    return bool(set(text) & set(".:/")) and ctx.store.apps.find(text) is None


def _version(ctx: Context, text: str) -> int:
    digits = text.removeprefix("v")
    if not digits.isdecimal():
        raise InvalidValue(f"{text!r} is not a release", why="A release is written as v3 or 3.", code="invalid-release")
    return int(digits)


def _role(ctx: Context, text: str) -> str:
    roles = [access.name.lower() for access in Access]
    if text not in roles:
        raise InvalidValue(f"{text!r} is not a role", why=f"A role is one of {', '.join(roles)}.", code="invalid-role")
    return text


def _lines(ctx: Context, text: str) -> int:
    if not text.isdecimal() or int(text) > 1_000_000:
        raise InvalidValue(f"{text!r} is not a number of lines", why="The range is 0 to 1000000.")
    return int(text)


def _export_format(ctx: Context, text: str) -> str:
    if text not in environment.FORMATS:
        raise InvalidValue(f"{text!r} is not a format", why=f"A format is one of {', '.join(environment.FORMATS)}.")
    return text


def _log_format(ctx: Context, text: str) -> str:
    if text not in ("text", "json"):
        raise InvalidValue(f"{text!r} is not a format", why="A format is text or json.")
    return text


def domain(ctx: Context, text: str) -> str:
    """Return the normalized domain name."""
    return host_name(text)


def app_names(ctx: Context) -> Iterable[str]:
    """Return the names of all apps."""
    return _apps(ctx)


def pair(ctx: Context, text: str) -> tuple[str, str]:
    """Parse a variable and its value."""
    return environment.pair(text)


def process_types(ctx: Context, app: AppModel) -> list[str]:
    """Return the process types of the current release."""
    release = ctx.store.releases.current(app)
    return [process.type for process in release.processes] if release else []


def _longest_line(ctx: Context, text: str) -> int:
    return int(values.size("1", "8m").read("--cut", text))


def _releases(ctx: Context, app: AppModel) -> list[str]:
    return [f"v{release.version}" for release in ctx.store.releases.summaries(app)]


def _keys(ctx: Context, app: AppModel) -> list[str]:
    return list(ctx.store.config.all(app))


App = Annotated[AppModel, Arg("APP", _app, _apps, app=True)]
Scope = Annotated[AppModel | None, Arg("APP", _app, _apps, scope=True, app=True)]
AdminScope = Annotated[AppModel | None, Arg("APP", _app, _apps, scope=True, shared=Access.ADMIN, app=True)]
ScopeBeforeHost = Annotated[
    AppModel | None, Arg("APP", _app, _apps, scope=True, shared=Access.ADMIN, app=True, left_out=_is_host)
]
NewName = Annotated[str, Arg("NAME", lambda ctx, text: names.app_name(text))]
AnyName = Annotated[str, Arg("APP", complete=_apps)]
Version = Annotated[int, Arg("VERSION", _version, of_app=_releases)]
ProcessType = Annotated[str, Arg("TYPE", of_app=process_types)]
KeyName = Annotated[str, Arg("NAME", lambda ctx, text: names.key_name(text))]
Role = Annotated[str, Arg("ROLE", _role, choices=[access.name.lower() for access in Access])]
Lines = Annotated[int, Arg("N", _lines, short="n")]
Pair = Annotated[tuple[str, str], Arg("KEY=VALUE", pair)]
Variable = Annotated[str, Arg("KEY", lambda ctx, text: names.variable(text), of_app=_keys)]
ExportFormat = Annotated[str, Arg("FORMAT", _export_format, choices=tuple(environment.FORMATS))]
LongestLine = Annotated[int, Arg("SIZE", _longest_line)]
LogFormat = Annotated[str, Arg("text|json", _log_format, choices=("text", "json"))]
Domain = Annotated[str, Arg("DOMAIN", domain)]
Setting = Annotated[str, Arg("KEY", choices=[row.key for row in settings.SETTINGS])]
Selected = Annotated[str, Arg("KEY", select=True)]


LockTime = Annotated[float, Arg("DURATION", lambda ctx, text: values.duration("1s", "365d").read("--for", text))]


def _count(ctx: Context, text: str) -> int:
    return int(values.integer(1, MAX_COUNT).read("--count", text))


Count = Annotated[int | None, Arg("N", _count)]


def property_key(namespace: str) -> Any:
    """Return the argument for the name of a property of that namespace."""
    return Annotated[str, Arg("KEY", choices=[row.key for row in properties.of(namespace)])]


def input_chunks(invocation: Invocation) -> Iterator[bytes]:
    """Yield the standard input as it comes."""
    return iter(lambda: invocation.stdin.recv(65536), b"")


INPUT_LIMIT = 1 << 20


def read_input(invocation: Invocation, limit: int = INPUT_LIMIT) -> str:
    """Return the whole standard input as text. Raise an error if it is not UTF-8 or longer than ``limit`` bytes."""
    try:
        return read_bytes(invocation, limit).decode()
    except UnicodeDecodeError as error:
        raise InvalidValue("the input is not UTF-8 text", why=str(error), code="input-not-text") from error


def read_bytes(invocation: Invocation, limit: int = INPUT_LIMIT) -> bytes:
    """Return the whole standard input. Raise an error if it is longer than ``limit`` bytes."""
    data = bytearray()
    while chunk := invocation.stdin.recv(65536):
        data += chunk
        if len(data) > limit:
            raise InvalidValue(f"the input is longer than {limit} bytes", code="input-too-long")
    return bytes(data)


def read_password(invocation: Invocation) -> str:
    """Read a password from standard input, without the end of its line. Raise an error for an empty one."""
    password = read_input(invocation, 1 << 16).removesuffix("\n").removesuffix("\r")
    if not password or not password.isprintable():
        raise InvalidValue(
            "no password on standard input",
            why="A password is one line of printable characters.",
            fix="For instance: paas … < FILE",
            code="no-password",
        )
    return password


def confirm(ctx: Context, invocation: Invocation, name: str, doing: str, *, force: bool) -> None:
    """Continue only with ``--force``, or once the name was typed in full."""
    if force:
        return
    ctx.out.warning(f"WARNING: {doing}. This cannot be undone.")
    ctx.out.warning(f"To continue, type {name!r}, or run the command with --force.")
    typed = bytearray()
    while not typed.endswith((b"\n", b"\r")) and (chunk := invocation.stdin.recv(1)):
        typed += chunk
    if typed.decode("utf-8", "replace").strip() != name:
        raise PaasError("nothing was done: the name was not confirmed", code="not-confirmed")
