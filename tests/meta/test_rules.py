"""Rules of the code that a reviewer would otherwise have to remember."""

from __future__ import annotations

import ast
import asyncio
import functools
import inspect
import textwrap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import asyncssh
from sources import FAKES, ROOT, SOURCES, TESTS, nodes, text, tree

from paas.commands.declare import COMMANDS, Stdin
from paas.core import properties, settings
from paas.core.access.caller import Access
from paas.core.jobs.journal import Step
from paas.dispatch import features
from paas.dispatch.property_commands import SETTERS

features.load()

FRAMEWORKS = (asyncio.Protocol, asyncssh.SSHServer, asyncssh.SSHServerSession, asyncssh.SSHServerConnection)


def typed_in(paths: list[Path]) -> set[str]:
    """Return the words of every string in the files: commands that are typed there are among them."""
    return {
        word
        for path in paths
        for node in nodes(path)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for word in node.value.split()
    }


# Commands


def test_every_command_has_a_session_that_types_it() -> None:
    typed = typed_in(sorted((ROOT / "tests" / "sessions").glob("test_*.py")))
    # The sessions of properties type the same for every namespace.
    declared = {f"{namespace}:{verb}" for namespace in properties.namespaces() for verb in ("set", "report")}
    declared -= {f"{namespace}:set" for namespace in SETTERS}
    assert sorted(COMMANDS.keys() - typed - declared) == []


def test_every_command_says_what_it_does_in_a_sentence() -> None:
    for name, command in COMMANDS.items():
        assert isinstance(command.access, Access), name
        assert command.summary[:1].isupper(), name
        assert command.summary.endswith("."), name
        assert all(len(line) <= 120 for line in command.doc.splitlines()), name


def test_every_flag_has_a_spelling_of_its_own() -> None:
    for name, command in COMMANDS.items():
        flags = [parameter for parameter in command.parameters if parameter.flag and not parameter.arg.select]
        options = {parameter.option for parameter in flags}
        shorts = [parameter.arg.short for parameter in flags if parameter.arg.short]
        assert not options & {"--help", "--quiet", "--app", "--trace", "--global"}, name
        assert len(set(shorts)) == len(shorts), name
        assert "h" not in shorts, name
        assert all(parameter.boolean or parameter.arg.metavar for parameter in flags), name


def test_everything_that_changes_something_needs_more_than_view() -> None:
    looking = {"list", "status", "info", "exists", "report", "keys", "help", "output", "locked", "diff", "trace"}
    looking |= {"detect", "failed", "logs", "history", "show-config", "validate-config", "access-logs", "error-logs"}
    looking |= {"overview"}
    open_to_all = {name for name, command in COMMANDS.items() if command.access is Access.VIEW}
    bare = {"ps", "url", "urls", "logs", "releases", "version", "help", "completion", "complete", "doctor"}
    bare |= {"openapi", "whoami"}
    git = {"git-upload-pack", "git-upload-archive"}
    assert {name for name in open_to_all if name.partition(":")[2] not in looking} <= bare | git


def test_what_changes_something_for_all_apps_needs_the_role_admin() -> None:
    # These show variables that the processes of every app have; which drains there are depends on who asks.
    shows = {"config", "config:show", "config:get", "config:export", "logs:drain"}
    for name, command in COMMANDS.items():
        if command.access > Access.VIEW and any(parameter.arg.scope for parameter in command.parameters):
            assert (command.shared is Access.ADMIN) == (name not in shows), name


def test_what_a_command_reads_is_declared() -> None:
    reads = {"read_input", "read_bytes", "read_password", "input_chunks", "confirm", "stdin", "of", "_given"}
    for name, command in COMMANDS.items():
        code = ast.parse(textwrap.dedent(inspect.getsource(command.handler)))
        attributes = {node.attr for node in ast.walk(code) if isinstance(node, ast.Attribute)}
        called = {getattr(node.func, "id", "") for node in ast.walk(code) if isinstance(node, ast.Call)}
        found = bool(command.invocation) and bool(reads & (attributes | called))
        assert found == (command.stdin is not Stdin.NONE), name


# Declarations


