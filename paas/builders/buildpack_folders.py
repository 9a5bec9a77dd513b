"""Folders of buildpacks: those that come with the platform, and imported ones."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

from paas.core.builds import buildpack_file
from paas.core.builds.buildpack import MANIFEST, TEMPLATE, Buildpack
from paas.core.errors import InvalidValue
from paas.system import pattern, yaml_file
from paas.system.data_folders import folder


@functools.cache
def shipped() -> tuple[Buildpack, ...]:
    """Return the buildpacks that come with the platform, in the order of detection."""
    found = [load(path.parent) for path in sorted(folder("buildpacks").glob(f"*/{MANIFEST}"))]
    return tuple(sorted(found, key=lambda pack: (pack.order, pack.name)))


def load(place: Path, *, version: str = "", source: str = "") -> Buildpack:
    """Return the buildpack in the folder. Raise `InvalidValue` naming file and key of an error."""
    manifest = place / MANIFEST
    for path in (manifest, place / TEMPLATE):
        if not path.is_file() or path.is_symlink():
            raise InvalidValue(
                f"there is no {path.name} in {source or place}",
                why=f"A buildpack is a folder with the files {MANIFEST} and {TEMPLATE}.",
                fix="docs/buildpacks.md describes how to write one.",
                code=buildpack_file.CODE,
            )
    label = f"{place.name}/{MANIFEST}" if not source else f"{source}: {MANIFEST}"
    raw = yaml_file.parse(manifest.read_text(encoding="utf-8", errors="replace"), label, buildpack_file.CODE)
    return replace(buildpack_file.read(raw, label, pattern.in_lines), version=version, source=source, folder=str(place))
