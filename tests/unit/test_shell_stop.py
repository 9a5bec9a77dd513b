"""Which containers have a shell between the engine's signal and their programs."""

import logging

import pytest

from paas.schedulers.docker import shell_stop


def process(proc, pid, name, words, children):
    folder = proc / str(pid)
    (folder / "task" / str(pid)).mkdir(parents=True)
    (folder / "comm").write_text(f"{name}\n")
    (folder / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in words))
    (folder / "task" / str(pid) / "children").write_text("".join(f"{child} " for child in children))


@pytest.mark.parametrize(
    ("name", "words", "children", "waits"),
    [
        ("sh", ["/bin/sh", "-c", "a | b"], [12], True),
        ("bash", ["bash", "-c", "a | b"], [12, 13], True),
        ("start.sh", ["/bin/bash", "./start.sh"], [12], True),
        ("busybox", ["busybox", "sh", "-c", "a | b"], [12], True),
        ("npm start", ["npm start"], [12], True),
        ("node", ["node", "/usr/share/yarn/bin/yarn.js", "start"], [12], True),
        ("node", ["/usr/bin/node", "/usr/local/bin/pnpm", "start"], [12], True),
        ("node", ["node", "server.js"], [12], False),
        ("sh", ["/bin/sh", "-c", "wait"], [], False),
        ("python3", ["python3", "srv.py"], [12], False),
        ("shadow", ["/bin/shadow"], [12], False),
    ],
)
def test_only_a_shell_or_a_runner_with_children_waits_for_programs(tmp_path, name, words, children, waits):
    process(tmp_path, 10, "docker-init", ["/sbin/docker-init", "--"], [11])
    process(tmp_path, 11, name, words, children)
    assert shell_stop.waits(10, tmp_path) is waits


def test_a_process_that_has_gone_waits_for_nothing(tmp_path):
    assert not shell_stop.waits(10, tmp_path)
    process(tmp_path, 10, "docker-init", ["/sbin/docker-init", "--"], [])
    assert not shell_stop.waits(10, tmp_path)
    process(tmp_path, 11, "sh", ["sh"], [12])
    (tmp_path / "10" / "task" / "10" / "children").write_text("11 ")
    (tmp_path / "11" / "comm").unlink()
    assert not shell_stop.waits(10, tmp_path)


@pytest.mark.parametrize(
    ("said", "number"),
    [(None, 15), ("", 15), ("SIGTERM", 15), ("quit", 3), ("SIGINT", 2), ("9", 9), ("SIGRTMIN+3", None), ("64", None)],
)
def test_the_signal_is_the_one_of_the_image(said, number):
    assert shell_stop.stop_signal({"StopSignal": said}) == number


class Engine:
    """An engine with one container, whose first process is a shell with a child."""

    running = True

    def inspect_container(self, container_id):
        return {"Config": {}, "State": {"Running": self.running, "Pid": 10}}


@pytest.fixture
def shell(tmp_path, monkeypatch):
    process(tmp_path, 10, "docker-init", ["/sbin/docker-init", "--"], [11])
    process(tmp_path, 11, "sh", ["/bin/sh", "-c", "a | b"], [12])
    monkeypatch.setattr(shell_stop.waits, "__defaults__", (tmp_path,))


def answers(monkeypatch, *outcomes):
    said, asked = iter(outcomes), []
    monkeypatch.setattr(shell_stop.exec_stream, "run", lambda *args: asked.append(args) or next(said))
    return asked


def test_an_engine_that_fails_to_start_the_script_is_asked_again(shell, monkeypatch, caplog):
    asked = answers(monkeypatch, (126, "connection reset by peer"), (0, ""))
    shell_stop.tell(Engine(), "c1")
    assert len(asked) == 2
    assert not caplog.records


@pytest.mark.parametrize("outcome", [(126, "no such file"), (None, "no such file"), (1, "no such file")])
def test_programs_that_could_not_be_told_are_in_the_log(shell, monkeypatch, caplog, outcome):
    caplog.set_level(logging.WARNING)
    answers(monkeypatch, outcome, outcome, outcome)
    shell_stop.tell(Engine(), "c1")
    assert "no such file" in caplog.text


def test_a_container_that_ended_meanwhile_is_not_asked_again(shell, monkeypatch, caplog):
    engine = Engine()
    asked = []

    def run(*args):
        asked.append(args)
        engine.running = False
        return 126, "is not running"

    monkeypatch.setattr(shell_stop.exec_stream, "run", run)
    shell_stop.tell(engine, "c1")
    assert len(asked) == 1
    assert not caplog.records
