"""Which optional modules an nginx has: compiled in, or as files that it can load."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FILES = {"stream": "ngx_stream_module.so", "brotli": "ngx_http_brotli_filter_module.so"}
PACKAGES = {"stream": "libnginx-mod-stream", "brotli": "libnginx-mod-http-brotli-filter"}
"""Debian's packages that have them."""

BUILT_IN = {"stream": r"--with-stream(?=\s|$)", "brotli": r"--add-module=\S*brotli"}


@dataclass(frozen=True)
class Modules:
    """``has`` are the names of those that are there, ``load`` the files that have to be loaded for that."""

    has: frozenset[str] = frozenset()
    load: tuple[Path, ...] = ()


def find(description: str, works: Callable[[Path], bool]) -> Modules:
    """What ``nginx -V`` printed tells; a file counts only where nginx ``works`` with it: it fits one version."""
    folder = re.search(r"--modules-path=(\S+)", description)
    has, load = set(), []

    for name, file in sorted(FILES.items()):
        path = Path(folder[1]) / file if folder else None

        if re.search(BUILT_IN[name], description):
            has.add(name)
        elif path and path.is_file() and works(path):
            has.add(name)
            load.append(path)

    return Modules(frozenset(has), tuple(load))
