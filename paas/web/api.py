"""``/api/v1``: every command by its name. What there is, and who may, the daemon says."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, current_app, request, url_for

from paas.web import faults, limits, security, streaming
from paas.web.daemon_client import ApiCaller, CommandFailed, CommandOutcome, Link, problem

api = Blueprint("api", __name__, url_prefix="/api/v1")


@api.errorhandler(CommandFailed)
def tell(error: CommandFailed) -> Response:
    """Return the error as RFC 9457 defines it."""
    return faults.document(error)


@api.get("/openapi.json")
def description() -> Response:
    """Return the OpenAPI document of the commands."""
    caller = _caller()
    limits.hold("calls", caller.token)
    return _json(_link().run(caller, "openapi", {}, look=True).value)


@api.get("/commands/<name>")
def look(name: str) -> Response:
    """Run a read-only command; its parameters are in the query, repeated for a list."""
    found = request.args.to_dict(flat=False)
    parameters = {key: values if len(values) > 1 else values[0] for key, values in found.items()}
    return _run(name, parameters, look=True, caller=_caller())


@api.post("/commands/<name>")
def call(name: str) -> Response:
    """Run a command; its parameters are a JSON object."""
    # Before the body is examined: nothing is parsed without a token.
    caller = _caller()
    return _run(name, _body(), look=False, caller=caller)


def _body() -> dict[str, Any]:
    if not request.data and not request.form:
        return {}
    if request.mimetype != "application/json":
        raise problem(
            "the body is not JSON", 415, "not-json", fix="Send an object, with Content-Type: application/json."
        )
    try:
        body = json.loads(request.data)
    except ValueError as error:
        raise problem("the body is not JSON", 400, "usage", why=str(error)) from error
    except RecursionError as error:
        raise _nested() from error
    if not isinstance(body, dict):
        raise problem("the body is not an object", 400, "usage", why="It has the parameters by name.")
    for value in body.values():
        parts = value if isinstance(value, list) else [value]
        if any(isinstance(part, dict | list) for part in parts):
            raise _nested()
    return body


def _nested() -> CommandFailed:
    why = "The value of a parameter is a text, a number, true or false, or a list of these."
    return problem("the body is nested too deeply", 400, "usage", why=why)


def _run(name: str, parameters: dict[str, Any], *, look: bool, caller: ApiCaller) -> Response:
    limits.hold("calls", caller.token)
    stdin = parameters.pop("stdin", "")
    if not isinstance(stdin, str):
        raise problem(f"{name}: stdin is a text", 400, "usage")
    kind = streaming.wanted()
    if kind:
        after = request.headers.get("Last-Event-ID", "")
        begun = _link().begin(caller, name, parameters, look=look, stdin=stdin.encode(), after=after)
        return streaming.respond(begun, kind)
    # Some commands have no end, as 'logs -t': without this each client that went away would keep a thread for good.
    watched = request.environ.get("gunicorn.socket")
    outcome = _link().run(
        caller, name, parameters, look=look, stdin=stdin.encode(), watched=watched, detached=_prefers_async()
    )
    return _accepted(outcome.build) if outcome.build else _answer(outcome)


def _prefers_async() -> bool:
    """Return True if the client does not wait for deployments (RFC 7240)."""
    wanted = ",".join(request.headers.getlist("Prefer")).split(",")
    return any(one.partition(";")[0].strip().lower() == "respond-async" for one in wanted)


def _accepted(build: int) -> Response:
    """Return a response with the location of the running deployment."""
    info = url_for("api.look", name="builds:info", target=build)
    log = url_for("api.look", name="builds:output", target=build, follow="true")
    page = url_for("builds.build", number=build)
    response = _json(json.dumps({"build": build, "info": info, "output": log, "page": page}), 202)
    response.headers["Location"] = info
    response.headers["Preference-Applied"] = "respond-async"
    return response


def _answer(outcome: CommandOutcome) -> Response:
    if outcome.value and outcome.value != b"null":
        return _json(outcome.value)
    return _json(json.dumps({"output": outcome.output, "exit_status": outcome.status}, ensure_ascii=False))


def _caller() -> ApiCaller:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise problem(
            "there is no token",
            401,
            "no-token",
            fix="Send the header 'Authorization: Bearer TOKEN'; 'tokens:add NAME' on the server makes one.",
        )
    security.check_way()
    return ApiCaller(token.strip(), security.address())


def _link() -> Link:
    link: Link = current_app.config["LINK"]
    return link


def _json(body: bytes | str, status: int = 200, kind: str = "application/json") -> Response:
    return Response(body if isinstance(body, bytes) else body.encode(), status, content_type=kind)
