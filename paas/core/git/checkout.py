"""How much a commit may be once it is checked out: a few bytes can stand for more files than any disk takes."""

from __future__ import annotations

from paas.core import sizes
from paas.core.errors import BuildFailed

RATIO = 200
"""How many times what the repository takes on the disk a checkout may be, as for archives."""
SMALL = 128 << 20
"""Bytes up to which no ratio counts: repositories of text and of empty files pack well."""
_CODE = "checkout-too-large"


def check(size: int, limit: int, stored: int) -> None:
    """Refuse a commit whose files have ``size`` bytes in a repository that takes ``stored`` on the disk."""
    if size > limit:
        raise BuildFailed(
            f"the commit's files are too large: {sizes.size(size)}",
            why=f"Checked out they may have at most {sizes.size(limit)} (the setting max-checkout-size).",
            fix="Leave out what is generated or downloaded, or have an administrator raise the setting.",
            code=_CODE,
        )
    if size > SMALL and size > RATIO * stored:
        raise BuildFailed(
            f"the commit's files unpack to {size // max(stored, 1)} times what the repository takes",
            why=f"They have {sizes.size(size)}, of {sizes.size(stored)}. "
            f"From {sizes.size(SMALL)} on, {RATIO} times is the limit.",
            fix="Make files of repeated content in a build step instead.",
            code=_CODE,
        )
