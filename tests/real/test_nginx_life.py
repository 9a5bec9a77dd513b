"""Changing, reloading, losing and finding a real nginx, while it serves."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path

import ports
import pytest
from nginx_tools import App, Edge, edge_at, wait_for

from paas.core.edge.address import local
from paas.core.edge.vhost import Vhost
from paas.core.errors import ProxyError
from paas.proxies.nginx import handover
from paas.proxies.nginx import process as driver
from paas.proxies.nginx.process import Nginx
from paas.proxies.nginx.proxy import NginxProxy
from paas.proxies.nginx.text import Templates
from paas.system.data_folders import folder

pytestmark = pytest.mark.real


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    with edge_at(tmp_path) as edge:
        yield edge


class Load:
    """Clients that ask without pause, on a new connection for each request, and remember what went wrong."""

    def __init__(self, edge: Edge, clients: int = 3) -> None:
        self.edge = edge
        self.answers: list[str] = []
        self.failures: list[str] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()

        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        method = "POST"

        while not self._over.is_set():
            method = "GET" if method == "POST" else "POST"

            try:
                answer = self.edge.get("/name", method=method, body=b"x" if method == "POST" else None)
            except (OSError, HTTPException) as error:
                self.failures.append(repr(error))
                continue

            if answer.status == 200:
                self.answers.append(answer.text)
            else:
                self.failures.append(str(answer.status))


def test_switches_under_load_lose_no_request_though_old_processes_go(
    edge: Edge, new_app: Callable[[str], App]
) -> None:
    old = new_app("v0")
    edge.publish(old)

    with Load(edge) as load:
        for number in range(1, 11):
            new = new_app(f"v{number}")
            switch = edge.proxy.publish(Vhost("app-1", "1", ("a.example",), local(new.port)))
            assert switch.old_workers
            assert {edge.get("/name").text for _ in range(20)} == {new.name}

            wait_for(lambda switch=switch: edge.proxy.drained(switch), "the old workers")  # type: ignore[misc]
            old.stop()
            old = new

    assert load.failures == []
    assert {f"v{number}" for number in range(10)} <= set(load.answers)


def test_a_worker_is_not_drained_before_its_last_request_ended(edge: Edge, new_app: Callable[[str], App]) -> None:
    old, new = new_app("old"), new_app("new")
    edge.publish(old)
    answers: list[str] = []
    client = threading.Thread(target=lambda: answers.append(edge.get("/wait").text))
    client.start()
    assert old.first_piece.wait(10)

    switch = edge.proxy.publish(Vhost("app-1", "1", ("a.example",), local(new.port)))
    assert edge.get("/name").text == "new"
    assert not edge.proxy.drained(switch)
    assert edge.proxy.draining().old_workers <= switch.old_workers

    old.go.set()
    client.join()
    assert answers == ["old"]
    wait_for(lambda: edge.proxy.drained(switch), "the old workers")


def test_many_reloads_leave_one_set_of_workers(edge: Edge, new_app: Callable[[str], App]) -> None:
    app, other = new_app("app"), new_app("other")

    for number in range(10):
        edge.publish(app if number % 2 else other)

    assert len(edge.settled()) == os.cpu_count()


def test_publishers_at_the_same_time_share_reloads(edge: Edge, new_app: Callable[[str], App]) -> None:
    app = new_app("app")
    reloads = []
    reload = edge.nginx.reload
    edge.nginx.reload = lambda generation: reloads.append(generation) or reload(generation)  # type: ignore
    threads = [
        threading.Thread(target=edge.publish, args=(app,), kwargs={"key": str(number), "host": f"h{number}.example"})
        for number in range(20)
    ]

    for thread in threads:
        thread.start()

    for thread in threads:
        thread.join()

    assert 1 <= len(reloads) < 10
    assert {edge.get("/name", host=f"h{number}.example").text for number in range(20)} == {"app"}


def test_a_second_object_takes_over_what_runs_and_touches_nothing(edge: Edge, new_app: Callable[[str], App]) -> None:
    edge.publish(new_app("app"))
    master, workers = edge.nginx.master(), edge.settled()

    again = Edge(edge.root, edge.port)
    again.proxy.start()

    assert again.proxy.running()
    assert (again.nginx.master(), again.nginx.workers()) == (master, workers)


def test_a_master_whose_pid_file_was_lost_is_found(edge: Edge) -> None:
    master = edge.nginx.master()
    edge.nginx.pid_file.unlink()
    assert not edge.proxy.running()

    edge.proxy.start()

    assert edge.nginx.master() == master


def test_a_pid_file_that_names_another_process_is_not_believed(edge: Edge, new_app: Callable[[str], App]) -> None:
    edge.publish(new_app("app"))
    edge.nginx.stop()
    edge.nginx.pid_file.write_text(str(os.getpid()))
    assert not edge.proxy.running()

    edge.proxy.start()

    assert edge.proxy.running()
    assert edge.get("/name").text == "app"


def test_after_a_killed_master_a_start_serves_again_and_old_requests_end_well(
    edge: Edge, new_app: Callable[[str], App]
) -> None:
    app = new_app("app")
    edge.publish(app)
    answers: list[str] = []
    client = threading.Thread(target=lambda: answers.append(edge.get("/wait").text))
    client.start()
    assert app.first_piece.wait(10)
    master = edge.nginx.master()
    assert master
    orphans = edge.settled()

    os.kill(master, signal.SIGKILL)
    wait_for(lambda: not edge.proxy.running(), "the end of the master")
    assert edge.get("/name").text == "app"

    again = Edge(edge.root, edge.port)
    again.proxy.start()

    assert again.nginx.master() not in (None, master)
    assert not again.nginx.workers() & orphans
    assert again.get("/name").text == "app"
    app.go.set()
    client.join()
    assert answers == ["app"]


def test_a_killed_master_is_replaced_without_a_refused_connection(edge: Edge, new_app: Callable[[str], App]) -> None:
    edge.publish(new_app("app"))

    with Load(edge, 6) as load:
        for _ in range(5):
            master, orphans = edge.nginx.master(), edge.settled()
            assert master
            os.kill(master, signal.SIGKILL)
            wait_for(lambda: not edge.proxy.running(), "the end of the master")
            edge.proxy.start()
            assert edge.nginx.master() not in (None, master)
            wait_for(lambda orphans=orphans: not edge.nginx.finishing(orphans), "the end of its workers")  # type: ignore[misc]

    assert load.failures == []
    assert len(load.answers) > 100
    edge.nginx.stop()
    assert edge.processes() == []


def test_without_the_right_to_take_sockets_over_a_killed_master_is_replaced_all_the_same(
    edge: Edge, new_app: Callable[[str], App], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "_open", lambda pid: iter(()))
    edge.publish(new_app("app"))
    master = edge.nginx.master()
    assert master
    os.kill(master, signal.SIGKILL)
    wait_for(lambda: not edge.proxy.running(), "the end of the master")

    edge.proxy.start()

    assert edge.get("/name").text == "app"


@pytest.mark.parametrize(
    ("lost", "restarted"),
    [
        *((name, False) for name in ("run/status.sock", "run/status.sock twice", "run", "logs", "apps", "temp", ".")),
        ("run/status.sock", True),
        (".", True),
    ],
)
def test_what_somebody_removes_of_a_running_nginx_is_put_back_while_it_serves(
    edge: Edge, new_app: Callable[[str], App], lost: str, restarted: bool
) -> None:
    app, other = new_app("app"), new_app("other")
    vhosts = [Vhost("one", "1", ("a.example",), local(app.port)), Vhost("two", "2", ("b.example",), local(other.port))]
    edge.proxy.sync(vhosts)
    master = edge.nginx.master()

    with Load(edge, 2) as load:
        for _ in range(2 if lost.endswith("twice") else 1):
            path = edge.nginx.status_socket if "status" in lost else edge.nginx.prefix / lost
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            assert not edge.proxy.sound()

            if restarted:
                edge = Edge(edge.root, edge.port)
                edge.proxy.sync(vhosts)
            else:
                edge.proxy.start()

            assert edge.proxy.sound()

        # A change goes through, and is one of the app alone.
        edge.publish(other, key="2", host="b.example")
        edge.publish(app, key="3", host="c.example")

    assert load.failures == []
    assert edge.nginx.master() == master
    assert [edge.get("/name", host=f"{name}.example").text for name in "abc"] == ["app", "other", "app"]
    access = edge.nginx.prefix / "logs" / "access.log"
    wait_for(lambda: "c.example" in access.read_text(), "the access log")


def test_the_next_publish_starts_an_nginx_that_died(edge: Edge, new_app: Callable[[str], App]) -> None:
    app = new_app("app")
    edge.publish(app)
    edge.nginx.stop()

    edge.publish(app)

    assert edge.get("/name").text == "app"


def test_instances_side_by_side_do_not_disturb_each_other(tmp_path: Path, new_app: Callable[[str], App]) -> None:
    with edge_at(tmp_path / "one") as one, edge_at(tmp_path / "one" / "two") as two:
        one.publish(new_app("one"))
        two.publish(new_app("two"))
        workers = two.settled()

        one.publish(new_app("three"))
        assert (one.get("/name").text, two.get("/name").text) == ("three", "two")

        one.nginx.stop()
        assert two.get("/name").text == "two"
        assert two.nginx.workers() <= workers


def test_a_refused_text_is_named_and_all_else_stays(tmp_path: Path, new_app: Callable[[str], App]) -> None:
    templates = tmp_path / "templates"
    shutil.copytree(folder("nginx"), templates)
    text = (templates / "app.conf.j2").read_text()
    (templates / "app.conf.j2").write_text('{% if vhost.key == "bad" %}fruit on;\n{% endif %}' + text)

    with edge_at(tmp_path / "edge", templates=Templates(templates)) as edge:
        edge.publish(new_app("app"))
        workers = edge.settled()

        with pytest.raises(ProxyError) as refusal:
            edge.publish(new_app("bad"), key="bad", host="b.example")

        assert 'unknown directive "fruit"\napps/bad.conf:1: fruit on;' in refusal.value.why
        assert edge.nginx.workers() == workers
        assert edge.get("/name").text == "app"
        assert edge.get(host="b.example").status == 404
        edge.publish(new_app("next"), key="2", host="c.example")
        assert edge.get("/name", host="c.example").text == "next"


@pytest.mark.parametrize("name", ["a" * 120, "with some spaces"])
def test_a_long_or_spaced_path_serves_and_reloads(tmp_path: Path, name: str, new_app: Callable[[str], App]) -> None:
    with edge_at(tmp_path / name) as edge:
        edge.publish(new_app("app"))
        assert edge.get("/name").text == "app"
        elsewhere = edge.nginx.status_socket.parent

    assert elsewhere == edge.nginx.prefix / "run" or not elsewhere.exists()


def test_a_taken_port_is_said_and_the_other_program_stays(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        edge = Edge(tmp_path, other.getsockname()[1])

        with pytest.raises(ProxyError, match=f"127.0.0.1:{edge.port}"):
            edge.proxy.start()

        assert edge.processes() == []


def test_a_reload_that_nginx_gives_up_leaves_the_old_files_and_the_old_server(
    edge: Edge, new_app: Callable[[str], App]
) -> None:
    app = new_app("app")
    edge.publish(app)
    moved = Edge(edge.root, app.port)
    moved.proxy.prepare()

    with pytest.raises(ProxyError) as failure:
        moved.publish(app)

    assert f"bind() to 127.0.0.1:{app.port} failed" in failure.value.why
    assert f":{edge.port};" in (edge.nginx.prefix / "apps" / "1.conf").read_text()
    assert edge.get("/name").text == "app"


def test_a_moved_port_is_served_after_a_reload(edge: Edge, new_app: Callable[[str], App]) -> None:
    app = new_app("app")
    edge.publish(app)
    master = edge.nginx.master()

    moved = Edge(edge.root, *ports.free(1))
    moved.proxy.sync([Vhost("app-1", "1", ("a.example",), local(app.port))])

    assert moved.get("/name").text == "app"
    assert moved.nginx.master() == master

    wait_for(lambda: not _answers(edge), "the old port to be closed")


def _answers(edge: Edge) -> bool:
    try:
        edge.get("/name")
    except OSError:
        return False
    return True


@pytest.fixture(params=["open to workers", "closed to workers"])
def folder_for_logs(request: pytest.FixtureRequest) -> Iterator[tuple[Path, bool]]:
    """A folder, and whether workers, who run as another user if this is root, may open files in it."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o711 if request.param == "open to workers" else 0o700)
        yield Path(name), request.param == "open to workers" or os.geteuid() != 0


