import json
import socket
import threading

import pytest
from web_fakes import LOOPBACK, Web

from fakes import eventually
from paas.commands.declare import COMMANDS
from paas.core.errors import UsageError
from paas.dispatch import openapi
from paas.dispatch.calling import argv
from paas.web import gunicorn, limits


@pytest.fixture
def web(hello):
    made = Web(hello)
    yield made
    made.close()


def test_a_result_is_the_value_of_the_command(web):
    token = web.token("view")

    assert web.call("apps:list", token=token).json == ["hello"]
    assert web.call("apps:info", {"app": "hello"}, token).json["state"] == "running"
    looked = web.call("apps:info", {"app": "hello"}, token, method="GET")
    assert looked.json["name"] == "hello"
    assert looked.headers["Cache-Control"] == "no-store"


def test_all_apps_at_once(web):
    (row,) = web.call("apps:overview", token=web.token("view")).json

    assert (row["name"], row["state"], row["release"], row["processes"]) == (
        "hello", "running", "v1", {"web": 1, "worker": 0}
    )  # fmt: skip
    assert (row["build"], row["build_status"]) == (1, "succeeded")


def test_what_has_no_value_says_its_output(web):
    answer = web.call("ps:scale", {"app": "hello", "pairs": ["web=2"]}, web.token("deploy"))

    assert answer.status_code == 200
    assert answer.json["exit_status"] == 0
    assert "web" in answer.json["output"]
    assert web.call("ps:scale", {"app": "hello"}, web.token()).json == {"web": 2, "worker": 0}


def test_flags_lists_and_global_go_by_name(web):
    token = web.token()
    web.call("config:set", {"global": True, "pairs": ["COLOUR=a b", "SHAPE=--round"], "no_restart": True}, token)

    assert web.call("config:show", {"global": True}, token).json == {"COLOUR": "a b", "SHAPE": "--round"}
    merged = web.call("config:keys", {"app": "hello", "merged": "true"}, token, method="GET")
    assert merged.json == ["COLOUR", "SHAPE"]


def test_standard_input_is_a_text(web):
    token = web.token()
    answer = web.call("config:import", {"app": "hello", "stdin": "A=1\nB=2\n"}, token)

    assert answer.status_code == 200, answer.text
    assert web.server.config() == {"A": "1", "B": "2"}


@pytest.mark.parametrize(
    ("command", "parameters", "status", "code"),
    [
        ("apps:info", {"app": "nothing"}, 404, "no-such-app"),
        ("apps:inf", {}, 404, "no-such-command"),
        ("apps:info", {}, 400, "usage"),
        ("apps:info", {"app": "hello", "colour": "red"}, 400, "usage"),
        ("apps:info", {"app": ["hello"]}, 400, "usage"),
        ("apps:create", {"name": "hello"}, 409, "already-exists"),
        ("apps:create", {"name": "Hello; rm -rf /"}, 422, "invalid-app-name"),
        ("builds:info", {"target": "hello", "which": "--help"}, 422, "invalid-build"),
        ("run", {"app": "hello", "words": ["sh"]}, 404, "no-such-command"),
        ("enter", {"app": "hello"}, 404, "no-such-command"),
        ("git-receive-pack", {"path": "/hello"}, 404, "no-such-command"),
    ],
)
def test_errors_are_problem_documents(web, command, parameters, status, code):
    answer = web.call(command, parameters, web.token())

    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.content_type == "application/problem+json"
    assert answer.json["what"] and answer.json["title"] == answer.json["what"]


def test_a_locked_app_is_a_conflict(web):
    web.server.run("apps:lock hello --reason move")

    answer = web.call("ps:restart", {"app": "hello"}, web.token())
    assert (answer.status_code, answer.json["code"]) == (409, "locked")


def test_the_role_of_the_token_counts(web):
    refused = web.call("ps:restart", {"app": "hello"}, web.token("view"))

    assert refused.status_code == 403
    assert "this token has view" in refused.json["why"]
    assert "tokens:add" in refused.json["fix"]


