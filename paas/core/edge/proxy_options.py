"""Proxy options of one app: one field for each nginx directive, with the same name."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields
from typing import Any

from paas.core.errors import InvalidValue

DAY = 86_400
KIB = 1024
MIB = 1024 * KIB
TIB = 1024 * 1024 * MIB

Value = bool | int | tuple[int, int]


def _whole(default: int, least: int, most: int, *, unit: str = "") -> Any:
    """Return a dataclass field for whole numbers from ``least`` to ``most``."""
    return field(default=default, metadata={"least": least, "most": most, "unit": unit})


def _pair(default: tuple[int, int], most: tuple[int, int]) -> Any:
    """Return a dataclass field for a number and a size, both at least 1 and at most ``most``."""
    return field(default=default, metadata={"pair": most})


@dataclass(frozen=True)
class ProxyOptions:
    """Directives of one app. Sizes are bytes, times are seconds. Raises `InvalidValue` if a value is out of range.

    ``client_max_body_size`` 0 means no limit. Without ``proxy_buffering`` each piece of a response reaches the client
    at once; without ``proxy_request_buffering`` each piece of an upload reaches the app at once. ``proxy_buffers`` is
    the number and size of buffers; the part of a response that does not fit goes to a file of at most
    ``proxy_max_temp_file_size``.
    """

    client_max_body_size: int = _whole(100 * MIB, 0, TIB)
    client_body_timeout: int = _whole(60, 1, DAY, unit="s")
    keepalive_timeout: int = _whole(65, 0, DAY, unit="s")
    lingering_timeout: int = _whole(5, 1, 3600, unit="s")
    send_timeout: int = _whole(60, 1, DAY, unit="s")
    proxy_buffering: bool = True
    proxy_request_buffering: bool = True
    proxy_buffer_size: int = _whole(16 * KIB, KIB, MIB)
    proxy_buffers: tuple[int, int] = _pair((8, 16 * KIB), (1024, MIB))
    proxy_busy_buffers_size: int = _whole(32 * KIB, KIB, 64 * MIB)
    proxy_max_temp_file_size: int = _whole(100 * MIB, 0, TIB)
    proxy_connect_timeout: int = _whole(5, 1, 75, unit="s")
    proxy_send_timeout: int = _whole(60, 1, DAY, unit="s")
    proxy_read_timeout: int = _whole(60, 1, DAY, unit="s")
    gzip: bool = True
    brotli: bool = False

    def __post_init__(self) -> None:
        for each in _rows():
            _check(each.name, getattr(self, each.name), each.metadata)

    @property
    def fitting(self) -> ProxyOptions:
        """The same options with sizes enlarged where nginx would refuse their combination.

        nginx requires, with ``least`` as the larger of proxy_buffer_size and one of proxy_buffers:
        proxy_busy_buffers_size from ``least`` to all of proxy_buffers but one, and proxy_max_temp_file_size 0 or at
        least ``least``.
        """
        count, each = self.proxy_buffers
        least = max(self.proxy_buffer_size, each)
        busy = max(self.proxy_busy_buffers_size, least)
        count = max(count, -(-busy // each) + 1)
        temporary = self.proxy_max_temp_file_size
        return _replaced(
            self,
            proxy_buffers=(count, each),
            proxy_busy_buffers_size=busy,
            proxy_max_temp_file_size=max(temporary, least) if temporary else 0,
        )

    def directives(self) -> Iterator[tuple[str, Value, str]]:
        """Yield name, value and unit of every directive, in the order of the fields."""
        fitting = self.fitting
        for each in _rows():
            yield each.name, getattr(fitting, each.name), each.metadata.get("unit", "")

    def own(self) -> list[tuple[str, Value, str]]:
        """Return the directives that differ from the defaults."""
        return [mine for mine, common in zip(self.directives(), _common(), strict=True) if mine != common]


def _replaced(options: ProxyOptions, **values: Value) -> ProxyOptions:
    """Return the options with these values, unchecked: they may exceed the limits for users."""
    made = object.__new__(ProxyOptions)
    for name, value in {**vars(options), **values}.items():
        object.__setattr__(made, name, value)
    return made


# An app has about seventy values at the edge, and a start reads those of all apps: cache what is the same for all.


@functools.cache
def _rows() -> tuple[Field[Any], ...]:
    return fields(ProxyOptions)


@functools.cache
def _common() -> list[tuple[str, Value, str]]:
    return list(ProxyOptions().directives())


def _check(name: str, value: object, rule: Any) -> None:
    if "pair" in rule:
        if not isinstance(value, tuple) or len(value) != 2:
            raise InvalidValue(f"{name}: {value!r} is not a number and a size")

        for part, most in zip(value, rule["pair"], strict=True):
            check_whole(name, part, 1, most)
    elif rule:
        check_whole(name, value, rule["least"], rule["most"])
    elif not isinstance(value, bool):
        raise InvalidValue(f"{name}: {value!r} is neither true nor false")


def check_whole(what: str, value: object, least: int, most: int) -> None:
    """Raise `InvalidValue` if the value is not a whole number from ``least`` to ``most``."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidValue(f"{what}: {value!r} is not a whole number from {least} to {most}")
