"""Signal from publishing hosts to the loop that orders certificates."""

from __future__ import annotations

import threading


class NewHosts(threading.Event):
    """Event, set whenever new hosts may be served: one of them may lack a certificate."""