def test_get_changes_nothing(web):
    answer = web.call("ps:restart", {"app": "hello"}, web.token(), method="GET")

    assert (answer.status_code, answer.json["code"]) == (405, "method-not-allowed")


def test_without_a_token_nobody_gets_in(web):
    answer = web.call("apps:list")

    assert (answer.status_code, answer.json["code"]) == (401, "no-token")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert web.app.test_client().get("/api/v1/openapi.json", headers=LOOPBACK).status_code == 401


@pytest.mark.parametrize(
    ("address", "scheme", "status"),
    [("192.0.2.7", "http", 403), ("192.0.2.7", "https", 200), ("::1", "http", 200), ("::ffff:127.0.0.1", "http", 200),
     ("", "http", 403)],
)  # fmt: skip
def test_tokens_do_not_travel_in_clear(web, address, scheme, status):
    headers = {"X-Real-IP": address, "X-Forwarded-Proto": scheme}
    answer = web.call("apps:list", token=web.token(), headers=headers)

    assert answer.status_code == status
    assert status == 200 or "ssh -L" in answer.json["fix"]


def test_bodies_are_json_objects_of_a_bounded_size(web):
    token = web.token()

    assert web.call("apps:list", token=token, json=["app"]).status_code == 400
    assert web.call("apps:list", token=token, json=None, data="{", content_type="application/json").status_code == 400
    assert web.call("apps:list", token=token, json=None, data={"app": "hello"}).status_code == 415
    large = web.call("config:import", {"stdin": "x" * (2 << 20)}, token)
    assert (large.status_code, large.content_type) == (413, "application/problem+json")


def test_a_body_that_is_nested_without_end_is_refused(web):
    token, deep = web.token("view"), "[" * 100_000
    sent = {"json": None, "content_type": "application/json"}

    refused = web.call("apps:list", token=token, data=deep, **sent)
    assert (refused.status_code, refused.json["code"]) == (400, "usage")
    for body in ('{"app": {"a": 1}}', '{"app": [["a"]]}', f'{{"app": {"[" * 500}{"]" * 500}}}'):
        assert web.call("apps:info", token=token, data=body, **sent).status_code == 400


def test_who_asks_is_looked_at_before_what_they_send(web):
    for body in ("[" * 100_000, "{", "x" * 10):
        answer = web.call("apps:list", data=body, json=None, content_type="text/plain")
        assert (answer.status_code, answer.json["code"]) == (401, "no-token")


def test_output_comes_as_events(web):
    answer = web.call(
        "ps:scale", {"app": "hello", "pairs": ["web=2"]}, web.token(), headers={"Accept": "text/event-stream"}
    )

    assert answer.mimetype == "text/event-stream"
    assert answer.headers["X-Accel-Buffering"] == "no"
    events = [block.splitlines() for block in answer.get_data(as_text=True).split("\n\n") if "event:" in block]
    assert events[0][0] == "event: message"
    assert events[-1] == ["event: exit", 'data: {"status": 0}']


def test_output_comes_as_json_lines(web):
    headers = {"Accept": "application/x-ndjson"}
    answer = web.call("apps:list", {}, web.token(), headers=headers)
    lines = [json.loads(line) for line in answer.get_data().splitlines() if line]
    assert lines == [{"event": "result", "value": ["hello"]}, {"event": "exit", "status": 0}]

    failed = web.call("apps:info", {"app": "none"}, web.token(name="other"), headers=headers)
    lines = [json.loads(line) for line in failed.get_data().splitlines() if line]
    assert [line["event"] for line in lines] == ["problem", "exit"]
    assert lines[1]["status"] == 20


def test_a_client_that_goes_away_ends_the_command(web):
    answer = web.call("logs", {"app": "hello", "tail": True}, web.token(), buffered=False,
                      headers={"Accept": "text/event-stream"})  # fmt: skip
    assert next(iter(answer.response)).startswith(b": begins")
    eventually(lambda: web._control.pool._sessions, "the command")
    answer.close()
    eventually(lambda: not web._control.pool._sessions, "the end of the command")


