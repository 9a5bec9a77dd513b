"""Authentication of pages: the session, its role, and commands in its name."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import current_app, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from paas.web import limits, security
from paas.web.daemon_client import ApiCaller, CommandFailed, Conversation, Link, problem
from paas.web.sessions import COOKIE, HOST_COOKIE, Sessions, form_key

PAGES = ("apps", "builds", "server")
"""The blueprints of who is signed in."""
LASTING = ("events", "whole")
"""Suffixes of the names of endpoints that may last as long as their client likes."""
RANKS = {"view": 1, "deploy": 2, "admin": 3}


@dataclass(frozen=True)
class Person:
    """Signed-in user; ``form_key`` is in each of their forms."""

    name: str
    role: str
    form_key: str

    def may(self, role: str) -> bool:
        """Return True if the user has at least this role. Pages hide what needs more."""
        return RANKS.get(self.role, 0) >= RANKS[role]


def link() -> Link:
    """Return the connection to the daemon."""
    found: Link = current_app.config["LINK"]
    return found


def sessions() -> Sessions:
    """Return the sessions."""
    found: Sessions = current_app.config["SESSIONS"]
    return found


def cookie_name() -> str:
    """Return the name of the session's cookie for the scheme of the request."""
    return HOST_COOKIE if security.secure() else COOKIE


def cookie_or_none() -> str:
    """Return the content of the session's cookie, empty for none. Raise an error for two: one may be of another site.
    """
    found = request.cookies.getlist(cookie_name())
    if len(found) > 1:
        raise problem(
            "there are two sessions",
            400,
            "two-sessions",
            why="The browser sends two cookies for this host, and one of them may have been set by another site.",
            fix="Remove the cookies of this host in your browser, and sign in again.",
        )
    return found[0] if found else ""


def session_or_none() -> ApiCaller | None:
    """Return the caller with the session's token, None if not signed in."""
    cookie = cookie_or_none()
    token = sessions().token(cookie) if cookie else ""
    return ApiCaller(token, security.address()) if token else None


def caller() -> ApiCaller:
    """Return the caller. Raise `CommandFailed` if not signed in."""
    security.check_way()
    found = session_or_none()
    if found is None:
        raise problem("not signed in", 401, "not-signed-in")
    return found


def hold_place() -> None:
    """Take a place for a page, a form or a stream. Clients that are not signed in need none."""
    found = session_or_none() if request.blueprint in PAGES else None
    if found is not None:
        lasts = request.method == "POST" or str(request.endpoint).endswith(LASTING)
        limits.hold("calls" if lasts else "pages", found.token)


def person() -> Person:
    """Return the signed-in user, as verified by the daemon, once for each request."""
    if "person" not in g:
        said = link().ask(caller(), "whoami")
        g.person = Person(said["name"], said["role"], form_key(cookie_or_none()))
    found: Person = g.person
    return found


def ask(command: str, **parameters: Any) -> Any:
    """Return the result of a read-only command, in the name of the user."""
    return link().ask(caller(), command, **parameters)


def begin(command: str, **parameters: Any) -> Conversation:
    """Begin a read-only command with live output, after the position that the page has shown."""
    after = request.headers.get("Last-Event-ID") or request.args.get("after", "")
    return link().begin(caller(), command, parameters, look=True, after=after)


def do(command: str, parameters: Mapping[str, Any], stdin: str = "") -> Any:
    """Run a command that changes something, for a form of this site. Return its result."""
    check_form()
    return link().run(caller(), command, parameters, stdin=stdin.encode()).read()


def start(command: str, parameters: Mapping[str, Any]) -> int:
    """Run a command until it begins a deployment, which may take long. Return its number, 0 for none."""
    check_form()
    return link().run(caller(), command, parameters, detached=True).build


def check_form() -> None:
    """Raise an error for a form of another site."""
    security.check_origin()
    expected = form_key(cookie_or_none())
    if not hmac.compare_digest(request.form.get("form_key", "").encode(), expected.encode()):
        raise problem("the form is too old", 403, "foreign-form", fix="Go back, load the page again, and send it anew.")


def page(template: str, **values: Any) -> str:
    """Return the page for the signed-in user."""
    code = request.args.get("said", "")
    said = sessions().said(cookie_or_none(), code) if code else ""
    return render_template(template, me=person(), signed_in=True, done=said, **values)


def back(endpoint: str, done: str, **values: Any) -> Response:
    """Redirect to the page, which shows the message. It is not in the address, where a link could put any text."""
    return redirect(url_for(endpoint, said=sessions().say(cookie_or_none(), done), **values), 303)


def try_ask(command: str, default: Any, **parameters: Any) -> Any:
    """Do what `ask` does, with ``default`` in place of an error, for an optional part of a page."""
    try:
        return ask(command, **parameters)
    except CommandFailed as error:
        if error.parts["status"] in (401, 502):
            raise
        return error.parts.get("result", default)
