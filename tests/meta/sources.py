"""The files of the project and what they are parsed to: once, and not before a test asks."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import paas

PACKAGE = Path(paas.__file__).parent
ROOT = PACKAGE.parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
FAKES = sorted((ROOT / "tests/fakes").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


@functools.cache
def text(path: Path) -> str:
    """Return the content of the file."""
    return path.read_text(encoding="utf-8")


@functools.cache
def tree(path: Path) -> ast.Module:
    """Return the file as a syntax tree."""
    return ast.parse(text(path))


def statements(node: ast.AST) -> Iterator[ast.stmt]:
    """Yield all statements, at any depth, without visiting expressions, which are most of a tree."""
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for child in getattr(node, field, ()):
            if isinstance(child, ast.stmt):
                yield child
            yield from statements(child)


@functools.cache
def nodes(path: Path) -> list[ast.AST]:
    """Return every node of that tree."""
    return list(ast.walk(tree(path)))