def test_so_does_one_that_waits_for_the_whole_answer(web):
    token = web.token()
    client, watched = socket.socketpair()
    with watched:
        waits = threading.Thread(
            target=web.call,
            args=("logs", {"app": "hello", "tail": True}, token),
            kwargs={"environ_overrides": {"gunicorn.socket": watched}},
            daemon=True,
        )
        waits.start()
        eventually(lambda: web._control.pool._sessions, "the command")
        client.close()
        eventually(lambda: not web._control.pool._sessions, "the end of the command")
        waits.join(60)
    assert not waits.is_alive()


def hold_open(web, token, count, form):
    """So many logs that go on, and a function that ends them all: as streams, or waiting for the whole."""
    parameters = {"app": "hello", "tail": True}
    if form == "stream":
        headers = {"Accept": "text/event-stream"}
        streams = [web.call("logs", parameters, token, headers=headers, buffered=False) for _ in range(count)]
        return lambda: [stream.close() for stream in streams]
    ends, threads = [], []
    for _ in range(count):
        client, watched = socket.socketpair()
        more = {"environ_overrides": {"gunicorn.socket": watched}}
        threads.append(threading.Thread(target=web.call, args=("logs", parameters, token), kwargs=more))
        threads[-1].start()
        ends += [client, watched]

    def close():
        for client in ends[::2]:
            client.close()
        for thread in threads:
            thread.join()
        for watched in ends[1::2]:
            watched.close()

    return close


@pytest.mark.parametrize("form", ["stream", "wait"])
def test_what_is_held_open_leaves_room_for_others(web, form):
    viewer, admin = web.token("view"), web.token("admin")
    browser = web.browser("deploy")
    close = hold_open(web, viewer, limits.CALLS_EACH, form)
    try:
        eventually(lambda: len(web._control.pool._sessions) == limits.CALLS_EACH, "the commands")
        for headers in ({}, {"Accept": "text/event-stream"}):
            refused = web.call("logs", {"app": "hello", "tail": True}, viewer, headers=headers)
            assert (refused.status_code, refused.json["code"]) == (429, "busy")
            assert refused.content_type == "application/problem+json"
            assert refused.headers["Retry-After"] == "2"
        assert web.call("apps:list", token=admin).status_code == 200
        assert browser.get("/").status_code == 200
        assert web.app.test_client().get("/sign-in", headers=LOOPBACK).status_code == 200
    finally:
        close()
    eventually(lambda: not web._control.pool._sessions, "the end of the commands")
    assert web.call("apps:list", token=viewer).status_code == 200


def test_when_many_tokens_fill_the_server_it_says_so(web):
    tokens = [web.token("view", name=f"view{number}") for number in range(3)]
    shares = [16, 16, 8]
    closes = [hold_open(web, token, share, "stream") for token, share in zip(tokens, shares, strict=True)]
    browser = web.browser()
    try:
        refused = web.call("apps:list", token=web.token())
        assert (refused.status_code, refused.json["code"]) == (503, "busy")
        assert refused.headers["Retry-After"] == "5"
        events = browser.client.get("/apps/hello/logs/events", headers={**LOOPBACK, "Accept": "text/event-stream"})
        assert (events.status_code, events.json["code"]) == (503, "busy")
        # Pages have places of their own.
        assert browser.get("/apps/hello").status_code == 200
    finally:
        for close in closes:
            close()


def test_there_is_a_thread_for_each_place_and_some_for_who_signs_in():
    assert gunicorn.threads == limits.THREADS
    assert limits.THREADS - limits.CALLS - limits.PAGES >= 8


def test_without_a_daemon_the_answer_says_so(web):
    web._call(web._control.close(grace=0))

    answer = web.call("apps:list", token="paas_x")
    assert (answer.status_code, answer.json["code"]) == (502, "not-running")


