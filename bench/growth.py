"""How figures grow with the number of apps: 1, 10, 100, 500, without containers where those are not the point."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping

from bench import apps, crowd, processes, waiting
from bench.floor.nginxes import Pair
from bench.ground import Ground, answers
from bench.programs import environment, run, timed
from bench.work import Curve, Size

COUNTS = (1, 10, 100, 500)


TITLES = {
    "list": ("`apps:list` over SSH", "s"),
    "local": ("local `paas apps:list`", "s"),
    "config": ("`config:set --no-restart` over SSH", "s"),
    "create": ("`apps:create` over SSH", "s"),
    "push": ("push → live of one app beside the others", "s"),
    "rollback": ("`releases:rollback` until live beside the others", "s"),
    "start": ("start of the daemon until ready", "s"),
    "memory": ("resident memory of the daemon", "MB"),
    "publish": ("nginx takes up a change of one app (all of them live)", "s"),
}


def curves(ground: Ground, size: Size, say: Callable[[str], None]) -> dict[str, Curve]:
    """All of them."""
    found = {key: Curve(title, unit) for key, (title, unit) in TITLES.items()}
    _instance(ground, size, say, found)
    pair = Pair(ground.folder / "publish")
    try:
        for count in COUNTS:
            ours, floor = pair.measure(count, 3 if size.quick else 9)
            found["publish"].ours[count], found["publish"].floor[count] = ours, floor
            say(f"  {count} apps: publish {ours:.4g} by hand {floor:.4g}")
    finally:
        pair.close()
    return found


def _instance(ground: Ground, size: Size, say: Callable[[str], None], found: dict[str, Curve]) -> None:
    server = ground.new_server()
    source = ground.source(apps.python_app(ground.base, "growing-0"))
    env = {**environment(), "GIT_SSH_COMMAND": server.git_environment()["GIT_SSH_COMMAND"]}
    url = server.url("growing")
    run(["git", "push", "-q", url, "main"], folder=source.folder, env=env)
    address, host = ("127.0.0.1", server.http_port), "growing.localhost"
    repeat = 3 if size.quick else 7
    made = 0

    def text(number: int) -> str:
        source.commit({"web.py": apps.PYTHON.replace("TEXT", f"growing-{number}")})
        return f"growing-{number}"

    def push() -> float:
        nonlocal made
        made += 1
        wanted = text(made)
        argv = ["git", "push", "-q", url, "main"]
        return waiting.live_after(argv, env, source.folder, lambda: answers(address, host, wanted))[0]

    def rollback() -> float:
        before = waiting.body(address, host).split()[0]
        argv = ground.ssh("releases:rollback growing", server)

        def there() -> bool:
            body = waiting.body(address, host)
            return body.startswith("growing") and not body.startswith(f"{before} ")

        return waiting.live_after(argv, env, ground.folder, there)[0]

    def create() -> float:
        nonlocal made
        made += 1
        seconds = timed(ground.ssh(f"apps:create more-{made}", server), folder=ground.folder)
        ground.succeed(f"apps:destroy --force more-{made}", server)
        return seconds

    def config() -> float:
        nonlocal made
        made += 1
        return timed(ground.ssh(f"config:set --no-restart growing N={made}", server), folder=ground.folder)

    def start() -> float:
        server.stop()
        began = time.perf_counter()
        server.start()
        return time.perf_counter() - began

    local = [sys.executable, "-m", "paas", f"--root={server.root}", "apps:list"]
    works: Mapping[str, Callable[[], float]] = {
        "start": start,
        "list": lambda: timed(ground.ssh("apps:list", server), folder=ground.folder),
        "local": lambda: timed(local, env=environment()),
        "config": config,
        "create": create,
        "push": push,
        "rollback": rollback,
    }
    try:
        reached = 0
        push()
        for count in COUNTS:
            server.stop()
            crowd.seed(server.root, reached, count - 1)
            server.start()
            reached = max(reached, count - 1)
            for key, work in works.items():
                found[key].ours[count] = statistics.median(work() for _ in range(repeat))
                say(f"  {count} apps: {key} {found[key].ours[count]:.4g}")
            assert server.daemon is not None
            found["memory"].ours[count] = processes.resident(server.daemon.pid) / 1e6
    finally:
        server.close()
