"""Errors as a person reads them in a browser, or a program from the API: what, why, and what to do."""

from __future__ import annotations

import json
import logging
from typing import Any

from flask import Flask, Response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from paas.web.auth import session_or_none
from paas.web.daemon_client import CommandFailed, problem

_log = logging.getLogger(__name__)

USUAL_PAUSE = 5
"""Seconds after which something that is busy is worth another attempt."""

WORDS = {
    400: ("the request is not understood", "", ""),
    404: ("there is no such page", "", "The list of apps leads to everything there is."),
    405: ("this address does not take that", "", ""),
    413: ("the request is too long", "A request has at most 1 MiB.", "Use the command line for larger input."),
}


def register(app: Flask) -> None:
    """Register handlers for all errors of the application."""
    app.register_error_handler(CommandFailed, told)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def told(error: CommandFailed) -> AnyResponse:
    """Return the error as a page, or as a problem document below ``/api``."""
    parts = error.parts
    if request.path.startswith("/api/") or request.accept_mimetypes.best == "text/event-stream":
        return document(error)
    if parts["status"] == 401:
        # The token was removed, or its time is over.
        return redirect(url_for("entry.sign_in", why=parts["code"]))
    page = render_template("problem.html", problem=parts, me=None, signed_in=_signed_in())
    return Response(page, parts["status"], _headers(parts))


def document(error: CommandFailed) -> Response:
    """Return the error as RFC 9457 defines it."""
    body = json.dumps(error.parts, ensure_ascii=False)
    status = error.parts["status"]
    return Response(body, status, _headers(error.parts), content_type="application/problem+json")


def _headers(parts: dict[str, Any]) -> dict[str, str]:
    found = {"WWW-Authenticate": 'Bearer realm="paas"'} if parts["status"] == 401 else {}
    if parts["status"] in (429, 503):
        found["Retry-After"] = str(parts.get("retry_after") or USUAL_PAUSE)
    return found


def _signed_in() -> bool:
    try:
        return session_or_none() is not None
    except CommandFailed:
        # The error may be that there are two sessions.
        return False


def _http(error: HTTPException) -> AnyResponse:
    if error.response is not None or (error.code or 500) < 400:
        return error.get_response()
    what, why, fix = WORDS.get(error.code or 500, (error.name.lower(), "", ""))
    return told(problem(what, error.code or 500, error.name.lower().replace(" ", "-"), why=why, fix=fix))


def _unexpected(fault: Exception) -> AnyResponse:
    _log.exception("%s %s failed unexpectedly", request.method, request.path, exc_info=fault)
    why = "The server's log has the details."
    return told(problem("internal server error", 500, "internal", why=why))
