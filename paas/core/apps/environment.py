"""Configuration variables: reading them from text, merging them, and writing them out."""

from __future__ import annotations

import base64
import binascii
import json
import re
import shlex
from collections.abc import Iterable, Mapping

from paas.core import names
from paas.core.errors import InvalidValue
from paas.core.model import Process
from paas.core.secret import Secret

RESERVED = ("DYNO", "PAAS_APP", "PAAS_RELEASE", "PAAS_PROCESS_TYPE")
FORMATS = ("exports", "envfile", "shell", "json", "json-list", "pretty", "docker-args", "docker-args-keys", "pack-keys")
MAX_VARIABLE = 128 * 1024 - 1
"""Limit in bytes of ``KEY=VALUE``. The kernel allows 128 KiB with the final NUL byte: execve(2)."""
MAX_ALL = 2_048 * 1024 - 2 * 128 * 1024
"""Limit in bytes of all variables of a process.

The kernel allows a quarter of an 8 MiB stack for them and the command line; the rest is reserved for variables of the
image and the platform.
"""
POINTER = 8


def pair(text: str) -> tuple[str, str]:
    """Split ``KEY=VALUE``. The value may be empty and may contain ``=``."""
    key, equals, value = text.partition("=")
    if not equals:
        raise InvalidValue(
            f"{text!r} is not of the form KEY=VALUE",
            fix="Write for instance GREETING=hello, and quote values with spaces.",
            code="invalid-variable",
        )
    return check(key, value)


def check(key: str, value: str) -> tuple[str, str]:
    """Return the pair. Raise `InvalidValue` for a reserved name, a NUL byte, or more than 128 KiB."""
    names.variable(key)
    if key in RESERVED:
        raise InvalidValue(
            f"{key} is set by the platform",
            why=f"Each container gets its own {key}.",
            fix="Choose another name.",
            code="reserved-variable",
        )
    if "\0" in value:
        raise InvalidValue(f"the value of {key} has a NUL byte, which no environment can hold", code="invalid-variable")
    if (size := _bytes(key, value)) > MAX_VARIABLE:
        raise InvalidValue(
            f"{key} has {size} bytes with its name, more than a variable can have",
            why=f"The kernel starts no program with a variable of more than {MAX_VARIABLE} bytes.",
            fix="Put large data into a file of the app, or into its storage.",
            code="invalid-variable",
        )
    return key, value


def _bytes(key: str, value: str) -> int:
    return len(f"{key}={value}".encode())


def check_all(values: Mapping[str, Secret]) -> None:
    """Raise `InvalidValue` for more variables than a process can be started with."""
    size = sum(_bytes(key, value.reveal()) + 1 + POINTER for key, value in values.items())
    if size > MAX_ALL:
        raise InvalidValue(
            f"the variables have {size} bytes together, more than a process can be given",
            why=f"The kernel starts no program with more than 2 MiB of them; the app's and the global ones may have "
            f"{MAX_ALL} bytes of that.",
            fix="Unset some, or put large data into a file of the app.",
            code="too-many-variables",
        )


def decode(key: str, value: str) -> tuple[str, str]:
    """Return the pair with its value decoded from base64, for values that are hard to quote."""
    try:
        return check(key, base64.b64decode(value, validate=True).decode())
    except (binascii.Error, UnicodeDecodeError) as error:
        raise InvalidValue(
            f"the value of {key} is not base64 of UTF-8 text ({error})",
            fix="Encode it with 'base64 -w0', or leave --encoded out.",
            code="invalid-encoding",
        ) from error


