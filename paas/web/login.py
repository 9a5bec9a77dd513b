"""Signing in and out."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from paas.web import security
from paas.web.auth import cookie_name, cookie_or_none, do, link, session_or_none, sessions
from paas.web.daemon_client import ApiCaller, CommandFailed
from paas.web.sessions import LONGEST_SECONDS

entry = Blueprint("entry", __name__)

REASONS = {
    "expired-token": "Your token has expired.",
    "unknown-token": "Your token does not count any more.",
}


@entry.get("/sign-in")
def sign_in() -> str | Response:
    """Show the form; continue if the client is already signed in."""
    security.check_way()
    why = request.args.get("why", "")
    if session_or_none() is not None and not why:
        return redirect(url_for("apps.overview"))
    return _form(REASONS.get(why, ""))


@entry.post("/sign-in")
def enter() -> tuple[str, int] | Response:
    """Create a session for a valid token."""
    security.check_way()
    security.check_origin()
    token = request.form.get("token", "").strip()
    try:
        link().ask(ApiCaller(token, security.address()), "whoami")
    except CommandFailed as error:
        if error.parts["status"] != 401:
            raise
        return _form("", error), 401
    response = redirect(url_for("apps.overview"), 303)
    response.set_cookie(
        cookie_name(),
        sessions().open(token),
        max_age=LONGEST_SECONDS,
        secure=security.secure(),
        httponly=True,
        samesite="Strict",
    )
    return response


@entry.post("/sign-out")
def leave() -> Response:
    """End the session."""
    do("whoami", {})
    sessions().close(cookie_or_none())
    response = redirect(url_for("entry.sign_in"), 303)
    response.delete_cookie(cookie_name(), samesite="Strict", httponly=True, secure=security.secure())
    return response


def _form(note: str, error: CommandFailed | None = None) -> str:
    return render_template(
        "sign_in.html", me=None, signed_in=False, note=note, problem=error.parts if error else None
    )