def test_each_property_and_setting_is_documented() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for row in properties.PROPERTIES:
        assert f"| {row.namespace} | `{row.key}` |" in page
        assert row.help[0].islower()
        assert not row.help.endswith(".")
    for setting in settings.SETTINGS:
        assert f"| `{setting.key}`" in page
        assert not setting.help.endswith(".")


def test_each_property_of_a_namespace_is_in_its_help() -> None:
    for row in properties.PROPERTIES:
        setter = SETTERS.get(row.namespace, "set")
        assert f"  {row.key}: {row.help}" in COMMANDS[f"{row.namespace}:{setter}"].doc


# Code


def documented(path: Path) -> Iterator[tuple[str, str | None]]:
    """Yield every public item of a file with its docstring."""
    module = tree(path)
    where = str(path.relative_to(ROOT))
    if module.body:
        yield where, ast.get_docstring(module)
    for node in module.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
            continue
        yield f"{where}: {node.name}", ast.get_docstring(node)
        for method in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and not method.name.startswith("_"):
                yield f"{where}: {node.name}.{method.name}", ast.get_docstring(method) or told_elsewhere(method)


def told_elsewhere(method: ast.FunctionDef | ast.AsyncFunctionDef) -> str | None:
    """Return where an undocumented method is documented: in the framework or the Protocol that it belongs to."""
    body = method.body[0]
    stub = isinstance(body, ast.Expr) and isinstance(body.value, ast.Constant) and body.value.value is ...
    if stub or method.name in of_protocols() or any(hasattr(base, method.name) for base in FRAMEWORKS):
        return "elsewhere"
    return None


def base_names(node: ast.ClassDef) -> set[str]:
    return {getattr(base, "id", getattr(base, "attr", "")) for base in node.bases}


@functools.cache
def classes() -> list[ast.ClassDef]:
    return [node for path in [*SOURCES, *FAKES] for node in tree(path).body if isinstance(node, ast.ClassDef)]


@functools.cache
def of_protocols() -> set[str]:
    """Return the methods that are documented where they are declared: in a Protocol, or in a base class.

    The fakes replace classes of the package, whose methods are documented there.
    """
    bases = set().union(*map(base_names, classes()))
    replaced = {node.name.removeprefix("Fake") for node in classes() if node.name.startswith("Fake")}
    return {
        method.name
        for node in classes()
        if "Protocol" in base_names(node) or node.name in bases | replaced
        for method in node.body
        if isinstance(method, ast.FunctionDef) and (ast.get_docstring(method) or "Protocol" in base_names(node))
    }


def test_everything_public_has_a_docstring() -> None:
    assert [name for path in [*SOURCES, *FAKES] for name, text in documented(path) if not text] == []


def test_nothing_is_mocked_without_a_behaviour() -> None:
    found = {
        str(path.relative_to(ROOT))
        for path in [*SOURCES, *TESTS]
        if "unittest" in text(path)
        for node in nodes(path)
        if (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("unittest"))
        or (isinstance(node, ast.Import) and any(alias.name.startswith("unittest") for alias in node.names))
    }
    assert found == set()


def sleeps(node: ast.AST, polling: bool = False) -> Iterator[int]:
    """Yield the lines of sleeps that are not part of a polling loop."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call) and not polling:
            name = child.func.attr if isinstance(child.func, ast.Attribute) else getattr(child.func, "id", "")
            if name == "sleep":
                yield child.lineno
        yield from sleeps(child, polling or isinstance(child, ast.While))


def test_nobody_sleeps_for_a_fixed_time() -> None:
    sleeping = [path for path in [*SOURCES, *TESTS] if "sleep" in text(path)]
    assert [f"{path.relative_to(ROOT)}:{line}" for path in sleeping for line in sleeps(tree(path))] == []


def test_every_step_of_a_deploy_is_in_the_page_on_releases():
    page = (ROOT / "docs/releases.md").read_text()
    assert [step.value for step in Step if f"\n| {step.value} | " not in page] == []


def test_no_two_files_of_tests_have_the_same_name() -> None:
    """Their folders are no packages, so pytest imports them by their names alone."""
    names = Counter(path.name for path in TESTS if path.name.startswith("test_"))
    assert [name for name, count in names.items() if count > 1] == []
