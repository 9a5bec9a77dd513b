"""Origin of the commit of a release."""

from __future__ import annotations

from dataclasses import dataclass

PUSH, SYNC, IMAGE = "git-push", "git-sync", "docker-image"


@dataclass(frozen=True)
class Origin:
    """Origin: ``kind`` is git-push, git-sync, docker-image, or the type of an archive: tar, tar.gz, zip.

    ``detail`` is the commit, the URL with the ref, the image, the archive's URL or ``stdin``.
    """

    kind: str
    detail: str
