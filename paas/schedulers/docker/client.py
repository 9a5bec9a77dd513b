"""Client of Docker's API: its timeouts and errors."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import docker
import docker.errors
import requests.exceptions

from paas.core.errors import DockerError
from paas.system.spans import span

CALL_SECONDS = 60
LOOK_SECONDS = 5
"""Timeout in seconds for callers that can do without an answer."""

_P = ParamSpec("_P")
_R = TypeVar("_R")


@dataclass
class _Look:
    """State of such a caller: its timeout, and whether it was exceeded."""

    seconds: int
    in_vain: bool = False


_looking: ContextVar[_Look | None] = ContextVar("looking", default=None)


@contextmanager
def briefly(seconds: int = LOOK_SECONDS) -> Iterator[None]:
    """Return a context in which this thread waits at most ``seconds`` for each answer.

    After one timeout every call fails at once.
    """
    token = _looking.set(_Look(seconds))
    try:
        yield
    finally:
        _looking.reset(token)


class lazily:
    """Attribute created on first use, without a lock, so that a brief caller never waits for another thread."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make
        self._name = make.__name__

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        return owner.__dict__.setdefault(self._name, self._make(owner))


class DockerClient(docker.APIClient):
    """SDK client that respects `briefly`."""

    def _set_request_timeout(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        look = _looking.get()
        if look is None:
            return {"timeout": self.timeout, **kwargs}
        if look.in_vain:
            raise requests.exceptions.ConnectTimeout("It did not answer a moment ago, and was not asked again.")
        return {**kwargs, "timeout": look.seconds}


@contextmanager
def engine(doing: str) -> Iterator[None]:
    """Return a context in which refusals and timeouts become `DockerError`."""
    try:
        yield
    except docker.errors.APIError as error:
        raise DockerError(
            f"Docker refused: {doing}", why=str(error.explanation or error), code="engine-refused"
        ) from error
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        look = _looking.get()
        if look is not None:
            look.in_vain = True
        raise DockerError(
            f"Docker does not answer ({doing})",
            why=str(error),
            fix="Is Docker running? Try 'docker info', or 'systemctl start docker'.",
            code="engine-down",
        ) from error


def engine_call(doing: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Decorate a method so that refusals become `DockerError`, and each call is a span of a job."""

    def wrap(function: Callable[_P, _R]) -> Callable[_P, _R]:
        @functools.wraps(function)
        def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            with span(doing), engine(doing):
                return function(*args, **kwargs)

        return wrapper

    return wrap