def test_a_log_that_grew_is_put_aside_and_lines_go_on_in_a_new_one(
    folder_for_logs: tuple[Path, bool], new_app: Callable[[str], App], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, workers_stay = folder_for_logs
    if workers_stay:
        # Those that take longer, on a machine that is slow now, are replaced.
        monkeypatch.setattr(driver, "REOPEN_SECONDS", 10.0)

    with edge_at(root) as edge:
        edge.publish(new_app("app"))
        workers = edge.settled()
        access = edge.nginx.prefix / "logs" / "access.log"
        edge.get("/before")
        wait_for(lambda: access.stat().st_size > 0, "the access log")

        edge.proxy.rotate(10**6)
        assert not access.with_name("access.log.1").exists()

        edge.proxy.rotate(10)
        assert "/before" in access.with_name("access.log.1").read_text()
        edge.get("/after")
        wait_for(lambda: "/after" in access.read_text(), "the new access log")
        assert (edge.nginx.workers() == workers) == workers_stay
        assert [path.name for path in access.parent.iterdir() if path.stat().st_mode & 0o007] == []


def test_a_managed_nginx_is_waited_for_used_and_left_alone(
    tmp_path: Path, new_app: Callable[[str], App], monkeypatch: pytest.MonkeyPatch
) -> None:
    [port] = ports.free(1)
    nginx = Nginx(tmp_path / "nginx", "127.0.0.1", port, managed=True)
    proxy = NginxProxy(nginx)
    proxy.prepare()

    with monkeypatch.context() as patch:
        patch.setattr(driver, "START_SECONDS", 0.01)

        with pytest.raises(ProxyError, match="did not appear"):
            proxy.start()

    with edge_at(tmp_path, port) as edge:
        master = edge.nginx.master()
        proxy.publish(Vhost("app-1", "1", ("a.example",), local(new_app("app").port)))
        proxy.stop()
        assert edge.get("/name").text == "app"
        assert edge.nginx.master() == master


def test_nginx_outlives_the_process_that_started_it(tmp_path: Path) -> None:
    [port] = ports.free(1)
    code = (
        "import pathlib; from paas.proxies.nginx.process import Nginx; from paas.proxies.nginx.proxy import NginxProxy;"
        f"NginxProxy(Nginx(pathlib.Path({str(tmp_path / 'nginx')!r}), '127.0.0.1', {port})).start()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

    with edge_at(tmp_path, port) as edge:
        assert edge.get().status == 404


def test_a_stopped_instance_leaves_no_process_and_no_port(tmp_path: Path, new_app: Callable[[str], App]) -> None:
    with edge_at(tmp_path) as edge:
        app = new_app("app")
        edge.publish(app)

        with contextlib.closing(edge.connect()) as connection:
            connection.request("GET", "/wait", headers={"Host": "a.example"})
            assert app.first_piece.wait(10)
            edge.nginx.stop(0.1)

        assert not edge.proxy.running()
        assert edge.processes() == []

        with pytest.raises(ConnectionRefusedError):
            edge.get()
