"""The edge's files and reloads: what is tested, installed, put back and shared, with a server that only reads files."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from paas.core.containers.tcp_table import Held
from paas.core.edge.address import LOOPBACK, Address, local
from paas.core.edge.rules import Edge, Snippet
from paas.core.edge.server_options import ServerOptions
from paas.core.edge.vhost import Vhost, VhostState
from paas.core.errors import InvalidValue, ProxyError
from paas.proxies.base import Switch, Waiting
from paas.proxies.nginx.errors import ConfigRefused
from paas.proxies.nginx.modules import Modules
from paas.proxies.nginx.proxy import NginxProxy


class FileServer:
    """Serves what the files said when it was started or last reloaded, as nginx does.

    It refuses a staged app that has the port 6666, the next reload if ``broken`` says why, and whatever nginx would not
    be asked; a ``late`` one takes up what it refused all the same. Each reload has workers of its own, named by number.
    """

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self.address = "127.0.0.1:8080"
        self.secure_address = ""
        self.status_socket = prefix / "run" / "status.sock"
        self.loaded: dict[str, str] | None = None
        self.heard: set[str] = set()
        self.worker = 0
        self.tested: list[str] = []
        self.broken = ""
        self.calls: list[str] = []
        self.late = False
        self.old: set[int] = set()
        self.holds: dict[int, Held | None] = {}
        self.may_reload = threading.Event()
        self.may_reload.set()
        self.reloading = threading.Event()

    def prepare(self) -> None:
        pass

    def version(self) -> str:
        return "nginx/1.22.1"

    def modules(self) -> Modules:
        return Modules()

    def check(self, main: Path) -> tuple[int, str]:
        raise AssertionError("nobody asked for it")

    def master(self) -> int | None:
        return None if self.loaded is None else 1

    def find(self) -> int | None:
        return self.master()

    def deaf(self) -> bool:
        return self.loaded is not None and str(self.status_socket) not in self.heard

    def move_socket(self) -> None:
        self.status_socket = self.status_socket.with_name("status-2.sock")

    def generation(self) -> str:
        assert self.loaded is not None
        return self.loaded["generation.conf"].removeprefix("return 200 ").rstrip(";\n")

    def test(self, main: Path) -> None:
        assert main == self.prefix / "stage" / "nginx.conf"
        self.calls.append("test")
        self.tested = sorted(self._read(main.parent))

        for name, text in self._read(main.parent).items():
            for number, line in enumerate(text.splitlines(), 1):
                if ":6666" in line:
                    raise ConfigRefused("a bad port", main.parent / name, number)

    def start(self) -> frozenset[int]:
        assert self.loaded is None
        self._take_up("start")
        return frozenset()

    def reload(self, generation: str) -> frozenset[int]:
        assert self.loaded is not None
        self.reloading.set()
        assert self.may_reload.wait(60)
        before = frozenset({self.worker})
        self._take_up("reload")
        assert self.generation() == generation
        return before

    def finishing(self, pids: Iterable[int] | None = None) -> frozenset[int]:
        return frozenset(self.old if pids is None else pids)

    def held(self, pids: Iterable[int]) -> dict[int, Held | None]:
        return {pid: self.holds.get(pid, Held()) for pid in pids}

    def since(self, pids: Iterable[int]) -> list[int]:
        return sorted(pids)

    def end(self, pids: Iterable[int]) -> None:
        self.old -= set(pids)

    def rotate(self, max_bytes: int) -> list[Path]:
        raise AssertionError("nobody asked for it")

    def stop(self) -> None:
        self.loaded = None

    def serves(self) -> dict[str, list[str]]:
        """The upstream ports by app file."""
        assert self.loaded is not None
        return {
            name.removeprefix("apps/"): re.findall(r"server 127\.0\.0\.1:(\d+)", text)
            for name, text in self.loaded.items()
            if name.startswith("apps/")
        }

    def _take_up(self, call: str) -> None:
        self.calls.append(call)

        if self.broken:
            why, self.broken = self.broken, ""

            if self.late:
                self.loaded = self._read(self.prefix)

            raise ProxyError("nginx did not take up its new configuration", why=why)

        self.loaded = self._read(self.prefix)
        self.heard = set(re.findall(r"unix:([^;\"]+)", self.loaded["nginx.conf"]))
        self.worker += 1

    @staticmethod
    def _read(folder: Path) -> dict[str, str]:
        files = [folder / "nginx.conf", folder / "generation.conf", *(folder / "apps").glob("*.conf")]
        return {str(path.relative_to(folder)): path.read_text() for path in files}


@pytest.fixture
def server(tmp_path: Path) -> FileServer:
    return FileServer(tmp_path / "nginx")


@pytest.fixture
def proxy(server: FileServer) -> NginxProxy:
    proxy = NginxProxy(server)
    proxy.start()
    server.calls.clear()
    return proxy


def _app(name: str, port: int = 20_001) -> Vhost:
    return Vhost(name, f"key-{name}", (f"{name}.example",), local(port))


def test_a_published_app_is_tested_then_live_with_one_reload(proxy: NginxProxy, server: FileServer) -> None:
    switch = proxy.publish(_app("a"))

    assert server.calls == ["test", "reload"]
    assert server.serves() == {"key-a.conf": ["20001"]}
    assert switch == Switch(frozenset({1}))


def test_publishing_the_same_again_neither_tests_nor_reloads(proxy: NginxProxy, server: FileServer) -> None:
    proxy.publish(_app("a"))
    server.calls.clear()

    assert proxy.publish(_app("a")) == Switch()
    assert server.calls == []


def test_a_change_of_one_app_writes_only_its_file(proxy: NginxProxy, server: FileServer) -> None:
    proxy.sync([_app("a"), _app("b")])
    other = server.prefix / "apps" / "key-b.conf"
    before = other.stat()

    proxy.publish(_app("a", 20_002))

    assert other.stat().st_ino == before.st_ino
    assert other.stat().st_mtime_ns == before.st_mtime_ns
    assert server.serves() == {"key-a.conf": ["20002"], "key-b.conf": ["20001"]}


def test_one_app_is_tested_without_the_files_of_the_others(proxy: NginxProxy, server: FileServer) -> None:
    proxy.sync([_app(name) for name in ("a", "b", "c")])

    proxy.publish(_app("a", 20_002))

    assert server.tested == ["apps/key-a.conf", "generation.conf", "nginx.conf"]


def test_what_an_admin_wrote_by_hand_is_tested_beside_all_others(proxy: NginxProxy, server: FileServer) -> None:
    proxy.sync([_app("a"), _app("b")])
    snippet = Edge(snippets=(Snippet("own", "return 204;"),))

    proxy.publish(replace(_app("a"), edge=snippet))
    assert {"apps/key-a.conf", "apps/key-b.conf"} <= set(server.tested)

    proxy.publish(_app("a"))
    assert {"apps/key-a.conf", "apps/key-b.conf"} <= set(server.tested)


def test_a_sync_with_other_options_of_the_server_tests_all_and_is_undone_as_a_whole(
    proxy: NginxProxy, server: FileServer
) -> None:
    proxy.sync([_app("a"), _app("b")])
    server.broken = "no"

    with pytest.raises(ProxyError):
        proxy.sync([_app("a", 20_002), _app("b")], ServerOptions(client_header_timeout=7))

    assert {"apps/key-a.conf", "apps/key-b.conf"} <= set(server.tested)
    assert "client_header_timeout 30s;" in (server.prefix / "nginx.conf").read_text()
    assert server.serves() == {"key-a.conf": ["20001"], "key-b.conf": ["20001"]}

    proxy.sync([_app("a")], ServerOptions(client_header_timeout=7))
    proxy.sync([_app("a")])
    assert "client_header_timeout 7s;" in (server.prefix / "nginx.conf").read_text()


def test_several_apps_are_published_together_or_not_at_all(proxy: NginxProxy, server: FileServer) -> None:
    proxy.publish(_app("a"), _app("b"))
    assert server.calls == ["test", "reload"]

    with pytest.raises(ProxyError, match="of b"):
        proxy.publish(_app("a", 20_002), _app("b", 6666))

    assert server.serves() == {"key-a.conf": ["20001"], "key-b.conf": ["20001"]}


def test_a_withdrawn_app_is_gone_and_withdrawing_it_again_does_nothing(proxy: NginxProxy, server: FileServer) -> None:
    proxy.publish(_app("a"))
    proxy.withdraw("key-a")
    assert server.serves() == {}
    server.calls.clear()

    assert proxy.withdraw("key-a") == Switch()
    assert server.calls == []


def test_a_sync_makes_exactly_this_set_with_one_test_and_one_reload(proxy: NginxProxy, server: FileServer) -> None:
    proxy.sync([_app("a"), _app("b")])
    server.calls.clear()

    proxy.sync([_app("b", 20_002), _app("c")])

    assert server.calls == ["test", "reload"]
    assert server.serves() == {"key-b.conf": ["20002"], "key-c.conf": ["20001"]}


def test_a_sync_without_a_change_reloads_nothing(proxy: NginxProxy, server: FileServer) -> None:
    proxy.sync([_app("a"), _app("b")])
    server.calls.clear()

    assert proxy.sync([_app("b"), _app("a")]) == Switch()
    assert server.calls == []


def test_a_sync_repairs_what_was_changed_on_the_disk(proxy: NginxProxy, server: FileServer) -> None:
    proxy.publish(_app("a"))
    (server.prefix / "apps" / "key-a.conf").write_text("server 127.0.0.1:6666")
    (server.prefix / "nginx.conf").write_text("")

    proxy.sync([_app("a")])

    assert server.serves() == {"key-a.conf": ["20001"]}
    assert "http {" in (server.prefix / "nginx.conf").read_text()


def test_a_refused_app_is_named_with_file_and_line_and_nothing_changes(proxy: NginxProxy, server: FileServer) -> None:
    proxy.sync([_app("a"), _app("b")])
    server.calls.clear()

    with pytest.raises(ProxyError) as refusal:
        proxy.publish(_app("a", 6666))

    assert "of a" in refusal.value.what
    assert re.search(r"a bad port\napps/key-a.conf:\d+: server 127.0.0.1:6666", refusal.value.why)
    assert server.calls == ["test"]
    assert ":20001" in (server.prefix / "apps" / "key-a.conf").read_text()


def test_a_refused_new_app_leaves_no_file(proxy: NginxProxy, server: FileServer) -> None:
    with pytest.raises(ProxyError):
        proxy.publish(_app("a", 6666))

    assert list((server.prefix / "apps").iterdir()) == []
    proxy.publish(_app("b"))
    assert server.serves() == {"key-b.conf": ["20001"]}


def test_a_sync_with_a_refused_app_takes_up_the_others_and_says_which(proxy: NginxProxy, server: FileServer) -> None:
    proxy.publish(_app("b"))

    with pytest.raises(ProxyError, match="of b"):
        proxy.sync([_app("a"), _app("b", 6666), _app("c")])

    assert server.serves() == {"key-a.conf": ["20001"], "key-b.conf": ["20001"], "key-c.conf": ["20001"]}


def test_a_sync_with_an_app_that_cannot_be_written_takes_up_the_others(proxy: NginxProxy, server: FileServer) -> None:
    proxy.sync([_app("b"), _app("c"), _app("gone")])
    server.calls.clear()
    odd = replace(_app("b", 20_002), edge=Edge(snippets=(Snippet("odd", "{{ nothing }}"),)))

    with pytest.raises(InvalidValue, match="the snippet odd of b"):
        proxy.sync([_app("a"), odd], ServerOptions(client_header_timeout=7), {"key-c"})

    assert server.serves() == {"key-a.conf": ["20001"], "key-b.conf": ["20001"], "key-c.conf": ["20001"]}
    assert server.calls == ["test", "reload"]
    assert "client_header_timeout 7s;" in proxy.config(None)
    # What the server has taken up holds from then on, whatever one app was refused for.
    proxy.sync([_app("a")])
    assert "client_header_timeout 7s;" in proxy.config(None)


def test_snippets_are_left_out_while_nothing_runs_and_for_who_may_not_read_them(proxy: NginxProxy) -> None:
    teapot = Edge(snippets=(Snippet("tea", "return 418 {{ ports[0] }};"),))
    proxy.publish(replace(_app("a"), edge=teapot))
    assert "return 418 20001;" in proxy.config("key-a")
    assert "return 418" not in proxy.config("key-a", snippets=False)
    proxy.publish(replace(_app("a"), upstreams=(), state=VhostState.STOPPED, edge=teapot))
    assert "snippet" not in proxy.config("key-a")


def test_a_failed_reload_puts_the_files_back_and_names_the_app(proxy: NginxProxy, server: FileServer) -> None:
    proxy.publish(_app("a"))
    server.broken = "still could not bind()"

    with pytest.raises(ProxyError, match="changed for a") as failure:
        proxy.publish(_app("a", 20_002))

    assert failure.value.why == "still could not bind()"
    assert ":20001" in (server.prefix / "apps" / "key-a.conf").read_text()
    assert server.calls[-2:] == ["reload", "reload"]

    proxy.publish(_app("a", 20_002))
    assert server.serves() == {"key-a.conf": ["20002"]}


def test_what_nginx_takes_up_after_it_was_given_up_is_not_served_any_more(
    proxy: NginxProxy, server: FileServer
) -> None:
    """Who asked for it removes its containers at once."""
    proxy.publish(_app("a"))
    server.broken, server.late = "No new worker answered within 10 seconds.", True

    with pytest.raises(ProxyError, match="changed for a"):
        proxy.publish(_app("a", 20_002))

    assert server.serves() == {"key-a.conf": ["20001"]}


def test_files_that_became_live_without_a_reload_are_taken_up_at_the_next_start(
    proxy: NginxProxy, server: FileServer
) -> None:
    proxy.publish(_app("a"))
    file = server.prefix / "apps" / "key-a.conf"
    file.write_text(file.read_text().replace(":20001", ":20002"))

    again = NginxProxy(server)
    again.start()

    assert server.serves() == {"key-a.conf": ["20002"]}
    server.calls.clear()
    again.start()
    assert server.calls == []


def test_a_server_that_died_is_started_by_the_next_publish(proxy: NginxProxy, server: FileServer) -> None:
    proxy.publish(_app("a"))
    server.loaded = None
    server.calls.clear()

    proxy.publish(_app("b"))

    assert server.calls == ["test", "start"]
    assert set(server.serves()) == {"key-a.conf", "key-b.conf"}


def test_a_disk_that_refuses_is_said_and_the_stage_recovers(proxy: NginxProxy, server: FileServer) -> None:
    proxy.publish(_app("a"))
    stage = server.prefix / "stage" / "apps"
    stage.rename(stage.with_name("away"))
    stage.touch()

    with pytest.raises(ProxyError, match="could not be written"):
        proxy.publish(_app("a", 20_002))

    stage.unlink()
    proxy.publish(_app("a", 20_003))
    assert server.serves() == {"key-a.conf": ["20003"]}


def test_a_disk_that_refuses_one_of_several_live_files_gets_all_of_them_back(
    proxy: NginxProxy, server: FileServer
) -> None:
    proxy.sync([_app("a"), _app("b")])
    obstacle = server.prefix / "apps" / ".key-b.conf.new"
    obstacle.mkdir()

    with pytest.raises(ProxyError, match="could not be written"):
        proxy.sync([_app("a", 20_002), _app("b", 20_002)])

    assert ":20001" in (server.prefix / "apps" / "key-a.conf").read_text()
    obstacle.rmdir()
    proxy.sync([_app("a", 20_003), _app("b", 20_003)])
    assert server.serves() == {"key-a.conf": ["20003"], "key-b.conf": ["20003"]}


def test_who_comes_during_a_reload_shares_the_next_one(proxy: NginxProxy, server: FileServer) -> None:
    server.may_reload.clear()
    server.reloading.clear()
    switches: dict[str, Switch | ProxyError] = {}

    def publish(vhost: Vhost) -> None:
        try:
            switches[vhost.app] = proxy.publish(vhost)
        except ProxyError as error:
            switches[vhost.app] = error

    first = threading.Thread(target=publish, args=(_app("first"),))
    first.start()
    assert server.reloading.wait(60)
    others = [threading.Thread(target=publish, args=(_app(f"app-{number}"),)) for number in range(20)]
    others.append(threading.Thread(target=publish, args=(_app("bad", 6666),)))

    for thread in others:
        thread.start()

    deadline = time.monotonic() + 10

    while len(proxy._requests) < len(others):
        assert time.monotonic() < deadline
        threading.Event().wait(0.001)

    server.may_reload.set()

    for thread in [first, *others]:
        thread.join(60)

    assert server.calls == ["test", "reload", "test", "test", "reload"]
    bad = switches.pop("bad")
    assert isinstance(bad, ProxyError) and "of bad" in bad.what
    assert switches.pop("first") == Switch(frozenset({1}))
    assert set(switches.values()) == {Switch(frozenset({2}))}
    assert len(server.serves()) == 21


def test_a_stopped_app_stays_in_the_tree(proxy: NginxProxy, server: FileServer) -> None:
    proxy.publish(Vhost("a", "key-a", ("a.example",), state=VhostState.STOPPED))

    assert server.serves() == {"key-a.conf": []}


def test_an_unsafe_name_never_reaches_a_file(proxy: NginxProxy, server: FileServer) -> None:
    with pytest.raises(InvalidValue):
        proxy.publish(Vhost("a", "key-a", ("a.example; } include /etc/passwd",), local(20_001)))

    assert server.serves() == {}


# What somebody removes


def test_files_that_were_removed_come_back_with_the_next_change_of_any_app(
    proxy: NginxProxy, server: FileServer
) -> None:
    proxy.sync([_app("a"), _app("b"), _app("c")])
    assert proxy.sound()
    shutil.rmtree(server.prefix)
    assert not proxy.sound()

    proxy.publish(_app("a", 20_002))

    assert server.serves() == {"key-a.conf": ["20002"], "key-b.conf": ["20001"], "key-c.conf": ["20001"]}
    assert proxy.sound()


@pytest.mark.parametrize("name", ["nginx.conf", "apps/key-a.conf", "generation.conf", "apps", "stage", "run", "logs"])
def test_whatever_was_removed_a_start_puts_it_back(proxy: NginxProxy, server: FileServer, name: str) -> None:
    proxy.sync([_app("a"), _app("b")])
    path = server.prefix / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert not proxy.sound()

    proxy.start()

    assert proxy.sound()
    # It may have had files of that folder open: logs go on in the new one.
    assert server.calls[-1] == "reload"
    assert server.serves() == {"key-a.conf": ["20001"], "key-b.conf": ["20001"]}


def test_a_status_socket_that_was_removed_is_made_again_by_another_name(proxy: NginxProxy, server: FileServer) -> None:
    proxy.sync([_app("a")], ServerOptions(client_header_timeout=7))
    server.heard.clear()
    assert not proxy.sound()

    proxy.publish(_app("b"))

    assert proxy.sound()
    main = (server.prefix / "nginx.conf").read_text()
    assert "status-2.sock" in main
    assert "client_header_timeout 7s" in main
    assert server.serves() == {"key-a.conf": ["20001"], "key-b.conf": ["20001"]}


def test_where_nothing_was_removed_nothing_is_done(proxy: NginxProxy, server: FileServer) -> None:
    proxy.sync([_app("a")])
    server.calls.clear()
    proxy.start()
    assert server.calls == []


def _to(ports: dict[int, int]) -> dict[Address, int]:
    return {Address(LOOPBACK, port): count for port, count in ports.items()}


def test_the_oldest_workers_end_once_there_are_more_than_may_be(
    server: FileServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[int, int]] = []
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    proxy = NginxProxy(server, cut=lambda connections: told.append(dict(connections)))
    proxy.start()
    proxy.sync([], ServerOptions(generations=2))
    server.old = {11, 12, 13, 14}
    server.holds = {11: Held(3, 0, _to({20_001: 2, 20_002: 1})), 12: None, 15: Held(7, 0, _to({20_001: 7}))}
    proxy.publish(_app("a"))
    assert (server.old, told) == ({11, 12, 13, 14}, [])

    server.old |= {15, 16}
    proxy.publish(_app("b", 20_002))
    assert server.old == {13, 14, 15, 16}
    assert told == [{20_001: 2, 20_002: 1}]
    assert proxy.waiting() == Waiting(workers=4, clients=7, most=4, ended=2)
    assert "the oldest ended, with 3 connections" in caplog.text


def test_processes_are_needed_as_long_as_an_old_worker_may_ask_them(proxy: NginxProxy, server: FileServer) -> None:
    switch = Switch(frozenset({11, 12}))
    server.holds = {11: Held(2, 0, _to({20_001: 2}))}
    assert not proxy.drained(switch, local(20_001))
    assert proxy.drained(switch, local(20_002))
    assert not proxy.drained(switch)
    server.holds[12] = None
    assert not proxy.drained(switch, local(20_002))
    assert proxy.drained(switch, [])
    assert proxy.drained(Switch())


def test_files_that_are_removed_while_a_change_fails_are_not_forgotten(proxy: NginxProxy, server: FileServer) -> None:
    proxy.sync([_app("a"), _app("b")])
    obstacle = server.prefix / "apps" / ".key-b.conf.new"
    obstacle.mkdir()

    with pytest.raises(ProxyError, match="could not be written"):
        proxy.publish(_app("b", 20_002))

    shutil.rmtree(server.prefix / "apps")
    proxy.start()

    assert sorted(server.serves()) == ["key-a.conf", "key-b.conf"]


def test_files_that_are_removed_at_any_moment_of_a_start_are_not_forgotten(
    proxy: NginxProxy, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy.sync([_app("a"), _app("b")])
    put_back = proxy._live.put_back

    def then_gone() -> bool:
        found = put_back()
        monkeypatch.undo()
        shutil.rmtree(server.prefix / "apps")
        return found

    monkeypatch.setattr(proxy._live, "put_back", then_gone)
    proxy.start()
    assert sorted(server.serves()) == ["key-a.conf", "key-b.conf"]


def test_other_users_of_the_host_read_neither_logs_nor_files_of_apps(proxy: NginxProxy, server: FileServer) -> None:
    proxy.sync([_app("a")])
    log = server.prefix / "logs" / "access.log"
    log.write_text("/reset?token=1\n")
    log.chmod(0o644)
    proxy.start()
    # nginx would make the other one readable for everybody.
    closed = [log, log.with_name("error.log"), *(server.prefix / "apps").iterdir(), server.prefix / "nginx.conf"]
    closed += [server.prefix / name for name in ("apps", "logs", "stage", "run", "certificates")]
    assert {path.name: path.stat().st_mode & 0o007 for path in closed} == {path.name: 0 for path in closed}
