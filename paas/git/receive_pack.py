"""Receive a push: dulwich speaks the protocol, git stores the pack, a `PushHandler` decides while the pusher watches.

The protocol is git's gitprotocol-pack(5), "Pushing data to a server".
"""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, cast

from dulwich.errors import GitProtocolError, HangupException
from dulwich.object_format import SHA1
from dulwich.objects import ObjectID
from dulwich.protocol import CAPABILITY_ATOMIC, CAPABILITY_SIDE_BAND_64K, pkt_line
from dulwich.protocol import Protocol as PktLines
from dulwich.refs import Ref
from dulwich.server import Backend, BackendRepo, ReceivePackHandler

from paas.core.errors import Disconnected, DiskFull, PaasError, PushRefused, unexpected
from paas.core.git.refs import LONGEST_NAME, RefUpdate, all_or_none, one_line, problems
from paas.git.client import GitPeer
from paas.git.quarantine import Quarantine
from paas.git.repository import Repository
from paas.system.spans import span

logger = logging.getLogger(__name__)

KEEPALIVE_SECONDS = 10.0
MOST_COMMAND_BYTES = 16 << 20
INTERNAL_ERROR = "internal error"
GONE = "the client disconnected"
SHALLOW = "the clone is shallow: run 'git fetch --unshallow' and push again"
MOST_OPTIONS = 32
LONGEST_COMMAND = 40 + 1 + 40 + 1 + LONGEST_NAME + 1
CAPABILITY_PUSH_OPTIONS = b"push-options"
_NONE = b"0" * 40
_SHA = re.compile(rb"[0-9a-f]{40}")


class PushHandler(Protocol):
    """Handler that decides about a push and deploys it."""

    def admit(self, options: Sequence[str], progress: Callable[[bytes], None]) -> None:
        """Return when the push may continue, before its pack is read. Raise a `PaasError` to refuse it.

        ``options`` are those of ``git push -o``. It may wait; ``progress`` is as for `update`.
        """

    def update(
        self, updates: Sequence[RefUpdate], quarantine: Quarantine, progress: Callable[[bytes], None]
    ) -> Mapping[str, str | None]:
        """Return for every ref None to accept it, else the reason of the refusal in one line.

        It may take minutes. The objects can be read through ``quarantine``; ``progress`` takes text for the pusher's
        terminal, from any thread, and never fails: a disconnected pusher changes nothing. A `PaasError` refuses all
        refs with its ``what``. Other pushes to the same repository may run at the same time, so a receiver that acts on
        a ref takes its lock, compares ``old`` with the repository, acts, and calls ``quarantine.accept`` before it
        releases the lock. Refs that it accepts without that call move after it returns.
        """


def serve_receive_pack(
    repository: Repository,
    stdin: socket.socket,
    stdout: Callable[[bytes], None],
    receiver: PushHandler,
    *,
    max_pack_bytes: int,
    keepalive_seconds: float = KEEPALIVE_SECONDS,
) -> int:
    """Serve ``git-receive-pack`` to one client. Return the exit status: 0 once the client was told the outcome.

    ``stdin`` and ``stdout`` are those of an `Invocation`. A pack of more than ``max_pack_bytes`` is refused without
    being read completely; ``stdin`` may have unread bytes then. The pusher gets a keep-alive packet every
    ``keepalive_seconds``. A push whose client disconnects after its pack has arrived is still carried out; before that
    it leaves nothing behind.
    """
    client = GitPeer(stdin, stdout)
    handler = _Handler(repository, client, receiver, max_pack_bytes, keepalive_seconds)
    try:
        handler.handle()
    except HangupException:
        logger.info("a client went away before it had said what to push to %s", repository.path.name)
        return 1
    except GitProtocolError as error:
        complaint = one_line(str(error))
        logger.info("a client of %s does not speak git: %s", repository.path.name, complaint)
        client.write(pkt_line(b"ERR " + complaint.encode()))
        return 1
    return 1 if client.gone else 0


class _Commands(PktLines):
    """Reader for a client's commands, limited in size. It collects ``shallow`` lines separately."""

    def __init__(self, client: GitPeer) -> None:
        super().__init__(client.read, client.write)
        self.shallow = False
        self._bytes = 0

    def read_pkt_line(self) -> bytes | None:
        line = self._line()
        while line is not None and line.startswith(b"shallow "):
            self.shallow = True
            line = self._line()
        return line

    def _line(self) -> bytes | None:
        line = super().read_pkt_line()
        command, _, capabilities = (line or b"").partition(b"\0")
        self._bytes += len(command)
        if len(command) > LONGEST_COMMAND or self._bytes > MOST_COMMAND_BYTES or b"\0" in capabilities:
            raise GitProtocolError("Invalid ref update line from client: too long")
        return line


class _Advertised(Backend):
    """Repository for dulwich: the refs that it advertises."""

    object_format = SHA1
    hooks: Mapping[str, Any] = {}

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self.refs = self

    def open_repository(self, path: str) -> BackendRepo:
        return cast(BackendRepo, self)

    def get_refs(self) -> dict[Ref, ObjectID]:
        refs = self._repository.refs().items()
        return {Ref(ref.encode(errors="surrogateescape")): ObjectID(sha.encode()) for ref, sha in refs}

    def get_symrefs(self) -> dict[Ref, Ref]:
        return {}


