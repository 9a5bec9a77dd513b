"""How an app wants to be run, by its own description: ``app.json`` and ``paas.yml`` in its repository.

app.json is Dokku's, https://dokku.com/docs/appendices/file-formats/app-json/ ; of it, ``healthchecks``, ``formation``
(quantity), ``cron`` and ``scripts.dokku`` (predeploy, postdeploy) are read here, and everything else is let be.
paas.yml is this platform's own, goes before app.json, and is read strictly (``cron`` is in `paas.core.cron.entries`):

    processes:
      web:
        healthcheck: {path: /health, content: ok, timeout: 2s}
      worker:
        command: python worker.py
        overlap: false
    domains: [www.example.org]
    edge:
      static: {/assets: public/assets}
      error_pages: public/errors
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from paas.core import names
from paas.core.apps import procfile
from paas.core.builds import fields
from paas.core.cron import entries
from paas.core.cron.entries import CronEntry
from paas.core.edge.hosts import host_name
from paas.core.edge.rules import ERROR_PAGES, path_prefix
from paas.core.errors import InvalidValue
from paas.core.health.check_file import JSON_FIELDS, YAML_FIELDS, check
from paas.core.health.checks import Check
from paas.core.model import WEB, Process
from paas.core.releases.rollout import MAX_QUANTITY
from paas.core.schema import Reader, check_length, show

APP_JSON, PAAS_YML = "app.json", "paas.yml"
SCRIPTS = ("predeploy", "postdeploy")
PROCESS_FIELDS = ("command", "port", "protocol", "overlap", "healthcheck", "healthchecks")


@dataclass(frozen=True)
class ProcessSpec:
    """Description of one process type. ``command`` and ``port`` are None if not given."""

    command: str | None = None
    port: int | None = None
    overlap: bool = True
    checks: tuple[Check, ...] = ()
    protocol: str = "tcp"


@dataclass(frozen=True)
class AppSpec:
    """Description of an app by the files of a commit, with the process types in the order of the Procfile.

    ``predeploy`` is a command to run before anything starts, ``postdeploy`` one to run once the release serves; empty
    for none. ``cron`` has commands with their schedules; ``static`` folders of the image that the edge serves, by path
    prefix; ``domains`` additional host names; ``formation`` the number of containers of process types that were never
    scaled. ``image`` is the image that the commit stands for, empty for code.
    """

    processes: Mapping[str, ProcessSpec] = field(default_factory=dict)
    predeploy: str = ""
    postdeploy: str = ""
    cron: tuple[CronEntry, ...] = ()
    static: Mapping[str, str] = field(default_factory=dict)
    domains: tuple[str, ...] = ()
    formation: Mapping[str, int] = field(default_factory=dict)
    image: str = ""

    @property
    def commands(self) -> dict[str, str]:
        """The commands by process type, of those that have one."""
        return {kind: spec.command for kind, spec in self.processes.items() if spec.command is not None}

    def unscaled(self, scaled: Collection[str]) -> dict[str, int]:
        """Return the quantities of the process types that are not among the ``scaled`` ones."""
        return {kind: count for kind, count in self.formation.items() if kind in self.processes and kind not in scaled}


def of_release(processes: Sequence[Process]) -> AppSpec:
    """Return the description that a release was made from."""
    return AppSpec(
        {one.type: ProcessSpec(one.command, one.given_port, one.overlap, one.checks, one.protocol) for one in processes}
    )


def merge(commands: Mapping[str, str], app_json: AppSpec, paas_yml: AppSpec) -> AppSpec:
    """Merge the Procfile's commands with the descriptions; paas.yml overrides app.json.

    Without a Procfile, the image's own command is ``web``. Raise `InvalidValue` for a type of paas.yml without a
    command; app.json may name types that do not exist.
    """
    types = dict.fromkeys([*(commands or (WEB,)), *paas_yml.processes])
    merged = {}
    for kind in types:
        own = paas_yml.processes.get(kind, ProcessSpec())
        given = app_json.processes.get(kind, ProcessSpec())
        command = own.command or commands.get(kind)
        if command is None and (commands or kind != WEB):
            raise InvalidValue(
                f"{PAAS_YML}: processes.{kind}: there is no such process",
                why="It has no line in the Procfile and no command here.",
                fix=f"Add 'command: …' to processes.{kind}, or a line '{kind}: …' to the Procfile.",
                code="invalid-paas-yml",
            )
        merged[kind] = replace(own, command=command, checks=own.checks or given.checks)
    cron = paas_yml.cron or app_json.cron
    return AppSpec(
        merged, app_json.predeploy, app_json.postdeploy, cron, paas_yml.static, paas_yml.domains, app_json.formation
    )


def with_commands(spec: AppSpec, commands: Mapping[str, str]) -> AppSpec:
    """Return the description with these commands added; they replace the image's own."""
    for kind in commands:
        names.process_type(kind)
    said = {kind: replace(spec.processes.get(kind, ProcessSpec()), command=text) for kind, text in commands.items()}
    return replace(spec, processes={**spec.processes, **said})


