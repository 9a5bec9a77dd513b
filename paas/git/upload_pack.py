"""Serve clone and fetch with git's own upload-pack, connected to the client."""

from __future__ import annotations

import logging
import os
import re
import selectors
import socket
from collections.abc import Callable, Mapping
from typing import IO

from paas.core.errors import Disconnected
from paas.git import process as git_process
from paas.git.repository import Repository

logger = logging.getLogger(__name__)

_PIECE = 65536
_PROTOCOL = re.compile(r"version=[0-2]")


def serve_upload_pack(
    repository: Repository,
    stdin: socket.socket,
    stdout: Callable[[bytes], None],
    stderr: Callable[[bytes], None],
    *,
    protocol: str = "",
) -> int:
    """Serve ``git-upload-pack`` to one client. Return git's exit status, 1 if the client disconnected.

    ``stdin``, ``stdout`` and ``stderr`` are those of an `Invocation`; ``protocol`` is the client's GIT_PROTOCOL
    (``version=2``), anything other than a version is ignored. Raise `git_process.GitMissing`.
    """
    extra = {"GIT_PROTOCOL": protocol} if _PROTOCOL.fullmatch(protocol) else {}
    command = ["upload-pack", "--strict", str(repository.path)]
    process = git_process.start(repository.path, command, extra=extra, stdin=stdin.fileno())

    assert process.stdout is not None and process.stderr is not None
    with git_process.ending(process):
        try:
            _pass_on({process.stdout: stdout, process.stderr: stderr})
        except Disconnected:
            logger.info("a client went away while it fetched from %s", repository.path.name)
            return 1
        return process.wait()


def _pass_on(outputs: Mapping[IO[bytes], Callable[[bytes], None]]) -> None:
    with selectors.DefaultSelector() as ready:
        for pipe, write in outputs.items():
            ready.register(pipe, selectors.EVENT_READ, write)

        while ready.get_map():
            for key, _ in ready.select():
                if data := os.read(key.fd, _PIECE):
                    key.data(data)
                else:
                    ready.unregister(key.fileobj)
