"""Host names: one form for each, whatever way a person writes it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import idna

from paas.core.errors import InvalidValue

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
LONGEST_HOST = 253
CATCH_ALL = "_"
"""Stands for every host that nobody else has."""
LOCAL = (".localhost", ".local", ".internal", ".invalid", ".onion", ".arpa")
"""Names that no public authority certifies."""


def host_name(text: str) -> str:
    """The domain name in the form that requests are matched by: lower case, punycode, without a final dot.

    A leading ``*.`` stands for every name below, and ``_`` alone for every name that nobody else has. Names in other
    scripts are read by the rules that browsers follow (IDNA 2008 with UTS 46). Raises `InvalidValue` for everything
    that is not one domain name.
    """
    if text == CATCH_ALL:
        return text
    name = text.removesuffix(".").lower()
    wildcard = "*." if name.startswith("*.") else ""
    name = _ascii(name.removeprefix(wildcard), text)

    if len(wildcard + name) > LONGEST_HOST:
        raise _bad_host(text, f"It is longer than {LONGEST_HOST} characters.")

    if not all(LABEL.fullmatch(label) for label in name.split(".")):
        raise _bad_host(text, _broken_rule(text))

    return wildcard + name


def shown(host: str) -> str:
    """The name as people write it, where it is in another script."""
    if "xn--" not in host:
        return host
    wildcard = "*." if host.startswith("*.") else ""
    try:
        return wildcard + idna.decode(host.removeprefix("*."))
    except idna.IDNAError:
        return host


def is_pattern(host: str) -> bool:
    """Whether it stands for more than one name."""
    return host == CATCH_ALL or host.startswith("*.")


def is_public(host: str) -> bool:
    """Whether an authority could certify it at all: a name with a dot below no special domain."""
    name = host.removeprefix("*.")
    numeric = name.rpartition(".")[2].isdigit()
    return host != CATCH_ALL and "." in name and not numeric and not f".{name}".endswith(LOCAL)


def is_host(name: str) -> bool:
    """Whether an app of that name is served at it."""
    return is_public(name) or name.endswith(".localhost")


def default_names(name: str, shared: Sequence[str]) -> list[str]:
    """The hosts of an app of that name: below each of the global domains; the name itself where it is one of a host."""
    return [name] if is_host(name) else [f"{name}.{domain}" for domain in shared]


def _ascii(name: str, text: str) -> str:
    if name.isascii():
        if "xn--" in name:
            try:
                idna.decode(name)
            except idna.IDNAError as error:
                raise _bad_host(text, f"It is no name in punycode (IDNA): {error}.") from error
        return name

    if len(name) > LONGEST_HOST:
        raise _bad_host(text, f"It is longer than {LONGEST_HOST} characters.")

    try:
        return idna.encode(name, uts46=True, std3_rules=True).decode("ascii").lower()
    except idna.IDNAError as error:
        raise _bad_host(text, f"It has no form in ASCII (IDNA): {error}.") from error


def _broken_rule(text: str) -> str:
    if "://" in text or "/" in text:
        return "It is an address: leave out the scheme and the path."

    if re.fullmatch(r"[^:]+:\d+", text):
        return "Leave out the port."

    return (
        "A domain name has parts of 1 to 63 letters, digits and hyphens, joined by dots; no part begins or ends with a "
        "hyphen; only the first part may be *."
    )


def _bad_host(text: str, why: str) -> InvalidValue:
    return InvalidValue(f"{text[:80]!r} is not a domain name", why=why, fix="Give it as in www.example.org")
