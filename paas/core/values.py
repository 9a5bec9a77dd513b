"""Kinds of values of settings and properties: each parses a text and states its rule."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from paas.core import names
from paas.core.containers import image_name
from paas.core.edge import rules
from paas.core.errors import InvalidValue, PaasError
from paas.core.health import checks

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")
_SECONDS = {"ms": 0.001, None: 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Kind:
    """Kind of value. ``rule`` completes the sentence "a value is …"; ``parse`` returns the value or raises ValueError.
    """

    rule: str
    parse: Callable[[str], Any]
    words: tuple[str, ...] = ()

    def read(self, name: str, text: str) -> Any:
        """Parse ``text``. Raise `InvalidValue` with the setting, the value and the rule."""
        try:
            return self.parse(text)
        except (ValueError, OverflowError, PaasError) as error:
            why = error.why if isinstance(error, PaasError) and error.why else f"A value is {self.rule}."
            raise InvalidValue(f"{name}: {text[:80]!r} is not a value for it", why=why, code="invalid-value") from error


def _boolean(text: str) -> bool:
    if text.lower() in ("true", "on", "yes", "1"):
        return True
    if text.lower() in ("false", "off", "no", "0"):
        return False
    raise ValueError(text)


BOOLEAN = Kind("true or false", _boolean, ("true", "false"))


def size_in_bytes(text: str) -> int:
    """Parse bytes from ``100m``, ``2GiB``, ``1048576``; units are powers of 1024."""
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise ValueError(text)
    return int(float(match[1]) * _UNITS[match[2].lower()])


SIZE = Kind("a size such as 512k, 100m or 2g", size_in_bytes)


def size(low: str, high: str) -> Kind:
    """Return the kind of a size from ``low`` to ``high``, written as users write sizes."""
    return _between(SIZE, "a size", low, high, ", such as 512k or 100m")


def _log_size(text: str) -> int:
    return 0 if text == "unlimited" else int(size("64k", "1t").parse(text))


LOG_SIZE = Kind("a size from 64k to 1t, such as 10m, or unlimited", _log_size, ("unlimited",))
"""In bytes; 0 for no limit."""


def seconds(text: str) -> float:
    """Parse seconds from ``30``, ``30s``, ``5m``, ``2h``, ``1d`` or ``250ms``."""
    match = _DURATION.fullmatch(text.strip())
    if not match:
        raise ValueError(text)
    return float(match[1]) * _SECONDS[match[2]]


@dataclass(frozen=True)
class Amount:
    """Number of bytes, or a share of a total."""

    count: int = 0
    share: float = 0.0

    def of(self, total: int) -> int:
        """Return the bytes for this ``total``."""
        return int(total * self.share) if self.share else self.count


def _amount(text: str) -> Amount:
    if not text.endswith("%"):
        return Amount(size_in_bytes(text))
    percent = float(text[:-1])
    if not 0 < percent <= 100:
        raise ValueError(text)
    return Amount(share=percent / 100)


AMOUNT = Kind("a size such as 512m or 2g, a share of all memory such as 75%, or 0 for no limit", _amount)
DURATION = Kind("a duration such as 30s, 5m or 2h", seconds)


def duration(low: str, high: str) -> Kind:
    """Return the kind of a duration from ``low`` to ``high``, written as users write durations."""
    return _between(DURATION, "a duration", low, high, ", such as 30s or 5m")


def _between(kind: Kind, what: str, low: str, high: str, example: str) -> Kind:
    least, most = kind.parse(low), kind.parse(high)

    def parse(text: str) -> Any:
        value = kind.parse(text)
        if not least <= value <= most:
            raise ValueError(text)
        return value

    return Kind(f"{what} from {low} to {high}{example}", parse)


def integer(low: int, high: int) -> Kind:
    """Return the kind of an integer from ``low`` to ``high``."""

    def parse(text: str) -> int:
        # Only plain digits: int() accepts '1_000', ' 7' and digits of other scripts.
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(text)
        return int(text)

    return Kind(f"a whole number from {low} to {high}", parse)


def number(low: float, high: float) -> Kind:
    """Return the kind of a number from ``low`` to ``high``, with optional decimals."""

    def parse(text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text) or not low <= float(text) <= high:
            raise ValueError(text)
        return float(text)

    return Kind(f"a number from {low:g} to {high:g}", parse)


PORT = integer(0, 65535)


def choice(*words: str) -> Kind:
    """Return the kind of a fixed set of words."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(text)
        return text

    return Kind("one of " + ", ".join(words), parse, words)