def parse_envfile(text: str) -> dict[str, str]:
    """Parse an env file: ``KEY=VALUE`` lines with an optional ``export``, shell quotes, blank lines and comments.

    Raise `InvalidValue` naming the line. An invalid file changes nothing.
    """
    if text.lstrip().startswith("{"):
        return _parse_json(text)

    values: dict[str, str] = {}
    lexer = re.compile(r"\s*(?:export\s+)?(\S[^=\n]*)=")
    # Not splitlines(): it also splits at other characters, which may be part of a value.
    lines = iter(enumerate(text.split("\n"), 1))
    for number, line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = lexer.match(line)
        if not match:
            raise InvalidValue(f"line {number}: {line.strip()[:60]!r} is not KEY=VALUE", code="invalid-envfile")
        raw = line[match.end() :].lstrip()
        while True:
            try:
                value, *more = _unquote(raw)
                break
            except ValueError:
                # An open quote continues on the next line, as in a shell.
                following = next(lines, None)
                if following is None:
                    raise InvalidValue(f"line {number}: a quote is not closed", code="invalid-envfile") from None
                raw = f"{raw}\n{following[1]}"
        for word in (f"{match[1].strip()}={value}", *more):
            if not lexer.match(word):
                raise InvalidValue(
                    f"line {number}: {word[:60]!r} stands after a value in quotes, and is not KEY=VALUE",
                    why="A value in quotes ends with them; several variables may follow each other in one line.",
                    code="invalid-envfile",
                )
            key, _, text_of_it = word.partition("=")
            values.update([check(key, text_of_it)])
    return values


def _unquote(raw: str) -> list[str]:
    """Return the value, and the words that follow a quoted value on its line."""
    if raw.startswith("$'") and "\\" in raw:
        raise InvalidValue(
            "a value is written as $'…', with backslashes in it",
            why="Only some shells know these quotes.",
            fix="Write it in plain quotes; a newline may stand between them as it is.",
            code="invalid-envfile",
        )
    raw = raw.removeprefix("$") if raw.startswith("$'") else raw
    if not raw.startswith(("'", '"')):
        return [raw.strip()]
    return shlex.split(raw, comments=True) or [""]


def _parse_json(text: str) -> dict[str, str]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidValue(f"the JSON is broken: {error}", code="invalid-envfile") from error
    values: dict[str, str] = {}
    for key, value in data.items():
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise InvalidValue(f"{key}: a value must be a string or a number", code="invalid-envfile")
        values.update([check(key, str(value))])
    return values


def render(values: Mapping[str, str], form: str) -> str:
    """Format the variables in one of `FORMATS`, sorted by name, without a newline at the end."""
    items = sorted(values.items())
    match form:
        case "json":
            return json.dumps(dict(items), indent=2)
        case "json-list":
            return json.dumps([{"name": key, "value": value} for key, value in items], indent=2)
        case "exports":
            return "\n".join(f"export {key}={shlex.quote(value)}" for key, value in items)
        case "envfile":
            return "\n".join(f"{key}={shlex.quote(value)}" for key, value in items)
        case "shell":
            # Quote every value: in an env file an unquoted value ends with its line.
            return " ".join(f"{key}={_quoted(value)}" for key, value in items)
        case "docker-args":
            return " ".join(f"--env={shlex.quote(f'{key}={value}')}" for key, value in items)
        case "docker-args-keys":
            return " ".join(f"--env={key}" for key in sorted(values))
        case "pack-keys":
            return " ".join(f"--env {key}" for key in sorted(values))
        case _:
            width = max((len(key) for key, _ in items), default=0) + 2
            return "\n".join(f"{key + ':':<{width}} {value}" for key, value in items)


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "'\"'\"'") + "'"


def for_process(
    config: Mapping[str, Secret], app: str, process: Process, index: int, version: int, commit: str, rev_variable: str
) -> dict[str, str]:
    """Return the environment of one container, in clear: configuration plus the platform's variables."""
    injected = {
        "DYNO": f"{process.type}.{index}",
        "PAAS_APP": app,
        "PAAS_RELEASE": f"v{version}",
        "PAAS_PROCESS_TYPE": process.type,
    }
    if rev_variable and commit:
        injected[rev_variable] = commit
    if process.port is not None:
        injected["PORT"] = str(process.port)
    return {**{key: secret.reveal() for key, secret in config.items()}, **injected}


def masked(keys: Iterable[str]) -> str:
    """Return only the names, for causes and logs."""
    return " ".join(sorted(keys))
