"""What publishes hosts tells what looks after their certificates."""

from __future__ import annotations

import threading


class NewHosts(threading.Event):
    """Set whenever hosts are served that may not have been before: one of them may lack a certificate."""
