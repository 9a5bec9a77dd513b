"""Values in nginx's configuration, written so that they have no other meaning."""

from __future__ import annotations

import html
import re

import jinja2

from paas.core.edge.address import Address
from paas.core.errors import InvalidValue

BARE = re.compile(r"[\w.:/*\[\]-]+", re.ASCII)


class Verbatim(str):
    """Text that is printed into a file as it is, because it was checked and quoted."""


def printed(value: object) -> object:
    """Return the text of a value in a template: one bare parameter. Raise `InvalidValue`."""
    if isinstance(value, bool):
        return "on" if value else "off"

    if isinstance(value, Address):
        value = str(value)

    if isinstance(value, Verbatim | jinja2.Undefined | int):
        return value

    if isinstance(value, str) and BARE.fullmatch(value):
        return value

    raise InvalidValue(f"{str(value)[:80]!r} cannot be written into an nginx configuration")


def quoted_path(path: str) -> Verbatim:
    """Return a path, or an address with one, as one quoted parameter."""
    if re.search(r"[\x00-\x1f\"'$\\]", path):
        raise InvalidValue(f"the path {path!r} cannot be written into an nginx configuration")

    return Verbatim(f'"{path}"')


def quoted(text: str) -> Verbatim:
    """Return the text as one quoted parameter without other meaning; an empty one for no text."""
    if not text.isprintable():
        raise InvalidValue(f"{text[:80]!r} cannot be written into an nginx configuration", why="It cannot be printed.")

    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "${dollar}")
    return Verbatim(f'"{escaped}"')


def words(text: str) -> Verbatim:
    """Several bare parameters with one space between them."""
    if not re.fullmatch(r"(= |\^~ )?[\w./+~-]+( [\w./+-]+)*", text, re.ASCII):
        raise InvalidValue(f"{text[:80]!r} cannot be written into an nginx configuration")

    return Verbatim(text)


def variable(text: str) -> Verbatim:
    """Return one of nginx's variables, a bare word, or an empty parameter."""
    if not re.fullmatch(r"\$?[a-z0-9_]*", text):
        raise InvalidValue(f"{text[:80]!r} cannot be written into an nginx configuration")

    return Verbatim(text or '""')


_VISITOR = {"$scheme": "$visitor_scheme", "$server_port": "$visitor_port", "$https": "$visitor_https"}


def visitor(text: str, trusted: bool) -> Verbatim:
    """Return it as `variable` does; of the visitor, not of the proxy in front, if that is trusted."""
    return variable(_VISITOR.get(text, text) if trusted else text)


WRITERS = {
    "quoted": lambda value: quoted(str(value)),
    "words": words,
    "variable": variable,
    "unix": lambda path: quoted_path(f"unix:{path}"),
}


def for_page(text: str) -> Verbatim:
    """Text for a page, as one quoted parameter: every sign that means something to HTML or nginx is a reference."""
    if not text.isprintable():
        raise InvalidValue(f"{text[:80]!r} cannot be written into an nginx configuration", why="It cannot be printed.")

    referenced = re.sub(r"[$\\]", lambda sign: f"&#{ord(sign[0])};", html.escape(text))
    return Verbatim(f"'{referenced}'")