_RATE = re.compile(r"([0-9]{1,5})r/([sm])")


def _rate(text: str) -> int:
    match = _RATE.fullmatch(text)
    if text != "0" and not (match and int(match[1])):
        raise ValueError(text)
    return int(match[1]) * (60 if match[2] == "s" else 1) if match else 0


RATE = Kind("requests for a second or a minute, such as 10r/s or 300r/m, or 0 for no limit", _rate)


def _buffers(text: str) -> tuple[int, int]:
    count, _, each = text.partition(" ")
    if not re.fullmatch(r"[0-9]{1,4}", count) or not 1 <= int(count) <= 1024:
        raise ValueError(text)
    if not 1024 <= size_in_bytes(each) <= 1 << 20:
        raise ValueError(text)
    return int(count), size_in_bytes(each)


BUFFERS = Kind("a number of buffers and the size of one, such as '8 16k', up to 1024 and 1m", _buffers)
PREFIXES = Kind(
    "path prefixes with commas between them, such as /assets,/favicon.ico",
    lambda text: tuple(rules.below(part) for part in text.split(",")),
)


def one_of_or_number(*words: str) -> Kind:
    """Return the kind of a fixed set of words, or a port."""

    def parse(text: str) -> str:
        return text if text in words else str(PORT.parse(text))

    return Kind("one of " + ", ".join(words) + ", or a port", parse, words)


def _log_path(text: str) -> str:
    if text != "off":
        raise ValueError(text)
    return text


_LOG_RULE = "'off', or empty for the log of the server: a path would let an app write any file"
LOG_PATH = Kind(_LOG_RULE, _log_path, ("off",))
IPV6 = Kind("an IPv6 address, such as :: or 2001:db8::1", lambda text: str(ipaddress.IPv6Address(text)))


def _relative_path(text: str) -> str:
    parts = text.split("/")
    if text.startswith("/") or ".." in parts or not all(parts) or any(ord(c) < 32 for c in text) or len(text) > 255:
        raise ValueError(text)
    return text


RELATIVE_PATH = Kind("a path inside the repository, without '..'", _relative_path)
BRANCH = Kind("the name of a branch", names.branch)


IMAGE_REPOSITORY = Kind("a path such as team/app, in small letters", image_name.repository)
IMAGE_TAGS = Kind("tags with commas between them", image_name.tags)
REGISTRY = Kind("a host, or host:port", image_name.server)
LOCK_WAIT = duration("0s", "1d")

def _buildpacks(text: str) -> tuple[str, ...]:
    found = tuple(text.split(","))
    if len(set(found)) < len(found) or not all(re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name) for name in found):
        raise ValueError(text)
    return found


BUILDPACKS = Kind("names of buildpacks with commas between them, each once", _buildpacks)
PROCESS_TYPES = Kind("process types with commas between them, _all_ or none", checks.read_types, ("_all_", "none"))


def _variable_or_empty(text: str) -> str:
    return names.variable(text) if text else ""


VARIABLE = Kind("the name of a variable", _variable_or_empty)


def _port_range(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{4,5})-([0-9]{4,5})", text)
    if not match or not 1024 <= int(match[1]) < int(match[2]) <= 65535:
        raise ValueError(text)
    return int(match[1]), int(match[2])


def _scheduler(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,31}", text):
        raise ValueError
    return text


SCHEDULER = Kind("the name of a scheduler, such as docker-local", _scheduler)
PORT_RANGE = Kind("a range of ports such as 20000-29999, from 1024 to 65535", _port_range)
NETWORK = Kind("an IPv4 network such as 10.208.0.0/12", lambda text: str(ipaddress.IPv4Network(text)))
ADDRESS = Kind("an IP address, such as 127.0.0.1 or 0.0.0.0", lambda text: str(ipaddress.ip_address(text)))
HOST = Kind("a host name", lambda text: text if re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", text) else _no())
HOST_OR_NONE = Kind(f"{HOST.rule}, or none", HOST.parse)


ZONE = Kind(
    "a time zone of the IANA database, such as Europe/Berlin",
    lambda text: text if re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}", text) else _no(),
)


def _no() -> str:
    raise ValueError
