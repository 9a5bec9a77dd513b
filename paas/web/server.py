"""The page of the server: how it is, its settings, and who may use it."""

from __future__ import annotations

from flask import Blueprint, request
from werkzeug.wrappers import Response

from paas.web.auth import ask, back, do, page, person, try_ask
from paas.web.daemon_client import problem

server = Blueprint("server", __name__)

FINE, WORST = "ok", "problem"


@server.get("/server")
def overview() -> str:
    """Show settings, keys and tokens to administrators. The doctor's findings are loaded later."""
    return _page("")


@server.get("/server/health")
def health() -> str:
    """Show the doctor's findings. Examining all containers and name servers may take seconds."""
    findings = try_ask("doctor", [])
    # There is one or more for each app: those that ask for something must not be lost among them.
    fine = [one for one in findings if one["level"] == FINE]
    rest = sorted((one for one in findings if one["level"] != FINE), key=lambda one: one["level"] != WORST)
    return page("health.html", findings=rest, fine=fine)


def _page(token: str) -> str:
    admin = person().may("admin")
    return page(
        "server.html",
        version=ask("version"),
        settings=ask("settings") if admin else [],
        keys=ask("ssh-keys:list") if admin else [],
        tokens=ask("tokens:list") if admin else [],
        token=token,
    )


@server.post("/server/do")
def act() -> Response | str:
    """Run the action of a form."""
    form = request.form
    match form.get("action", ""):
        case "setting":
            key = form.get("key", "")
            do("settings:set", {"key": key, "value": form.get("value", "").strip()})
            return back("server.overview", f"{key} is set")
        case "key-add":
            do("ssh-keys:add", {"name": form.get("name", ""), "role": form.get("role", "")}, form.get("text", ""))
            return back("server.overview", f"The key {form.get('name', '')} may log in")
        case "key-remove":
            do("ssh-keys:remove", {"name": form.get("name", "")})
            return back("server.overview", "The key is removed")
        case "token-add":
            parameters = {"name": form.get("name", ""), "role": form.get("role", ""), "ttl": form.get("ttl", "")}
            # Shown in the answer itself: it must not be in an address.
            return _page(do("tokens:add", {key: value for key, value in parameters.items() if value}))
        case "token-remove":
            do("tokens:remove", {"name": form.get("name", "")})
            return back("server.overview", "The token is removed")
    raise problem("the form asks for nothing that there is", 400, "usage")
