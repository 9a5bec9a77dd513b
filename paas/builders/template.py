"""Templates of buildpacks: a few small files, one of which renders a part of a Dockerfile.

Templates of the platform are rendered directly. Imported ones are rendered in a limited process (`paas.daemon.zygote`),
because a single line can consume any amount of memory and time.
"""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from paas.core.builds import copy_source
from paas.core.builds.buildpack import TEMPLATE
from paas.core.builds.commit_files import CommitFiles
from paas.core.errors import InvalidValue
from paas.system.data_folders import folder

MOST_TEXT = 256 << 10
"""Limit in characters of a rendered template, and of all templates of a buildpack together."""
_SUFFIX = ".j2"


def shipped(place: Path, name: str, values: Mapping[str, object], paths: Sequence[str]) -> str:
    """Render the template in the folder of a buildpack of the platform. ``paths`` are the files of the commit."""
    return _rendered(_of_folder(place), name, values, paths)


def sources(place: Path, name: str) -> dict[str, str]:
    """Return the templates of a buildpack's folder, and the common ones. Raise `InvalidValue` if they are too large."""
    found = {path.name: path.read_text(encoding="utf-8") for path in folder("buildpacks").glob(f"*{_SUFFIX}")}
    room = MOST_TEXT
    for path in sorted(place.rglob(f"*{_SUFFIX}")):
        room -= path.stat().st_size
        if room < 0:
            raise InvalidValue(
                f"buildpack {name}: its templates have more than {MOST_TEXT} bytes",
                fix="A template is a Dockerfile with conditions and has a few kilobytes.",
                code="invalid-buildpack",
            )
        found[str(path.relative_to(place))] = path.read_text(encoding="utf-8", errors="replace")
    return found


def foreign(name: str, sources: Mapping[str, str], values: Mapping[str, object], paths: Sequence[str]) -> str:
    """Render an imported template from its text and those that it may include."""
    return _rendered(_environment(jinja2.DictLoader(sources)), name, values, paths)


def check(name: str, sources: Mapping[str, str]) -> None:
    """Raise `InvalidValue` naming file and line of an invalid imported template."""
    try:
        _environment(jinja2.DictLoader(sources)).parse(sources[TEMPLATE], TEMPLATE)
    except (jinja2.TemplateError, RecursionError) as error:
        raise _wrong(name, error) from error


def _rendered(made: jinja2.Environment, name: str, values: Mapping[str, object], paths: Sequence[str]) -> str:
    files = CommitFiles(tuple(paths))
    known = {**values, "present": lambda *patterns: files.find(patterns)}
    pieces, size = [], 0
    try:
        for piece in made.get_template(TEMPLATE).generate(known):
            size += len(piece)
            if size > MOST_TEXT:
                raise InvalidValue(
                    f"buildpack {name}: {TEMPLATE} produces more than {MOST_TEXT} characters",
                    why="A Dockerfile has a few kilobytes.",
                    fix="Check the loops of the template.",
                    code="invalid-buildpack",
                )
            pieces.append(piece)
    except (InvalidValue, MemoryError):
        raise
    except Exception as error:  # a template can raise any exception
        raise _wrong(name, error) from error
    return re.sub(r"\n{3,}", "\n\n", "".join(pieces)).strip()


@functools.lru_cache(maxsize=64)
def _of_folder(place: Path) -> jinja2.Environment:
    # Kept with its compiled templates; it notices changed files.
    return _environment(jinja2.FileSystemLoader([place, folder("buildpacks")]))


def _environment(loader: jinja2.BaseLoader) -> jinja2.Environment:
    # Templates may be imported: they see only what they are given, and only their own files and lib.j2.
    made = ImmutableSandboxedEnvironment(
        loader=loader,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    made.filters["quote"] = shlex.quote
    made.filters["literals"] = copy_source.literals
    return made


def _wrong(name: str, error: Exception) -> InvalidValue:
    line = f", line {error.lineno}" if isinstance(error, jinja2.TemplateSyntaxError) else ""
    said = error.message if isinstance(error, jinja2.TemplateError) else f"{type(error).__name__}: {error}"
    return InvalidValue(
        f"buildpack {name}: {TEMPLATE}{line}: {(said or type(error).__name__)[:500]}",
        why="Templates are jinja2. docs/buildpacks.md lists what they may use.",
        fix="Fix the template and add the buildpack again.",
        code="invalid-buildpack",
    )
