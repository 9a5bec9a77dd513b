"""What the engine's images and build cache take, asked in ways that the SDK has no words for."""

from __future__ import annotations

from typing import Any

from paas.core.containers.image import BuildCache

PRUNE_SECONDS = 1800.0
"""How long the engine may take to remove what it need not keep of its build cache."""


def image_sizes(api: Any) -> dict[str, int]:
    """The bytes of each image that no other image shares, by id."""
    # Of images alone, for engines that can tell them apart (from version 23): volumes take it minutes.
    answer = api._get(api._url("/system/df"), params={"type": "image"})
    rows = api._result(answer, True)["Images"] or []
    return {row["Id"]: max(0, row["Size"] - max(0, row["SharedSize"])) for row in rows}


def build_cache(api: Any) -> BuildCache:
    """The size of the build cache, of all who build on this engine."""
    rows = [row for row in api.df().get("BuildCache") or [] if not row["Shared"]]
    return BuildCache(sum(row["Size"] for row in rows), sum(row["Size"] for row in rows if not row["InUse"]))


def prune_build_cache(api: Any, keep: int) -> int:
    """Removes the least recently used of the build cache, down to ``keep`` bytes; the bytes that this freed."""
    # The engine gives up when nobody waits for it any more.
    asked = {"keep-storage": keep, "all": "true"}
    answer = api._post(api._url("/build/prune"), params=asked, timeout=PRUNE_SECONDS)
    return int(api._result(answer, True).get("SpaceReclaimed") or 0)
