"""Whom the kernel ends when the machine is out of memory."""

from __future__ import annotations

from pathlib import Path

SCORE = 300
"""As of apps (`paas.core.containers.container.OOM_APP`): a program that the server runs for somebody goes before the
server."""


def expendable(pid: int) -> None:
    """Have the kernel end this child before the server, from which it inherits how much it is worth.

    See https://docs.kernel.org/filesystems/proc.html, oom_score_adj; anybody may raise the score of his own process.
    """
    try:
        Path(f"/proc/{pid}/oom_score_adj").write_text(str(SCORE), encoding="ascii")
    except OSError:
        # It has ended already, or this kernel keeps no scores: then there is nothing to have it end.
        return
