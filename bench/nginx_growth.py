"""What the edge costs with 1, 100 and 500 apps of two domains each: ``python -m bench.nginx_growth [COUNT…]``.

A private nginx on loopback, no containers. Each figure is the median of several, with a pause before each: nginx
keeps old and new workers side by side for 100 ms after a reload, and a change within that time waits for its end.
"""

from __future__ import annotations

import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from paas.core.edge.vhost import Vhost
from paas.proxies.nginx.process import Nginx
from paas.proxies.nginx.proxy import NginxProxy

COUNTS = (1, 100, 500)
REPEAT = 11
PAUSE = 0.2
PORT = 20_000


def vhost(number: int, port: int = PORT) -> Vhost:
    """One app of many."""
    return Vhost(f"app-{number}", str(number), (f"app-{number}.example", f"www.app-{number}.example"), (port,))


def measure(count: int) -> dict[str, float]:
    """The figures in milliseconds and megabytes by name."""
    root = Path(tempfile.mkdtemp(prefix="paas-bench-"))
    nginx = Nginx(root / "nginx", "127.0.0.1", _free_port())
    proxy = NginxProxy(nginx)
    try:
        return {"apps": count, **_figures(nginx, proxy, count)}
    finally:
        nginx.stop(0.5)
        shutil.rmtree(root)


def _figures(nginx: Nginx, proxy: NginxProxy, count: int) -> dict[str, float]:
    began = time.perf_counter()
    proxy.sync([vhost(number) for number in range(1, count + 1)])
    all_at_once = time.perf_counter() - began
    ports = iter(range(PORT + 1, PORT + 10_000))

    def publish() -> None:
        proxy.publish(vhost(1, next(ports)))

    figures = {
        "all": all_at_once * 1000,
        "render": _median(lambda: proxy._app(vhost(1), proxy._options), pause=0),
        "test one": _median(lambda: nginx.test(proxy._tree.staged_main)) if _stage(proxy) else 0,
        "test all": _median(lambda: nginx.check(nginx.prefix / "nginx.conf")),
        "publish": _median(publish),
    }
    for _ in range(50):
        if not nginx.finishing():
            break
        time.sleep(PAUSE)
    return {**figures, "nginx MB": _resident(nginx.master() or 0) + sum(map(_resident, nginx.workers()))}


def _stage(proxy: NginxProxy) -> bool:
    """Has one app's files in the stage, as a publish of it leaves them."""
    proxy.publish(vhost(1, PORT + 10_000))
    return True


def _median(action: Callable[[], object], *, pause: float = PAUSE) -> float:
    """Milliseconds."""
    taken = []
    for _ in range(REPEAT):
        time.sleep(pause)
        began = time.perf_counter()
        action()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1000


def _resident(pid: int) -> float:
    """Megabytes, of what several processes share each one's part."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in rollup if line.startswith("Pss:")) / 1024


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main(counts: list[int]) -> None:
    """Prints a table."""
    rows = [measure(count) for count in counts or COUNTS]
    print(" | ".join(f"{name:>9}" for name in rows[0]))
    for row in rows:
        print(" | ".join(f"{value:9.1f}" for value in row.values()))


if __name__ == "__main__":
    main([int(text) for text in sys.argv[1:]])
