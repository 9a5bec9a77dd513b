"""Kinds of values for networks, network programs and their files."""

from __future__ import annotations

import ipaddress
import re

from paas.core import egress
from paas.core.values import Kind, integer


def _addresses(text: str) -> frozenset[str]:
    return frozenset(str(ipaddress.ip_address(part)) for part in re.split(r"[,\s]+", text.strip()))


def _socket(text: str) -> str:
    host, _, port = text.rpartition(":")
    address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    integer(1, 65535).parse(port)
    if (address.version == 6) != host.startswith("["):
        raise ValueError(text)
    return text


def _email(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", text) or len(text) > 254:
        raise ValueError(text)
    return text


def _directory(text: str) -> str:
    if text not in ("production", "staging") and not re.fullmatch(r"https://[A-Za-z0-9.:\[\]-]+/[\x21-\x7e]*", text):
        raise ValueError(text)
    return text


def _absolute_path(text: str) -> str:
    if not text.startswith("/") or any(ord(letter) < 32 for letter in text):
        raise ValueError(text)
    return text


def _hook(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?", text):
        raise ValueError(text)
    return text


ADDRESSES = Kind("a list of IP addresses with commas between them", _addresses)
NETWORKS = Kind("networks with commas between them, such as 10.1.0.0/16,127.0.0.0/8", egress.networks)
SOCKET = Kind("an IP address and a port, such as 127.0.0.1:53 or [::1]:53", _socket)
EMAIL = Kind("an e-mail address", _email)
DIRECTORY = Kind("production, staging, or the https:// address of an ACME directory", _directory,
                 ("production", "staging"))  # fmt: skip
ABSOLUTE_PATH = Kind("an absolute path on the server", _absolute_path)
HOOK = Kind("the NAME of a program dns-NAME: letters a-z, digits and hyphens", _hook)
