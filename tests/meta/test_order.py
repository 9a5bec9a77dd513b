"""The order of the packages: imports point one way, and outside things have few importers each."""

from __future__ import annotations

import ast
import functools
import sys
from pathlib import Path

from order import rank
from sources import FAKES, PACKAGE, ROOT, SOURCES, nodes, statements, text, tree

OUTSIDE = {
    "docker": ("paas.schedulers.docker",),
    "requests": ("paas.schedulers.docker", "paas.certs.acme_client"),
    "urllib3": ("paas.schedulers.docker.log_stream",),
    "psutil": ("paas.system.host",),
    "re2": ("paas.system.pattern",),
    "cronsim": ("paas.core.cron.calendar",),
    "dulwich": ("paas.git",),
    "subprocess": ("paas.system", "paas.git", "paas.builders", "paas.proxies.nginx", "paas.certs", "paas.daemon"),
    "sqlite3": ("paas.store",),
    "cryptography": ("paas.store", "paas.access.public_keys", "paas.system.x509", "paas.certs.acme_client"),
    "acme": ("paas.certs.acme_client",),
    "josepy": ("paas.certs.acme_client",),
    "dns": ("paas.certs",),
    "idna": ("paas.core.edge.hosts",),
    "time": (
        *("paas.system", "paas.git", "paas.schedulers", "paas.proxies.nginx", "paas.builders", "paas.certs"),
        *("paas.logs.drains", "paas.edge.errors", "paas.web.sessions"),
    ),
    "flask": ("paas.web",),
    "werkzeug": ("paas.web",),
    "gunicorn": ("paas.web.gunicorn",),
    "yaml": ("paas.system",),
    "jinja2": ("paas.proxies", "paas.builders.template", "paas.web.app", "paas.daemon.zygote"),
    "passlib": ("paas.edge.password",),
    "asyncssh": ("paas.ssh",),
    "asyncio": ("paas.ssh", "paas.control", "paas.daemon.serve"),
    "socket": (
        *("paas.system", "paas.git", "paas.schedulers", "paas.proxies.nginx", "paas.builders", "paas.certs"),
        *("paas.logs.drains", "paas.ssh", "paas.control", "paas.daemon", "paas.web.daemon_client"),
        # As the type of an invocation's standard input; commands open no sockets.
        "paas.commands.invocation",
    ),
}
"""Modules that may import the outside."""

IN_CORE = {
    *("__future__", "base64", "binascii", "collections", "dataclasses", "datetime", "difflib", "enum", "errno"),
    *("functools", "hashlib", "ipaddress", "itertools", "json", "math", "posixpath", "re", "shlex", "string"),
    *("struct", "tomllib", "typing", "unicodedata", "urllib.parse"),
    # Tables and rules, nothing else; what zoneinfo reads is the machine's table of time zones.
    *("idna", "cronsim", "zoneinfo"),
}
"""Imports allowed in the core: nothing that reads, writes, waits, or starts something."""

NOT_IN_CORE = {"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint"}

LONG = 300
LONGEST = 500
LONG_FOR_A_REASON = {
    "paas/control/channel.py": "one object between event loop and thread: its two halves are only right together",
    "paas/schedulers/docker/api.py": "everything that is asked of the one engine",
    "paas/proxies/nginx/process.py": "everything that is done to the one nginx process",
    "tests/fakes/containers.py": "a whole container engine in memory",
    "tests/fakes/server.py": "a whole server for tests",
}


def modules() -> dict[str, Path]:
    """Return the files of the package by module name."""
    found = {}
    for path in SOURCES:
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


@functools.cache
def imports(name: str) -> set[tuple[str, int]]:
    """Return the imports of a module, anywhere in it, with the line; submodules of the package by their full name."""
    found = set()
    for node in statements(tree(MODULES[name])):
        if isinstance(node, ast.Import):
            found |= {(alias.name, node.lineno) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}:{node.lineno}: a relative import"
            base = node.module or ""
            submodules = {f"{base}.{alias.name}" for alias in node.names} & MODULES.keys()
            found |= {(one, node.lineno) for one in submodules or {base}}
    return found


CORE = [name for name in MODULES if name == "paas.core" or name.startswith("paas.core.")]


def inside(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def test_a_package_imports_only_from_packages_before_it() -> None:
    against = {
        (name.removeprefix("paas."), other.removeprefix("paas."))
        for name in MODULES
        if name != "paas"
        for other, _ in imports(name)
        if inside(other, "paas") and other != "paas" and rank(other) > rank(name)
    }
    assert against == set()


def test_outside_things_have_their_importers() -> None:
    strangers = [
        f"{name}:{line} imports {other}"
        for name in MODULES
        for other, line in sorted(imports(name))
        for outside, allowed in OUTSIDE.items()
        if inside(other, outside) and not any(inside(name, package) for package in allowed)
    ]
    assert strangers == []


def test_every_dependency_has_its_importers_named() -> None:
    used = {other.partition(".")[0] for name in MODULES for other, _ in imports(name)}
    third_party = used - set(sys.stdlib_module_names) - {"paas", "_json"}
    assert third_party <= OUTSIDE.keys()


def test_the_core_imports_nothing_that_acts() -> None:
    foreign = [
        f"{name}:{line} imports {other}"
        for name in CORE
        for other, line in sorted(imports(name))
        if not inside(other, "paas.core") and not {other, other.partition(".")[0]} & IN_CORE
    ]
    assert foreign == []


def test_the_core_reads_writes_and_asks_nothing() -> None:
    acts = []
    for name in CORE:
        for node in nodes(MODULES[name]):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in NOT_IN_CORE:
                acts.append(f"{name}:{node.lineno} calls {node.func.id}")
            if isinstance(node, ast.Attribute) and node.attr in ("now", "today", "utcnow"):
                acts.append(f"{name}:{node.lineno} asks for the time")
    assert acts == []


WEB_MAY = ("paas.web", "paas.control.frames", "paas.control.client", "paas.core")
"""Imports of the web process from the package. It is small because it leaves the rest to the daemon."""


def test_the_web_imports_next_to_nothing_of_ours() -> None:
    foreign = [
        f"{name}:{line} imports {other}"
        for name in MODULES
        if inside(name, "paas.web")
        for other, line in sorted(imports(name))
        if inside(other, "paas") and other != "paas" and not any(inside(other, part) for part in WEB_MAY)
    ]
    assert foreign == []


def test_files_are_short() -> None:
    lengths = {str(path.relative_to(ROOT)): len(text(path).splitlines()) for path in [*SOURCES, *FAKES]}
    assert {path: count for path, count in lengths.items() if count > LONGEST} == {}
    assert {path for path, count in lengths.items() if count > LONG} <= LONG_FOR_A_REASON.keys()
