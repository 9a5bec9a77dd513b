"""Live output over HTTP: streams that are cut go on where they were, and pages with them."""

import html
import json
import re

import pytest
from web_fakes import LOOPBACK, Web

from fakes import eventually
from fakes.requests import request_line
from paas.control import frames
from paas.core.logs import line as logline
from paas.web import daemon_client

EVENTS = {"Accept": "text/event-stream"}


@pytest.fixture(params=["files", "api"])
def web(hello, tmp_path, request):
    """Once as a server that may read the engine's files, and once as one that asks its API."""
    if request.param == "files":
        hello.scheduler.write_logs_to(tmp_path / "engine")
    made = Web(hello)
    yield made
    made.close()


def events(answer):
    """(id, what) of each server-sent event, as they come; of an id alone, what is None."""
    kept = ""
    for chunk in answer.response:
        *blocks, kept = (kept + chunk.decode()).split("\n\n")
        for block in blocks:
            fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if fields:
                yield fields.get("id", ""), json.loads(fields["data"]) if "data" in fields else None


class Log:
    """A client of the API that follows a log, is cut off, and goes on."""

    def __init__(self, web, **parameters):
        self.web = web
        self.parameters = {"app": "hello", "tail": True, "num": 0, **parameters}
        self.token = web.token("view", name=f"view-{id(self)}")
        self.place = ""
        self.lines = []

    def read(self, count):
        """Follows until so many lines more are there, and hangs up."""
        headers = {**EVENTS, **({"Last-Event-ID": self.place} if self.place else {})}
        answer = self.web.call("logs", self.parameters, self.token, headers=headers, buffered=False)
        assert answer.status_code == 200
        found = events(answer)
        if not self.place:
            # Where it begins is known before the first line.
            self.place, nothing = next(found)
            assert nothing is None
        yield
        while count:
            place, said = next(found)
            self.place = place or self.place
            if said is not None:
                assert place, said
                self.lines.append(said["line"])
                count -= 1
        answer.close()

    def texts(self):
        return [line.partition("]: ")[2] for line in self.lines]


def step(generator):
    """The next part of what somebody does."""
    next(generator, None)


def write(web, *texts):
    for text in texts:
        web.server.scheduler.write("web.1", text)


def test_a_log_goes_on_after_the_last_line_that_was_read(web):
    log = Log(web)
    first = log.read(2)
    step(first)
    write(web, "1", "2", "3", "4")
    step(first)
    write(web, "5")
    second = log.read(2)
    step(second), step(second)
    write(web, "6")
    third = log.read(2)
    step(third), step(third)

    assert log.texts() == ["1", "2", "3", "4", "5", "6"]


def test_so_it_does_over_a_deploy(web):
    log = Log(web, ps="web")
    first = log.read(1)
    step(first)
    write(web, "old 1", "old 2")
    step(first)
    web.server.run("ps:restart hello web")
    web.server.quiet()
    write(web, "new 1")
    second = log.read(2)
    step(second), step(second)
    write(web, "new 2")
    third = log.read(1)
    step(third), step(third)

    assert log.texts() == ["old 1", "old 2", "new 1", "new 2"]


def test_requests_that_come_late_and_what_the_platform_tells_are_among_them(web):
    log = Log(web)
    first = log.read(3)
    step(first)
    write(web, "newer")
    web.server.ctx.events.tell(web.server.app().id, "web.1", "it-happened")
    web.server.paths.access_log.parent.mkdir(parents=True, exist_ok=True)
    with web.server.paths.access_log.open("a") as file:
        file.write(request_line(msec="1767225599.900", path="/early"))
    step(first)
    with web.server.paths.access_log.open("a") as file:
        file.write(request_line(msec="1767225599.500", path="/earlier-and-later"))
    second = log.read(1)
    step(second), step(second)

    found = re.findall(r"/earl[a-z-]+|newer|it-happened", " ".join(log.lines))
    assert sorted(found) == ["/earlier-and-later", "/early", "it-happened", "newer"]


def test_lines_of_json_have_the_same_ids(web):
    headers = {"Accept": "application/x-ndjson"}
    token = web.token("view")
    answer = web.call("logs", {"app": "hello", "tail": True, "num": 0}, token, headers=headers, buffered=False)
    lines = (json.loads(line) for chunk in answer.response for line in chunk.splitlines() if line)
    begun = next(lines)
    write(web, "1", "2")
    one = next(lines)
    answer.close()

    assert begun.keys() == {"event", "id"} and begun["event"] == "place"
    assert one["line"].endswith("]: 1")
    headers["Last-Event-ID"] = one["id"]
    answer = web.call("logs", {"app": "hello", "tail": True}, token, headers=headers, buffered=False)
    lines = (json.loads(line) for chunk in answer.response for line in chunk.splitlines() if line)
    assert next(lines)["line"].endswith("2")
    answer.close()


@pytest.mark.parametrize("accepted", ["text/event-stream", "application/x-ndjson"])
def test_a_daemon_that_goes_away_is_a_problem_and_no_end_of_the_command(web, monkeypatch, accepted):
    def cut(conversation, watched=None):
        yield frames.OUTPUT, b"one\n"
        raise daemon_client._lost()

    monkeypatch.setattr(daemon_client.Conversation, "frames", cut)
    answer = web.call("logs", {"app": "hello", "tail": True}, web.token("view"), headers={"Accept": accepted})
    said = answer.get_data(as_text=True)
    assert "one" in said
    assert "disconnected" in said
    assert "exit" not in re.findall(r'event"?: "?(\w+)', said)


