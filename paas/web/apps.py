"""The pages of apps."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from paas.web import streaming, views
from paas.web.auth import ask, back, begin, caller, link, page, person, start, try_ask
from paas.web.daemon_client import CommandFailed, CommandOutcome, problem

apps = Blueprint("apps", __name__)

APPS_SHOWN, BUILDS_SHOWN, RELEASES_SHOWN, LOG_LINES = 50, 15, 20, 200


@apps.get("/")
def overview() -> str:
    """Show the apps, or those with the words of a search in their names, page by page."""
    words = request.args.get("q", "").lower().split()
    names = ask("apps:list")
    found = [name for name in names if all(word in name for word in words)]
    last = max(1, -(-len(found) // APPS_SHOWN))
    wanted = request.args.get("page", "1")
    number = min(last, max(1, int(wanted))) if re.fullmatch(r"[0-9]{1,6}", wanted) else 1
    shown = found[(number - 1) * APPS_SHOWN : number * APPS_SHOWN]
    rows = ask("apps:overview", apps=shown) if shown else []
    return page(
        "overview.html", apps=rows, query=" ".join(words), count=len(found), all=len(names), number=number, last=last
    )


@apps.get("/apps/<name>")
def app(name: str) -> str:
    """Show one app."""
    info = ask("apps:info", app=name)
    containers = try_ask("ps", None, app=name)
    return page(
        "app.html",
        info=info,
        containers=containers,
        groups=views.by_process(info["processes"], containers or []),
        releases=ask("releases", app=name)[:RELEASES_SHOWN],
        builds=ask("builds:list", app=name)[:BUILDS_SHOWN],
        domains=ask("domains:report", app=name),
    )


@apps.get("/apps/<name>/config")
def config(name: str) -> str:
    """Show the variables of an app; their values only on request, and with the required role."""
    revealed = "reveal" in request.args and person().may("deploy")
    values = ask("config:show", app=name) if revealed else dict.fromkeys(ask("config:keys", app=name))
    return page("config.html", name=name, values=values, revealed=revealed)


@apps.get("/apps/<name>/diff")
def diff(name: str) -> str:
    """Show the differences between two releases."""
    versions = [one["version"] for one in ask("releases", app=name)]
    after = request.args.get("after") or next(iter(versions), "")
    before = request.args.get("before") or next(iter(versions[1:]), after)
    rows = ask("releases:diff", app=name, before=before, after=after) if after else []
    return page("diff.html", name=name, versions=versions, before=before, after=after, rows=rows)


@apps.get("/apps/<name>/rollback/<version>")
def confirm_rollback(name: str, version: str) -> str:
    """Ask for confirmation of a rollback."""
    current = ask("apps:info", app=name)["release"]
    return page(
        "rollback.html",
        name=name,
        info=ask("releases:info", app=name, version=version),
        rows=try_ask("releases:diff", [], app=name, before=current, after=version),
    )


@apps.get("/apps/<name>/logs")
def logs(name: str) -> str:
    """Show the log of an app, which continues with JavaScript."""
    wanted = _log_query()
    outcome: CommandOutcome | None = None
    failed: dict[str, Any] | None = None
    try:
        outcome = _last_lines(name, wanted)
    except CommandFailed as error:
        if error.parts["status"] != 422:
            raise
        failed = error.parts
    where = url_for("apps.whole", name=name)
    rows = [_log_line(where, line) for line in outcome.output.splitlines()] if outcome else []
    processes = ask("apps:info", app=name)["processes"]
    place = outcome.place if outcome else ""
    return page(
        "logs.html", name=name, lines=rows, query=wanted, problem=failed, processes=processes, place=place
    )


@apps.get("/apps/<name>/logs/events")
def log_events(name: str) -> Response:
    """Stream new lines of the log, after those on the page."""
    begun = begin("logs", app=name, tail=True, num=0, cut=str(views.LONGEST_LINE), **_log_query())
    # The lines come when the request is over, and with it what knows the addresses.
    where = url_for("apps.whole", name=name)
    return streaming.respond(begun, streaming.SSE, lambda line: _log_line(where, line))


@apps.get("/apps/<name>/logs/line")
def whole(name: str) -> Response:
    """Return one line of the log of any length."""
    at = request.args.get("at", "")
    wanted = {"source": request.args.get("source", ""), "ps": request.args.get("ps", "")}
    return streaming.text(begin("logs", app=name, since=at, until=at, plain=True, **wanted))


def _log_line(where: str, line: str) -> dict[str, Any]:
    cut = views.cut_line(line)
    if cut is None:
        return {"line": line}
    wanted = urlencode({"at": cut.time, "source": cut.source, "ps": cut.process})
    return {"line": line, "whole": f"{where}?{wanted}"}


def _log_query() -> dict[str, str]:
    return {key: request.args[key] for key in ("ps", "grep", "source") if request.args.get(key)}


def _last_lines(name: str, wanted: dict[str, str]) -> CommandOutcome:
    parameters = {"app": name, "num": LOG_LINES, "cut": str(views.LONGEST_LINE), **wanted}
    return link().run(caller(), "logs", parameters, look=True)


@apps.post("/apps/<name>/do")
def act(name: str) -> AnyResponse:
    """Run the action of one of the app's forms: at once, or as a deployment with its own page."""
    asked = request.form.get("action", "")
    if asked not in ACTIONS:
        raise problem("the form asks for nothing that there is", 400, "usage")
    command, fields, done, target = ACTIONS[asked]
    parameters: dict[str, Any] = {"app": name}
    for key in fields:
        value = request.form.get(key, "").strip() if key != "value" else request.form.get(key, "")
        parameters[key] = value
    build = start(command, views.parameters(asked, parameters))
    if build:
        # It may take as long as it likes: its page shows how it goes, and how it ends.
        return redirect(url_for("builds.build", number=build), 303)
    shown = {key: value for key, value in parameters.items() if isinstance(value, str)}
    return back(target, done.format_map(shown), name=name)


ACTIONS = {
    "scale": ("ps:scale", ("type", "number"), "{type} now has {number}", "apps.app"),
    "restart": ("ps:restart", (), "Restarted", "apps.app"),
    "stop": ("ps:stop", (), "Stopped", "apps.app"),
    "start": ("ps:start", (), "Started", "apps.app"),
    "rollback": ("releases:rollback", ("version",), "Went back to {version}", "apps.app"),
    "config-set": ("config:set", ("key", "value"), "{key} is set", "apps.config"),
    "config-unset": ("config:unset", ("key",), "{key} is unset", "apps.config"),
    "domain-add": ("domains:add", ("domain",), "{domain} leads to the app", "apps.app"),
    "domain-remove": ("domains:remove", ("domain",), "{domain} is removed", "apps.app"),
}
"""For each form: the command, its fields, what is said when it is done, and the page that says it."""
