"""A container's log with its frames, which distinguish output from errors; the SDK removes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import requests.exceptions
import urllib3.exceptions
from docker.types import CancellableStream

from paas.core.logs import frames as logframes
from paas.core.logs.frames import Frame

_CHUNK = 1 << 16


@contextmanager
def opened(
    api: Any, container_id: str, asked: Mapping[str, object]
) -> Iterator[tuple[Iterator[Frame], Callable[[], None]]]:
    """Yield the frames of the log, and a function that ends them from another thread.

    ``api`` is the SDK's client, whose errors are raised; ``asked`` are parameters of
    https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerLogs
    """
    terminal = api.inspect_container(container_id)["Config"]["Tty"]
    response = api._get(api._url("/containers/{0}/logs", container_id), params=asked, stream=True)
    api._raise_for_status(response)
    # A log may be silent for any time.
    api._disable_socket_timeout(api._get_raw_response_socket(response))
    found = logframes.lines(response.iter_content(_CHUNK)) if terminal else logframes.frames(response.raw.read)
    stream = CancellableStream(found, response)

    def end() -> None:
        with suppress(OSError):
            # A second call, or one after the end, is no error.
            stream.close()

    try:
        yield stream if asked.get("follow") else _whole(found), end
    finally:
        end()


def _whole(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Yield the frames up to the log's end.

    Raise an error for a broken connection, which the SDK would treat as the end: a partial log would be kept as the
    whole.
    """
    try:
        yield from frames
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise requests.exceptions.ConnectionError(error) from error
