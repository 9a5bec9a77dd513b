"""Read a check from app.json or paas.yml."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from paas.core.containers import shell_line
from paas.core.health.checks import KINDS, LIVENESS, STARTUP, Check
from paas.core.schema import Reader, kind_of, show


def _path(reader: Reader, value: object, at: str) -> str:
    text = reader.text(value, at)
    if not text.startswith("/"):
        raise reader.wrong(at, "must start with '/'")
    if any(ord(letter) <= 32 or ord(letter) > 126 for letter in text):
        raise reader.wrong(at, "must not have spaces or non-ASCII characters", "Percent-encode them, as in %20.")
    return text


def _argv(reader: Reader, value: object, at: str) -> tuple[str, ...]:
    words = reader.sequence(value, at)
    if not words:
        raise reader.wrong(at, "must name at least a program")
    return tuple(reader.text(word, f"{at}[{number}]") for number, word in enumerate(words))


def _line_or_argv(reader: Reader, value: object, at: str) -> tuple[str, ...]:
    if isinstance(value, list):
        return _argv(reader, value, at)
    return tuple(shell_line.plain(reader.text(value, at)))


def _header(reader: Reader, name: object, value: object, at: str) -> tuple[str, str]:
    text = reader.text(name, at)
    if not all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in text):
        raise reader.wrong(at, f"{show(name)} is not a valid header name")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise reader.wrong(at, f"must be text, not {kind_of(value)}")
    content = str(value)
    if any(ord(letter) < 32 or ord(letter) > 255 for letter in content):
        raise reader.wrong(at, "has a character that is not allowed in a header")
    return text, content


def _header_list(reader: Reader, value: object, at: str) -> tuple[tuple[str, str], ...]:
    found = []
    for number, row in enumerate(reader.sequence(value, at)):
        pair = reader.mapping(row, f"{at}[{number}]")
        reader.known(pair, f"{at}[{number}]", ("name", "value"))
        found.append(_header(reader, pair.get("name"), pair.get("value"), f"{at}[{number}]"))
    return tuple(found)


def _header_mapping(reader: Reader, value: object, at: str) -> tuple[tuple[str, str], ...]:
    return tuple(_header(reader, name, text, f"{at}.{name}") for name, text in reader.mapping(value, at).items())


def _type(reader: Reader, value: object, at: str) -> str:
    if value not in KINDS:
        raise reader.wrong(at, f"must be one of {', '.join(KINDS)}, not {show(value)}")
    return str(value)


def _scheme(reader: Reader, value: object, at: str) -> None:
    if str(value).lower() != "http":
        raise reader.wrong(at, f"must be http, not {show(value)}", "nginx connects to the app over HTTP, too.")


_Read = Callable[[Reader, Any, str], Any]

_COMMON: dict[str, tuple[str, _Read]] = {
    "type": ("kind", _type),
    "name": ("name", Reader.text),
    "path": ("path", _path),
    "port": ("port", Reader.port),
    "content": ("content", Reader.text),
    "listening": ("listening", Reader.boolean),
    "uptime": ("uptime", Reader.positive),
    "attempts": ("attempts", lambda reader, value, at: reader.number(value, at, 1, 1000)),
    "timeout": ("timeout", Reader.positive),
    "wait": ("wait", Reader.positive),
    "warn": ("warn", Reader.boolean),
}

JSON_FIELDS: dict[str, tuple[str, _Read]] = {
    **_COMMON,
    "command": ("command", _argv),
    "httpHeaders": ("headers", _header_list),
    "initialDelay": ("initial_delay", Reader.seconds),
    "scheme": ("", _scheme),
    "onFailure": ("", lambda reader, value, at: None),
}
"""Fields of a check in app.json: the field of `Check`, and the function that reads it."""

YAML_FIELDS: dict[str, tuple[str, _Read]] = {
    **_COMMON,
    "command": ("command", _line_or_argv),
    "headers": ("headers", _header_mapping),
    "initial-delay": ("initial_delay", Reader.seconds),
}
"""Fields of a check in paas.yml."""


def check(reader: Reader, raw: object, at: str, fields: Mapping[str, tuple[str, _Read]]) -> Check:
    """Read the check at the place ``at``; ``fields`` are `JSON_FIELDS` or `YAML_FIELDS`."""
    said = reader.mapping(raw, at)
    reader.known(said, at, tuple(fields))
    values = {}
    for key, value in said.items():
        name, read = fields[key]
        parsed = read(reader, value, f"{at}.{key}")
        if name:
            values[name] = parsed
    made = Check(**{"kind": STARTUP, **values})

    looked_at = [key for key in ("command", "uptime", "listening", "path") if said.get(key)]
    if len(looked_at) > 1:
        raise reader.wrong(at, f"has both {looked_at[0]} and {looked_at[1]}", "Write two checks.")
    request = [key for key in ("content", "headers", "httpHeaders") if key in said]
    if request and not made.is_http:
        raise reader.wrong(f"{at}.{request[0]}", f"can't be used with {looked_at[0]}")
    if made.kind == LIVENESS and made.uptime:
        raise reader.wrong(f"{at}.uptime", "can't be used with the type liveness")
    return made
