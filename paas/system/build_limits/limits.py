"""Limit builds: by this process if it may, else by the helper that runs as root."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from paas.system.build_limits import helper
from paas.system.build_limits.cgroups import BuildGroup


@contextmanager
def limited(group: str, mark: str, weight: int, memory: int) -> Iterator[str]:
    """Apply the limits inside the context. Yield an empty text, or the reason why nothing is limited.

    See `Host.limited` for the arguments.
    """
    made = BuildGroup(group)
    trouble = made.prepare(weight, memory)
    if not trouble:
        with made.gather(mark):
            yield ""
    elif helper.SOCKET.is_socket():
        with helper.limited(group, mark, weight, memory) as trouble:
            yield trouble
    else:
        yield trouble


def trouble(group: str) -> str:
    """Return the reason why a control group of that name can limit nothing here, empty if it can."""
    return "" if helper.SOCKET.is_socket() else BuildGroup(group).trouble()


def remove(group: str) -> None:
    """Remove the control group, if it exists."""
    BuildGroup(group).remove()