def processes(spec: AppSpec, exposed: tuple[int, ...], configured_port: str | None) -> tuple[Process, ...]:
    """Return the processes of a release with their ports.

    The port of web is the configured PORT, the port in paas.yml, the image's only EXPOSE, or 5000, in this order. Other
    types have the port in paas.yml.
    """
    found = []
    for kind, said in spec.processes.items():
        if kind == "release":
            # A phase of the deploy, not a long-running process.
            continue
        port = said.port
        if kind == WEB and (configured_port is not None or port is None):
            port = procfile.web_port(exposed, configured_port)
        found.append(Process(kind, said.command, port, said.checks, said.overlap, said.port, said.protocol))
    return tuple(found)


def speaking_grpc(spec: AppSpec, port: int) -> AppSpec:
    """Return the description with a web that takes gRPC requests on the port."""
    web = spec.processes.get(WEB)
    if web is None:
        return spec
    return replace(spec, processes={**spec.processes, WEB: replace(web, protocol="grpc", port=port)})


def from_app_json(text: str, path: str = APP_JSON) -> AppSpec:
    """Parse an app.json. Raise `InvalidValue` naming the file and the place in it."""
    check_length(text, path, "invalid-app-json")
    try:
        raw = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidValue(
            f"{path} is not JSON: {where}", why=f"{error.msg}.", code="invalid-app-json"
        ) from error
    except RecursionError as error:
        raise InvalidValue(f"{path} is not JSON", why="It is nested too deeply.", code="invalid-app-json") from error
    except ValueError as error:
        # A number with thousands of digits.
        raise InvalidValue(f"{path} can't be read", why=f"{error}.", code="invalid-app-json") from error
    reader = Reader(path, "invalid-app-json")
    top = reader.mapping(raw, "")
    found = {}
    for kind, rows in reader.mapping(top.get("healthchecks", {}), "healthchecks").items():
        at = f"healthchecks.{kind}"
        found[kind] = ProcessSpec(checks=tuple(
            check(reader, row, f"{at}[{number}]", JSON_FIELDS)
            for number, row in enumerate(reader.sequence(rows, at))
        ))  # fmt: skip
    scripts = reader.mapping(top.get("scripts"), "scripts")
    dokku = reader.mapping(scripts.get("dokku"), "scripts.dokku")
    predeploy, postdeploy = (
        reader.text(dokku[name], f"scripts.dokku.{name}") if dokku.get(name) else "" for name in SCRIPTS
    )
    scheduled = entries.read(top["cron"], reader, entries.JSON_FIELDS) if top.get("cron") else ()
    return AppSpec(found, predeploy, postdeploy, scheduled, formation=_formation(reader, top))


def _formation(reader: Reader, top: Mapping[str, Any]) -> dict[str, int]:
    found = {}
    for kind, said in reader.mapping(top.get("formation"), "formation").items():
        at = f"formation.{kind}"
        quantity = reader.mapping(said, at).get("quantity")
        if quantity is not None:
            found[kind] = reader.number(quantity, f"{at}.quantity", 0, MAX_QUANTITY)
    return found