def test_a_place_that_is_none_is_refused(web):
    headers = {**EVENTS, "Last-Event-ID": "yesterday"}
    answer = web.call("logs", {"app": "hello", "tail": True}, web.token("view"), headers=headers)
    assert '"code": "invalid-place"' in answer.text
    # What can't go on from a place begins anew.
    assert '"value": ["hello"]' in web.call("apps:list", token=web.token("deploy"), headers=headers).text


def test_what_can_not_be_told_any_more_is_a_gap(web):
    log = Log(web, source="app")
    first = log.read(1)
    step(first)
    write(web, "1", "2")
    step(first)
    web.server.run("ps:restart hello")
    web.server.quiet()
    for row in web.server.ctx.store.kept_logs.of(web.server.app()):
        web.server.ctx.store.kept_logs.remove(row.container)
    write(web, "3")
    second = log.read(2)
    step(second), step(second)

    assert log.texts() == ["1", logline.GAP.decode(), "3"]


def shown(page):
    """The lines of a log that the page has, and the address of those that come."""
    pre = r'<pre class="log tall".*data-events="([^"]*)" data-after="([^"]*)"[^>]*>(.*)</pre>'
    log = re.search(pre, page, re.DOTALL)
    lines = re.findall(r"<span>(.*?)\n+</span>", log[3], re.DOTALL)
    return html.unescape(log[1]), log[2], [html.unescape(line) for line in lines]


def come(browser, address, place):
    """The stream that the page opens."""
    address += f"{'&' if '?' in address else '?'}after={place}"
    return browser.client.get(address, headers={**LOOPBACK, **EVENTS})


def test_nothing_is_missing_between_a_page_and_its_stream(web):
    browser = web.browser("view")
    write(web, *map(str, range(1, 6)))
    address, place, lines = shown(browser.get("/apps/hello/logs?source=app").text)
    write(web, "6", "7")
    answer = come(browser, address, place)
    found = (said for _, said in events(answer) if said)
    lines += [next(found)["line"] for _ in range(2)]
    answer.close()

    assert [line.partition("]: ")[2] for line in lines] == list("1234567")


def test_a_page_shows_the_begin_of_long_lines_and_where_the_whole_is(web):
    browser = web.browser("view")
    long = "x" * 300_000
    write(web, *[f"{number} {long}" for number in range(70)], "short")
    answer = browser.get("/apps/hello/logs?source=app")

    assert answer.status_code == 200 and "too-much" not in answer.text
    assert len(answer.data) < 500_000
    _, _, lines = shown(answer.text)
    assert len(lines) == 71 and lines[-1].endswith("]: short")
    where = re.search(r'href="(/apps/hello/logs/line[^"]*)"', lines[0])[1]
    whole = browser.get(html.unescape(where))
    assert (whole.mimetype, whole.text) == ("text/plain", f"0 {long}\n")


def test_so_do_lines_that_come(web):
    browser = web.browser("view")
    address, place, _ = shown(browser.get("/apps/hello/logs").text)
    write(web, "y" * 10_000)
    answer = come(browser, address, place)
    said = next(said for _, said in events(answer) if said)
    answer.close()

    assert said["line"].endswith("y … [10000 bytes]") and len(said["line"]) < 4_300
    assert browser.get(said["whole"]).text == "y" * 10_000 + "\n"


def test_a_process_that_writes_as_if_it_was_cut_gets_no_more_than_a_link_to_its_line(web):
    browser = web.browser("view")
    write(web, 'a"><script> … [99 bytes]')
    page = browser.get("/apps/hello/logs?source=app").text

    assert "<script> …" not in page
    assert browser.get(html.unescape(re.search(r'href="(/apps/hello/logs/line[^"]*)"', page)[1])).status_code == 200


@pytest.mark.real("git")
def test_the_log_of_a_build_goes_on_after_the_last_line_that_was_read(web):
    server, token = web.server, web.token("view")
    server.commit("hello", {"a": "b"})

    def read(number, after=""):
        headers = {**EVENTS, **({"Last-Event-ID": after} if after else {})}
        parameters = {"target": str(number), "follow": True}
        return web.call("builds:output", parameters, token, headers=headers, buffered=False)

    with server.gates.hold("start") as gate:
        push = server.begin_push("hello")
        gate.wait_until_reached()
        number = server.ctx.jobs.of(server.app())[0].id
        answer = read(number)
        place, said = next(events(answer))
        answer.close()
        assert int(place) == len(said["line"].encode()) + 1
    push.wait()
    server.quiet()
    rest = [one["line"] for _, one in events(read(number, place)) if one and "line" in one]
    assert "\n".join([said["line"], *rest]) + "\n" == server.run(f"builds:output {number}").out


def test_the_page_of_a_build_shows_the_end_of_a_long_log(web):
    number = web.server.ctx.store.deployments.last(web.server.app()).id
    path = web.server.ctx.jobs.log_path(number)
    path.write_text("first\n" + "line\n" * (4 << 20) + "last\n")
    browser = web.browser("view")
    page = browser.get(f"/builds/{number}").text

    assert "first" not in page and "last\n" in page and len(page) < 300_000
    whole = browser.get(re.search(r'href="(/builds/\d+/output)"', page)[1])
    assert whole.mimetype == "text/plain"
    assert whole.data == path.read_bytes()


def test_a_page_that_is_closed_ends_its_stream(web):
    browser = web.browser("view")
    address, place, _ = shown(browser.get("/apps/hello/logs").text)
    answer = come(browser, address, place)
    next(iter(answer.response))
    eventually(lambda: web._control.pool._sessions, "the command")
    answer.close()
    eventually(lambda: not web._control.pool._sessions, "the end of the command")