def test_who_does_not_want_to_wait_gets_the_number_of_the_change(web):
    token, headers = web.token("deploy"), {"Prefer": "wait=10, Respond-Async;foo"}
    with web.server.gates.hold("start") as gate:
        answer = web.call("ps:restart", {"app": "hello"}, token, headers=headers)
        gate.wait_until_reached()
        number = answer.json["build"]
        assert (answer.status_code, answer.headers["Preference-Applied"]) == (202, "respond-async")
        assert answer.headers["Location"] == f"/api/v1/commands/builds:info?target={number}"
        client, sent = web.app.test_client(), {**LOOPBACK, "Authorization": f"Bearer {token}"}
        assert client.get(answer.headers["Location"], headers=sent).json["status"] == "running"
    web.server.quiet()
    assert client.get(answer.json["info"], headers=sent).json["status"] == "succeeded"
    assert client.get(answer.json["output"], headers=sent).json["exit_status"] == 0
    # What begins no change is answered as ever, and so is what is refused.
    assert web.call("apps:list", token=token, headers=headers).json == ["hello"]
    assert web.call("ps:restart", {"app": "none"}, token, headers=headers).status_code == 404


def test_a_command_of_several_changes_goes_on_to_its_end_without_its_client(web):
    web.server.run("apps:clone hello twin")
    with web.server.gates.hold("start") as gate:
        answer = web.call("ps:restart", {"all": True}, web.token(), headers={"Prefer": "respond-async"})
        gate.wait_until_reached()
        assert answer.status_code == 202
    deployments, twin = web.server.ctx.store.deployments, web.server.app("twin")
    eventually(lambda: deployments.last(twin).kind == "restart", "the second")
    web.server.quiet()
    eventually(lambda: not web._control.pool._sessions, "the end of the command")


def test_a_command_whose_client_goes_before_it_began_anything_ends(web):
    token = web.token()
    client, watched = socket.socketpair()
    more = {"headers": {"Prefer": "respond-async"}, "environ_overrides": {"gunicorn.socket": watched}}
    web.server.run("apps:lock hello")
    waits = threading.Thread(
        target=web.call, args=("ps:restart", {"app": "hello", "lock_wait": "10m"}, token), kwargs=more
    )
    with watched:
        waits.start()
        eventually(lambda: web._control.pool._sessions, "the command")
        client.close()
        eventually(lambda: not web._control.pool._sessions, "the end of the command")
        waits.join()


def test_the_description_is_served_and_says_what_is_allowed(web):
    found = web.app.test_client().get(
        "/api/v1/openapi.json", headers={**LOOPBACK, "Authorization": f"Bearer {web.token('view')}"}
    )

    assert found.json == json.loads(json.dumps(openapi.document()))
    role = found.json["paths"]["/commands/ssh-keys:add"]["post"]["requestBody"]["content"]["application/json"]
    assert role["schema"]["properties"]["role"]["enum"] == ["view", "deploy", "admin"]
    assert "stdin" in role["schema"]["properties"]
    restart = found.json["paths"]["/commands/ps:restart"]["post"]
    assert restart["parameters"][0]["name"] == "Prefer"
    assert restart["responses"]["202"] == {"$ref": "#/components/responses/202"}
    assert "202" not in found.json["paths"]["/commands/apps:list"]["post"]["responses"]
    assert "/commands/run" not in found.json["paths"]
    assert web.call("openapi", {"topic": "ps"}, web.token()).json["paths"].keys() == {"/commands/ps"}


@pytest.mark.real("git")
def test_the_description_is_valid_openapi():
    """It takes seconds, so it is not among the fast ones."""
    from openapi_spec_validator import validate

    validate(openapi.document())


def test_a_gap_between_arguments_is_told():
    with pytest.raises(UsageError, match="process needs app"):
        argv("ps:restart", {"process": "web"})
    assert argv("ps:restart", {"app": "--all"}) == ["ps:restart", "--", "--all"]
    assert COMMANDS["ps:restart"]
