"""The HTTP API as an OpenAPI 3.1 document, from the declarations of the commands."""

from __future__ import annotations

from typing import Annotated, Any

import paas
from paas.commands.declare import Arg, Command, Parameter, Stdin, command
from paas.commands.render import Text, as_json
from paas.core.access.caller import Access
from paas.dispatch.calling import GLOBAL, LOCK_WAIT, served
from paas.dispatch.help import visible
from paas.jobs.context import Context

PROBLEM = {
    "type": "object",
    "description": "RFC 9457, with the parts that every error of the platform has. `code` is stable across versions.",
    "required": ["status", "what", "why", "fix", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "detail": {"type": "string"},
        "status": {"type": "integer"},
        "what": {"type": "string"},
        "why": {"type": "string"},
        "fix": {"type": "string"},
        "code": {"type": "string"},
        "exit_status": {"type": "integer"},
    },
}
CHATTER = {
    "type": "object",
    "required": ["output", "exit_status"],
    "properties": {"output": {"type": "string"}, "exit_status": {"type": "integer"}},
}
PREFER = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "enum": ["respond-async"]},
    "description": "`respond-async`: the answer is a 202 as soon as a change of an app has begun.",
}
BEGUN = {
    "type": "object",
    "description": "The number of the change that has begun, and the addresses of its state, its log and its page.",
    "required": ["build", "info", "output", "page"],
    "properties": {
        "build": {"type": "integer"},
        "info": {"type": "string"},
        "output": {"type": "string"},
        "page": {"type": "string"},
    },
}
EVENTS = {"type": "string", "description": "Live: the events `output`, `message`, `result`, `problem` and `exit`."}
FAILURES = {
    "400": "The parameters are not understood.",
    "401": "The token is missing or invalid.",
    "403": "The token's role does not allow it.",
    "404": "The app, or another named item, does not exist.",
    "409": "It already exists, or is locked.",
    "422": "A value was refused, or the command did not succeed.",
    "429": "Too many concurrent requests with this token; `Retry-After` says when to try again.",
    "502": "The daemon does not run.",
    "503": "The server, Docker or nginx is busy or unavailable; `Retry-After` says when to try again.",
    "default": "It failed.",
}


@command("openapi", access=Access.VIEW)
def openapi(ctx: Context, topic: Annotated[str, Arg("COMMAND")] = "") -> Text:
    """Print the description of the HTTP API as an OpenAPI document, or of one command of it."""
    found = document()
    paths = {path: entry for path, entry in found["paths"].items() if not topic or path.endswith(f"/{topic}")}
    whole = {**found, "paths": paths}
    return Text(as_json(whole), whole)


def document() -> dict[str, Any]:
    """Return the complete document."""
    commands = [entry for entry in visible() if served(entry)]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "paas",
            "version": paas.__version__,
            "description": "Every command of the platform over HTTP. Parameters are named as in the commands' usage; "
            "a role that a command needs is named in its description. With `Accept: text/event-stream` or "
            "`application/x-ndjson` output comes live.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/api/v1"}],
        "security": [{"token": []}],
        "tags": [{"name": name} for name in dict.fromkeys(entry.namespace for entry in commands)],
        "paths": {f"/commands/{entry.name}": _path(entry) for entry in commands},
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "Made with `tokens:add NAME`."}
            },
            "schemas": {"Problem": PROBLEM, "Chatter": CHATTER},
            "responses": {
                "202": {
                    "description": "A deployment has begun and continues; `Location` has its state.",
                    "content": {"application/json": {"schema": BEGUN}},
                },
                **{name: {"description": words, "content": _problem()} for name, words in FAILURES.items()},
            },
        },
    }


def _problem() -> dict[str, Any]:
    return {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def _path(entry: Command) -> dict[str, Any]:
    looks = {"get": _operation(entry, "get")} if entry.access is Access.VIEW else {}
    return {**looks, "post": _operation(entry, "post")}


def _operation(entry: Command, method: str) -> dict[str, Any]:
    schemas = _schemas(entry)
    needed = [one.public for one in entry.parameters if one.required and not one.arg.scope]
    shared = f"; with `{GLOBAL}`: {entry.shared.name.lower()}" if entry.shared else ""
    found: dict[str, Any] = {
        "operationId": f"{method}-{entry.name}".replace(":", "-"),
        "summary": entry.summary,
        "description": f"{entry.doc}\n\nUsage: `{entry.usage()}`. Role: {entry.access.name.lower()}{shared}.",
        "tags": [entry.namespace],
        "responses": _responses(entry),
    }
    if method == "get":
        found["parameters"] = [
            {"name": name, "in": "query", "required": name in needed, "schema": schema}
            for name, schema in schemas.items()
        ]
    else:
        body = {"type": "object", "properties": schemas, "required": needed, "additionalProperties": False}
        found["requestBody"] = {"required": bool(needed), "content": {"application/json": {"schema": body}}}
        if entry.access > Access.VIEW and any(one.arg.app for one in entry.parameters):
            found["parameters"] = [PREFER]
            found["responses"]["202"] = {"$ref": "#/components/responses/202"}
    return found


def _schemas(entry: Command) -> dict[str, Any]:
    """Return the schema of each parameter by name."""
    found = {one.public: _schema(one) for one in entry.parameters}
    if any(one.arg.scope for one in entry.parameters):
        found[GLOBAL] = {"type": "boolean", "description": "All apps, or the server, in place of one app."}
    if entry.changes_app:
        found[LOCK_WAIT] = {"type": "string", "description": "How long to wait for a lock on the app, such as 10m."}
    if entry.stdin is Stdin.TEXT:
        found["stdin"] = {"type": "string", "description": "What the command reads from standard input."}
    return found


def _schema(parameter: Parameter) -> dict[str, Any]:
    if parameter.boolean:
        return {"type": "boolean"}
    one: dict[str, Any] = {"type": "integer" if parameter.whole else "string"}
    if parameter.arg.choices:
        one["enum"] = list(parameter.arg.choices)
    if parameter.many or parameter.arg.repeat:
        one = {"type": "array", "items": one}
    return {**one, "title": parameter.arg.metavar} if parameter.arg.metavar else one


def _responses(entry: Command) -> dict[str, Any]:
    value = {"description": "The command's result."} if entry.value else {"$ref": "#/components/schemas/Chatter"}
    content = {
        "application/json": {"schema": value},
        "application/x-ndjson": {"schema": EVENTS},
        "text/event-stream": {"schema": EVENTS},
    }
    failures = {name: {"$ref": f"#/components/responses/{name}"} for name in FAILURES}
    return {"200": {"description": "It succeeded.", "content": content}, **failures}