def from_paas_yml(raw: object, path: str = PAAS_YML) -> AppSpec:
    """Read the parsed content of a paas.yml. Raise `InvalidValue` naming the file and the place in it."""
    reader = Reader(path, "invalid-paas-yml")
    top = reader.mapping(raw, "")
    reader.known(top, "", ("processes", "cron", "edge", *fields.FIELDS, "domains"))
    # Its value is for `paas.core.builds.plan`; an error in it is reported wherever the file is read.
    fields.read(top, path)
    found = {}
    for kind, said in reader.mapping(top.get("processes"), "processes").items():
        at = f"processes.{kind}"
        try:
            names.process_type(kind)
        except InvalidValue as error:
            raise reader.wrong(at, "is not a name for a process type", error.why) from error
        found[kind] = _process(reader, reader.mapping(said, at), at)
    scheduled = entries.read(top["cron"], reader, entries.YAML_FIELDS) if top.get("cron") is not None else ()
    static = _static(reader, reader.mapping(top.get("edge"), "edge"))
    return AppSpec(found, cron=scheduled, static=static, domains=_domains(reader, top))


def _domains(reader: Reader, top: Mapping[str, Any]) -> tuple[str, ...]:
    found: list[str] = []
    for number, text in enumerate(reader.sequence(top.get("domains", []), "domains")):
        at = f"domains[{number}]"
        name = reader.text(text, at)
        try:
            found.append(host_name(name))
        except InvalidValue as error:
            raise reader.wrong(at, error.what, error.why) from error
    return tuple(dict.fromkeys(found))


def _static(reader: Reader, edge: Mapping[str, Any]) -> dict[str, str]:
    """Return the folders that the edge serves, by path prefix."""
    reader.known(edge, "edge", ("static", "error_pages"))
    found = {}
    for prefix, said in reader.mapping(edge.get("static"), "edge.static").items():
        at = f"edge.static.{prefix}"
        try:
            place = path_prefix(prefix)
        except InvalidValue as error:
            raise reader.wrong(at, "is not a path prefix", error.why) from error
        if place in found:
            raise reader.wrong(at, "is there twice")
        found[place] = _folder(reader, said, at)
    if "error_pages" in edge:
        found[ERROR_PAGES] = _folder(reader, edge["error_pages"], "edge.error_pages")
    return found


def _protocol(reader: Reader, said: Mapping[str, Any], at: str) -> str:
    protocol = said.get("protocol", "tcp")
    if protocol not in ("tcp", "udp", "grpc"):
        raise reader.wrong(f"{at}.protocol", f"must be tcp, udp or grpc, not {show(protocol)}")
    if protocol == "grpc" and at != f"processes.{WEB}":
        raise reader.wrong(f"{at}.protocol", "grpc is for web; another process is reached by ports:add as tcp")
    if protocol == "udp" and (at == f"processes.{WEB}" or "port" not in said):
        raise reader.wrong(f"{at}.protocol", "udp needs a port, and is not for web")
    return str(protocol)


def _folder(reader: Reader, value: object, at: str) -> str:
    folder = reader.text(value, at).rstrip("/") or "/"
    if ".." in folder.split("/") or not folder.isprintable():
        raise reader.wrong(at, f"must be a folder of the image, not {show(value)}", "It has no '..' in it.")
    return folder


def _process(reader: Reader, said: Mapping[str, Any], at: str) -> ProcessSpec:
    reader.known(said, at, PROCESS_FIELDS)
    if "healthcheck" in said and "healthchecks" in said:
        raise reader.wrong(at, "has both healthcheck and healthchecks", "Write healthcheck for one, or a list.")
    rows = [(f"{at}.healthcheck", said["healthcheck"])] if "healthcheck" in said else []
    if "healthchecks" in said:
        listed = reader.sequence(said["healthchecks"], f"{at}.healthchecks")
        rows = [(f"{at}.healthchecks[{number}]", row) for number, row in enumerate(listed)]
    return ProcessSpec(
        command=reader.text(said["command"], f"{at}.command") if "command" in said else None,
        port=reader.port(said["port"], f"{at}.port") if "port" in said else None,
        protocol=_protocol(reader, said, at),
        overlap=reader.boolean(said["overlap"], f"{at}.overlap") if "overlap" in said else True,
        checks=tuple(check(reader, row, where, YAML_FIELDS) for where, row in rows),
    )
