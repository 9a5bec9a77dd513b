"""Look up the caller again for every command: the key may have changed its role or owner since the login."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable

from paas.commands.invocation import Dispatch, Invocation
from paas.control.channel import complaint
from paas.core.access.caller import Caller
from paas.core.errors import Disconnected, Forbidden, PaasError

_log = logging.getLogger(__name__)

Lookup = Callable[[str], Caller | None]
"""Find the caller of the key with the fingerprint ``SHA256:…``, or None. It runs in a thread."""


def looked_up(lookup: Lookup, dispatch: Dispatch) -> Dispatch:
    """Wrap ``dispatch`` so that it looks up the caller first: the key may have been changed or removed."""

    def run(invocation: Invocation) -> int:
        try:
            invocation.caller = _now(lookup, invocation.caller)
        except PaasError as error:
            return _refuse(invocation, error)
        except Exception:  # noqa: BLE001  # logged, and the client gets an error
            _log.exception("looking up the key %s failed", invocation.caller.fingerprint)
            return _refuse(invocation, PaasError("internal server error", why="The server's log has the details."))
        return dispatch(invocation)

    return run


def _now(lookup: Lookup, caller: Caller) -> Caller:
    current = lookup(caller.fingerprint)
    if current is None:
        raise Forbidden(
            f"The key {caller.name} is unknown",
            why="It was removed after this connection logged in.",
            fix="An administrator adds keys with: ssh-keys:add NAME < KEY.pub",
            code="unknown-key",
        )
    return dataclasses.replace(current, address=caller.address)


def _refuse(invocation: Invocation, error: PaasError) -> int:
    try:
        invocation.stderr(complaint(error))
    except Disconnected:
        _log.info("a client disconnected before it received: %s", error.what)
    return error.status
