"""Disk usage of Docker's images and build cache, in requests that the SDK does not support."""

from __future__ import annotations

from typing import Any

from paas.core.containers.image import BuildCache

PRUNE_SECONDS = 1800.0
"""Timeout in seconds for pruning the build cache."""


def image_sizes(api: Any) -> dict[str, int]:
    """Return the bytes of each image that are not shared with others, by id."""
    # Only images, if Docker can separate them (since version 23): volumes take minutes.
    answer = api._get(api._url("/system/df"), params={"type": "image"})
    rows = api._result(answer, True)["Images"] or []
    return {row["Id"]: max(0, row["Size"] - max(0, row["SharedSize"])) for row in rows}


def build_cache(api: Any) -> BuildCache:
    """Return the size of the build cache, which all users of this Docker Engine share."""
    rows = [row for row in api.df().get("BuildCache") or [] if not row["Shared"]]
    return BuildCache(sum(row["Size"] for row in rows), sum(row["Size"] for row in rows if not row["InUse"]))


def prune_build_cache(api: Any, keep: int) -> int:
    """Remove the least recently used parts of the build cache, down to ``keep`` bytes. Return the bytes freed."""
    # Docker stops when the client no longer waits.
    asked = {"keep-storage": keep, "all": "true"}
    answer = api._post(api._url("/build/prune"), params=asked, timeout=PRUNE_SECONDS)
    return int(api._result(answer, True).get("SpaceReclaimed") or 0)