class _Handler(ReceivePackHandler):
    """dulwich's side of the conversation, with the part between the commands and the report replaced."""

    def __init__(
        self,
        repository: Repository,
        client: GitPeer,
        receiver: PushHandler,
        max_pack_bytes: int,
        keepalive_seconds: float,
    ) -> None:
        self._commands = _Commands(client)
        super().__init__(_Advertised(repository), [""], self._commands)
        self._repository = repository
        self._client = client
        self._receiver = receiver
        self._max_pack_bytes = max_pack_bytes
        self._keepalive_seconds = keepalive_seconds

    def capabilities(self) -> Iterable[bytes]:
        return [*super().capabilities(), CAPABILITY_PUSH_OPTIONS]

    def _apply_pack(self, refs: list[tuple[ObjectID, ObjectID, Ref]]) -> Iterator[tuple[bytes, bytes]]:
        updates = [RefUpdate(_text(ref), _sha(old), _sha(new)) for old, new, ref in refs]
        unpacked, refused = self._push(updates)

        yield b"unpack", unpacked.encode()
        for update, (_, _, ref) in zip(updates, refs, strict=True):
            yield ref, refused.get(update.ref, "ok").encode()

    def _push(self, updates: Sequence[RefUpdate]) -> tuple[str, dict[str, str]]:
        """Return ``ok`` or why nothing could be received, and the reason for each ref that did not move."""
        atomic = self.has_capability(CAPABILITY_ATOMIC)
        side_band = self.has_capability(CAPABILITY_SIDE_BAND_64K)
        seconds = self._keepalive_seconds if side_band else None
        try:
            with Quarantine(self._repository, atomic=atomic) as quarantine, self._client.watching(seconds) as progress:
                self._receiver.admit(self._options(), progress)
                with span("receive"):
                    self._take_in(updates, quarantine, progress)
                return "ok", _presentable(self._decide(updates, quarantine, progress))
        except PaasError as error:
            reason = _reason(error)
        except Disconnected:
            reason = GONE
        except Exception as fault:  # noqa: BLE001  # a fault of ours ends one push, and is logged
            reason = _fault(fault, f"a push to {self._repository.path.name} could not be taken in")
        return reason, {update.ref: reason for update in updates}

    def _options(self) -> list[str]:
        """Return the push options, which come between the commands and the pack."""
        if not self.has_capability(CAPABILITY_PUSH_OPTIONS):
            return []
        options = []
        while (line := self._commands.read_pkt_line()) is not None:
            options.append(line.decode(errors="replace").rstrip("\n"))
            if len(options) > MOST_OPTIONS:
                raise PushRefused(f"a push may have at most {MOST_OPTIONS} options")
        return options

    def _take_in(
        self, updates: Sequence[RefUpdate], quarantine: Quarantine, progress: Callable[[bytes], None]
    ) -> None:
        tips = sorted({update.new for update in updates if update.new})
        if not tips:
            return
        try:
            quarantine.take_in(self._client.stdin, self._max_pack_bytes)
            quarantine.check_connected(tips)
        except PushRefused as refusal:
            if refusal.fix:
                # git shows only the reason.
                progress("".join(f" !     {line}\n" for line in refusal.lines()).encode())
            raise PushRefused(SHALLOW) if self._commands.shallow else refusal from None

    def _decide(
        self, updates: Sequence[RefUpdate], quarantine: Quarantine, progress: Callable[[bytes], None]
    ) -> dict[str, str]:
        """Move the accepted refs. Return the reasons for the others."""
        refused = problems(updates, self._repository.refs())
        ask = partial(self._ask, quarantine=quarantine, progress=progress)
        for step in (quarantine.rehearse, ask, quarantine.accept):
            left = [update for update in updates if update.ref not in refused]
            if not left or (refused and quarantine.atomic):
                break
            refused |= {ref: reason for ref, reason in step(left).items() if reason is not None}

        if quarantine.atomic:
            refused = all_or_none([update.ref for update in updates], refused)
        return {ref: reason for ref, reason in refused.items() if ref not in quarantine.moved}

    def _ask(
        self, updates: Sequence[RefUpdate], quarantine: Quarantine, progress: Callable[[bytes], None]
    ) -> dict[str, str | None]:
        try:
            verdicts = self._receiver.update(updates, quarantine, progress)
        except PaasError as error:
            return {update.ref: _reason(error) for update in updates}
        except Exception as fault:  # noqa: BLE001  # a fault of ours ends one push, and is logged
            reason = _fault(fault, f"receiving a push to {self._repository.path.name} failed")
            return {update.ref: reason for update in updates}
        return {update.ref: verdicts.get(update.ref, INTERNAL_ERROR) for update in updates}


def _reason(error: PaasError) -> str:
    """Return the reason that git shows. A full disk has its code, because it is not reported otherwise."""
    return f"{one_line(error.what)} [{error.code}]" if isinstance(error, DiskFull) else one_line(error.what)


def _fault(fault: Exception, what: str) -> str:
    error = unexpected(fault)
    if isinstance(error, DiskFull):
        logger.warning("%s: %s", what, fault)
        return _reason(error)
    logger.error("%s", what, exc_info=fault)
    return INTERNAL_ERROR


def _presentable(reasons: Mapping[str, str]) -> dict[str, str]:
    return {ref: one_line(reason) or "refused" for ref, reason in reasons.items()}


def _text(ref: bytes) -> str:
    return ref.decode(errors="surrogateescape")


def _sha(value: bytes) -> str | None:
    if not _SHA.fullmatch(value):
        raise GitProtocolError(f"Invalid object name from client: {value.decode(errors='replace')}")
    return None if value == _NONE else value.decode()
