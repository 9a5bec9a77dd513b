"""Locations of the data folders that come with the platform: ``nginx``, ``hooks``, ``buildpacks``."""

from __future__ import annotations

import pathlib

from paas.core.errors import NotFound

PACKAGE = pathlib.Path(__file__).resolve().parent.parent


def folder(name: str, package: pathlib.Path = PACKAGE) -> pathlib.Path:
    """Return the folder ``name``: inside the installed package as ``data/<name>``, else beside the package in a
    checkout.

    The installed one comes first: beside an installed package are other packages. Raise `NotFound`.
    """
    for place in (package / "data" / name, package.parent / name):
        if place.is_dir():
            return place

    raise NotFound(
        f"the folder {name} of the platform is missing",
        why=f"Neither {package / 'data'} nor {package.parent} has it.",
        fix="Install the package again.",
    )
