"""Who looks at a page: their session, what they may, and commands in their name."""

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
"""How the names of pages end that may take as long as their reader likes."""
RANKS = {"view": 1, "deploy": 2, "admin": 3}


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in; ``form_key`` is in each of their forms."""

    name: str
    role: str
    form_key: str

    def may(self, role: str) -> bool:
        """Whether the role is enough for what needs ``role``: what is not is not shown."""
        return RANKS.get(self.role, 0) >= RANKS[role]


def link() -> Link:
    """The way to the daemon."""
    found: Link = current_app.config["LINK"]
    return found


def sessions() -> Sessions:
    """Those who are signed in."""
    found: Sessions = current_app.config["SESSIONS"]
    return found


def cookie_name() -> str:
    """The name of the session's cookie on the way that the client came."""
    return HOST_COOKIE if security.secure() else COOKIE


def cookie_or_none() -> str:
    """What the session's cookie says, empty for none. Two are refused: one may be somebody else's."""
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
    """The caller of the session's token, None where nobody is signed in."""
    cookie = cookie_or_none()
    token = sessions().token(cookie) if cookie else ""
    return ApiCaller(token, security.address()) if token else None


def caller() -> ApiCaller:
    """The same; `CommandFailed` where nobody is."""
    security.check_way()
    found = session_or_none()
    if found is None:
        raise problem("nobody is signed in", 401, "not-signed-in")
    return found


def hold_place() -> None:
    """Takes a place for a page, or for what a form does or a stream tells. Who is not signed in needs none."""
    found = session_or_none() if request.blueprint in PAGES else None
    if found is not None:
        lasts = request.method == "POST" or str(request.endpoint).endswith(LASTING)
        limits.hold("calls" if lasts else "pages", found.token)


def person() -> Person:
    """Who is signed in, by the daemon's word, once for each request."""
    if "person" not in g:
        said = link().ask(caller(), "whoami")
        g.person = Person(said["name"], said["role"], form_key(cookie_or_none()))
    found: Person = g.person
    return found


def ask(command: str, **parameters: Any) -> Any:
    """The result of a command that only looks, in the name of who is signed in."""
    return link().ask(caller(), command, **parameters)


def begin(command: str, **parameters: Any) -> Conversation:
    """A command that only looks, whose output comes live, after the place that the page has shown up to."""
    after = request.headers.get("Last-Event-ID") or request.args.get("after", "")
    return link().begin(caller(), command, parameters, look=True, after=after)


def do(command: str, parameters: Mapping[str, Any], stdin: str = "") -> Any:
    """Runs a command that changes something, for a form that is one of ours; its result."""
    check_form()
    return link().run(caller(), command, parameters, stdin=stdin.encode()).read()


def start(command: str, parameters: Mapping[str, Any]) -> int:
    """The same, up to where it begins a change of an app, which may take long: the number of that, 0 for none."""
    check_form()
    return link().run(caller(), command, parameters, detached=True).build


def check_form() -> None:
    """Refuses a form that is none of ours."""
    security.check_origin()
    expected = form_key(cookie_or_none())
    if not hmac.compare_digest(request.form.get("form_key", "").encode(), expected.encode()):
        raise problem("the form is too old", 403, "foreign-form", fix="Go back, load the page again, and send it anew.")


def page(template: str, **values: Any) -> str:
    """The page for who is signed in."""
    code = request.args.get("said", "")
    said = sessions().said(cookie_or_none(), code) if code else ""
    return render_template(template, me=person(), signed_in=True, done=said, **values)


def back(endpoint: str, done: str, **values: Any) -> Response:
    """To the page, which says what was done. The words are not in its address: a link could make it say anything."""
    return redirect(url_for(endpoint, said=sessions().say(cookie_or_none(), done), **values), 303)


def try_ask(command: str, default: Any, **parameters: Any) -> Any:
    """As `ask`, with ``default`` in place of an error: for a part of a page that the rest does without."""
    try:
        return ask(command, **parameters)
    except CommandFailed as error:
        if error.parts["status"] in (401, 502):
            raise
        return error.parts.get("result", default)
