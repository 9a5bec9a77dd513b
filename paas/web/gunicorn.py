"""gunicorn's configuration file. ``PAAS_WEB_ROOT`` and ``PAAS_WEB_PARENT`` come from the daemon.

The master does not import Flask; only the worker does.
"""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

# A path below the working folder, because the whole one may be longer than a socket's address.
bind = "unix:web.sock"
worker_class = "gthread"
workers = 1
# CALLS + PAGES + SPARE of paas.web.limits, which this file must not import. One is made when it is needed first.
threads = 72
timeout = 60
graceful_timeout = 1
keepalive = 0
# A hundred bytes of each line are enough for commands: what is large is in bodies.
limit_request_line = 8190
accesslog = None
errorlog = "-"
loglevel = "warning"
proc_name = "paas-web"
# nginx is the only one who connects, and it makes these headers itself.
forwarded_allow_ips = "*"
control_socket_disable = True


def when_ready(server: Any) -> None:
    """Keep the socket at the end: the next process may have created its own at the same path."""
    server.systemd = True


def post_worker_init(worker: Any) -> None:
    """End the worker once the daemon is gone, and its end of the pipe is closed."""
    descriptor = int(os.environ["PAAS_WEB_PARENT"])
    threading.Thread(target=_end_with_parent, args=(descriptor, worker.ppid), name="parent", daemon=True).start()


def _end_with_parent(descriptor: int, master: int) -> None:
    os.read(descriptor, 1)
    if os.getppid() == master:
        os.kill(master, signal.SIGTERM)
    os._exit(0)


def application() -> Any:
    """Return the WSGI application; called in the worker."""
    from paas.web.app import create

    return create(Path(os.environ["PAAS_WEB_ROOT"]))
