"""Which processes the kernel kills when the machine is out of memory."""

from __future__ import annotations

from pathlib import Path

SCORE = 300
"""Score of apps (`paas.core.containers.container.OOM_APP`): a program that the server runs for a user is killed before
the server.
"""


def expendable(pid: int) -> None:
    """Make the kernel kill this child before the server, whose score it inherits.

    See https://docs.kernel.org/filesystems/proc.html, oom_score_adj; every user may raise the score of their processes.
    """
    try:
        Path(f"/proc/{pid}/oom_score_adj").write_text(str(SCORE), encoding="ascii")
    except OSError:
        # It has exited, or the kernel has no scores: nothing to do.
        return
