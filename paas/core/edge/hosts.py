"""Host names and their normalized form."""

from __future__ import annotations

import re
from collections.abc import Sequence

import idna

from paas.core.errors import InvalidValue

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
LONGEST_HOST = 253
CATCH_ALL = "_"
"""Name for every host that belongs to no app."""
LOCAL = (".localhost", ".local", ".internal", ".invalid", ".onion", ".arpa")
"""Domains for which no public authority issues certificates."""


def host_name(text: str) -> str:
    """Return the normalized domain name, as requests are matched: lower case, punycode, no final dot.

    A leading ``*.`` stands for all subdomains, and ``_`` alone for every name that belongs to no app. Names in other
    scripts are converted by the rules of browsers (IDNA 2008 with UTS 46). Raise `InvalidValue` for anything else.
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
    """Return the host with punycode decoded to Unicode, for display."""
    if "xn--" not in host:
        return host
    wildcard = "*." if host.startswith("*.") else ""
    try:
        return wildcard + idna.decode(host.removeprefix("*."))
    except idna.IDNAError:
        return host


def is_pattern(host: str) -> bool:
    """Return True for a wildcard or `CATCH_ALL`."""
    return host == CATCH_ALL or host.startswith("*.")


def is_public(host: str) -> bool:
    """Return True if a public authority could issue a certificate: a name with a dot, not below a special domain."""
    name = host.removeprefix("*.")
    numeric = name.rpartition(".")[2].isdigit()
    return host != CATCH_ALL and "." in name and not numeric and not f".{name}".endswith(LOCAL)


def is_host(name: str) -> bool:
    """Return True if an app's name is a host name at which the app is served."""
    return is_public(name) or name.endswith(".localhost")


def default_names(name: str, shared: Sequence[str]) -> list[str]:
    """Return the hosts of an app: its name below each global domain, or the name itself if it is a host name."""
    return [name] if is_host(name) else [f"{name}.{domain}" for domain in shared]


def _ascii(name: str, text: str) -> str:
    if name.isascii():
        if "xn--" in name:
            try:
                idna.decode(name)
            except idna.IDNAError as error:
                raise _bad_host(text, f"Its punycode is invalid (IDNA): {error}.") from error
        return name

    if len(name) > LONGEST_HOST:
        raise _bad_host(text, f"It is longer than {LONGEST_HOST} characters.")

    try:
        return idna.encode(name, uts46=True, std3_rules=True).decode("ascii").lower()
    except idna.IDNAError as error:
        raise _bad_host(text, f"It cannot be written in ASCII (IDNA): {error}.") from error


def _broken_rule(text: str) -> str:
    if "://" in text or "/" in text:
        return "It is a URL: leave out the scheme and the path."

    if re.fullmatch(r"[^:]+:\d+", text):
        return "Leave out the port."

    return (
        "A domain name has parts of 1 to 63 letters, digits and hyphens, joined by dots; no part begins or ends with a "
        "hyphen; only the first part may be *."
    )


def _bad_host(text: str, why: str) -> InvalidValue:
    return InvalidValue(f"{text[:80]!r} is not a domain name", why=why, fix="Example: www.example.org")
