"""Build fields of ``paas.yml``. Every error names the file and the key.

    build: [node, static]
    static: {folder: dist, spa: true}
"""

from __future__ import annotations

from collections.abc import Mapping

from paas.core.schema import Reader, show

FIELDS = ("build", "static")


def read(raw: object, path: str) -> tuple[str, ...]:
    """Return the names in ``build``, empty if it is missing. Check all fields that belong to the build."""
    reader = Reader(path, "invalid-paas-yml")
    top = reader.mapping(raw, "")
    if "static" in top:
        _check_static(reader, top["static"])
    if "build" not in top:
        return ()
    if isinstance(top["build"], list):
        found = [reader.text(name, f"build[{number}]") for number, name in enumerate(top["build"])]
    else:
        found = [reader.text(top["build"], "build")]
    if not found:
        raise reader.wrong("build", "names no buildpack", "Write one, or a list of them; or take the line out.")
    return tuple(found)


def _check_static(reader: Reader, said: object) -> None:
    if not isinstance(said, Mapping):
        _check_folder(reader, said, "static")
        return
    fields = reader.mapping(said, "static")
    reader.known(fields, "static", ("folder", "spa"))
    if "folder" in fields:
        _check_folder(reader, fields["folder"], "static.folder")
    if "spa" in fields:
        reader.boolean(fields["spa"], "static.spa")


def _check_folder(reader: Reader, value: object, at: str) -> None:
    folder = reader.text(value, at)
    if folder.startswith("/") or ".." in folder.split("/") or not folder.isprintable() or folder != folder.strip():
        raise reader.wrong(at, f"must be a folder of the repository, not {show(folder)}")
