"""Optional modules of nginx: compiled in, or as loadable files."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FILES = {"stream": "ngx_stream_module.so", "brotli": "ngx_http_brotli_filter_module.so"}
PACKAGES = {"stream": "libnginx-mod-stream", "brotli": "libnginx-mod-http-brotli-filter"}
"""Debian packages of the modules."""

BUILT_IN = {"stream": r"--with-stream(?=\s|$)", "brotli": r"--add-module=\S*brotli"}


@dataclass(frozen=True)
class Modules:
    """Available modules: their names in ``has``, and in ``load`` the files to load for them."""

    has: frozenset[str] = frozenset()
    load: tuple[Path, ...] = ()


def find(description: str, works: Callable[[Path], bool]) -> Modules:
    """Find them in the output of ``nginx -V``. A file counts only if nginx ``works`` with it: it fits one version."""
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
