"""Work in limited processes: what is done, what is stopped, and what becomes of the helper."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes import eventually
from paas.core.errors import Cancelled, InvalidValue, PaasError
from paas.system import confined
from paas.system.confined import Confined

ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}"
ENDLESS += "{% endfor %}"


@pytest.fixture
def helper() -> Iterator[Confined]:
    made = Confined()
    yield made
    made.stop()


def given(text: str) -> dict[str, object]:
    return {"name": "x", "sources": {"Dockerfile.j2": text}, "values": {"version": "3"}, "paths": ["a.py"]}


def render(helper: Confined, text: str) -> str:
    return helper.for_job(threading.Event())("template", "the template", given(text))


def pid(helper: Confined) -> int:
    assert helper._helper is not None
    return helper._helper._process.pid


def children(helper: Confined) -> list[str]:
    return Path(f"/proc/{pid(helper)}/task/{pid(helper)}/children").read_text().split()


class Endless:
    """Work that never ends by itself, in a thread."""

    def __init__(self, helper: Confined, *, look: bool = False) -> None:
        self.cancelled = threading.Event()
        self.error: Exception | None = None
        work = helper.for_look(self.cancelled) if look else helper.for_job(self.cancelled)

        def run() -> None:
            try:
                work("template", "the template", given(ENDLESS))
            except PaasError as error:
                self.error = error

        self.thread = threading.Thread(target=run)
        self.thread.start()
        eventually(lambda: helper._helper is not None and children(helper))

    def ended(self) -> Exception | None:
        self.thread.join(60)
        return self.error


def test_what_a_template_makes_and_what_is_wrong_with_it_come_back(helper):
    made = '{{ present("*.py") }} {{ version ~ "é" }} {{ [1] | pprint }} {{ lipsum(1) | length > 1 }}'
    made += ' {{ {"a": 1} | tojson }}'
    assert render(helper, made) == "['a.py'] 3é [1] True {\"a\": 1}"
    for text, said in (
        ("\n{% if %}", "Dockerfile.j2, line 2: Expected an expression"),
        ("{{ missing }}", "'missing' is undefined"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "RecursionError"),
        ("{% include 'other' %}", "other"),
        ("{% for a in range(99999) %}xxxx{% endfor %}", "produces more than 262144 characters"),
    ):
        with pytest.raises(InvalidValue) as caught:
            render(helper, text)
        assert said in caught.value.what
        assert caught.value.code == "invalid-buildpack"


def test_toml_comes_back_as_plain_values(helper):
    toml = helper.for_job(threading.Event())
    assert toml("toml", "a", {"path": "a", "text": "a.b = 1\nc = 2026-01-01"}) == {"a": {"b": 1}, "c": "2026-01-01"}
    for text in ("a = [", "a = " + "9" * 5000, "a = " + "[" * 5000):
        with pytest.raises(InvalidValue, match="p is not TOML"):
            toml("toml", "p", {"path": "p", "text": text})


@pytest.mark.parametrize("text", ['{{ "x" * 1500000000 }}', "{{ '' | center(900000000) }}", ENDLESS])
def test_what_takes_too_much_is_stopped_and_the_helper_goes_on(helper, text, monkeypatch):
    monkeypatch.setattr(confined, "CPU_SECONDS", 1)
    with pytest.raises(InvalidValue, match="the template takes too much") as caught:
        render(helper, text)
    assert caught.value.code == "too-much-work"
    before = pid(helper)
    assert render(helper, "FROM x") == "FROM x"
    assert pid(helper) == before


def test_toml_whose_time_grows_with_its_square_is_stopped(helper, monkeypatch):
    monkeypatch.setattr(confined, "CPU_SECONDS", 1)
    text = "[" + "a." * 60_000 + "a]\n" + "".join(f"k{number} = 1\n" for number in range(10_000))
    with pytest.raises(InvalidValue, match=r"pyproject\.toml takes too much"):
        helper.for_job(threading.Event())("toml", "pyproject.toml", {"path": "pyproject.toml", "text": text})


def test_a_child_can_open_nothing_and_where_possible_is_a_user_of_its_own(helper):
    endless = Endless(helper)
    [child] = children(helper)
    limits = Path(f"/proc/{child}/limits")
    eventually(lambda: "Max open files            0 " in limits.read_text())
    assert "Max processes             0 " in limits.read_text()
    assert "Max file size             0 " in limits.read_text()
    uid = Path(f"/proc/{child}/status").read_text().split("Uid:")[1].split()[0]
    assert uid == ("64998" if os.geteuid() == 0 else str(os.geteuid()))
    names = Path(f"/proc/{child}/environ")
    if os.access(names, os.R_OK):
        assert b"HOME=" not in names.read_bytes()
    endless.cancelled.set()
    endless.ended()


def test_a_cancelled_job_ends_at_once_and_its_child_with_it(helper):
    endless = Endless(helper)
    endless.cancelled.set()
    assert isinstance(endless.ended(), Cancelled)
    eventually(lambda: not children(helper))
    assert render(helper, "FROM x") == "FROM x"


def test_a_stop_ends_children_and_helper_and_nothing_begins_any_more(helper):
    endless = Endless(helper)
    process = helper._helper._process
    helper.stop()
    assert isinstance(endless.ended(), Cancelled)
    assert process.returncode is not None
    with pytest.raises(Cancelled):
        render(helper, "FROM x")


def test_a_helper_that_was_killed_is_started_again(helper):
    assert render(helper, "FROM x") == "FROM x"
    before = pid(helper)
    os.kill(before, signal.SIGKILL)
    assert render(helper, "FROM x") == "FROM x"
    assert pid(helper) != before


def test_a_helper_that_hangs_is_replaced(helper, monkeypatch):
    assert render(helper, "FROM x") == "FROM x"
    before = pid(helper)
    os.kill(before, signal.SIGSTOP)
    monkeypatch.setattr(confined, "BEGIN_SECONDS", 0.1)
    replace = helper._replace

    def replaced(found: object) -> None:
        # The next one may take its time.
        monkeypatch.setattr(confined, "BEGIN_SECONDS", 60.0)
        replace(found)

    monkeypatch.setattr(helper, "_replace", replaced)
    assert render(helper, "FROM x") == "FROM x"
    assert pid(helper) != before


def test_a_helper_that_never_works_is_told(helper, monkeypatch):
    monkeypatch.setattr(confined.sys, "executable", "/bin/false")
    with pytest.raises(PaasError, match="does not work") as caught:
        render(helper, "FROM x")
    assert caught.value.code == "no-helper"


def test_those_who_look_wait_for_each_other_and_no_job_waits_for_them(helper, monkeypatch):
    monkeypatch.setattr(confined, "LOOK_SECONDS", 0.1)
    looking = Endless(helper, look=True)
    with pytest.raises(PaasError) as caught:
        helper.for_look(threading.Event())("template", "x", given("FROM x"))
    assert caught.value.code == "busy"
    assert render(helper, "FROM x") == "FROM x"
    looking.cancelled.set()
    looking.ended()


def test_a_job_that_waits_for_a_place_can_be_cancelled(helper, monkeypatch):
    helper._jobs = threading.BoundedSemaphore(1)
    first = Endless(helper)
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(Cancelled, match="before it began"):
        helper.for_job(cancelled)("template", "x", given("FROM x"))
    first.cancelled.set()
    first.ended()
