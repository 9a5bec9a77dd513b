"""Limit on the size of a checked-out commit: a few bytes in git can stand for more files than fit on any disk."""

from __future__ import annotations

from paas.core import sizes
from paas.core.errors import BuildFailed

RATIO = 200
"""Highest ratio of a checkout's size to that of the repository on disk, as for archives."""
SMALL = 128 << 20
"""Bytes up to which the ratio is ignored: repositories of text and of empty files compress well."""
_CODE = "checkout-too-large"


def check(size: int, limit: int, stored: int) -> None:
    """Raise an error for a commit whose files have ``size`` bytes in a repository that takes ``stored`` bytes on disk.
    """
    if size > limit:
        raise BuildFailed(
            f"the commit's files are too large: {sizes.size(size)}",
            why=f"Checked out they may have at most {sizes.size(limit)} (the setting max-checkout-size).",
            fix="Leave out generated and downloaded files, or ask an administrator to raise the setting.",
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
