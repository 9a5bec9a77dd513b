import re

import pytest
from web_fakes import LOOPBACK, Web

from paas.store.values import Keys
from paas.web import limits
from paas.web.sessions import Sessions

HTTPS = {"X-Real-IP": "192.0.2.7", "X-Forwarded-Proto": "https"}
TOKEN = re.compile(r"paas_[0-9a-f]{48}")


@pytest.fixture
def web(hello):
    made = Web(hello)
    yield made
    made.close()


def test_nobody_sees_anything_without_signing_in(web):
    for path in ("/", "/apps/hello", "/apps/hello/config", "/apps/hello/logs", "/builds", "/builds/1", "/server"):
        answer = web.app.test_client().get(path, headers=LOOPBACK)
        assert (answer.status_code, answer.location.partition("?")[0]) == (302, "/sign-in"), path


def test_signing_in_takes_a_token_and_the_cookie_does_not_tell_it(web):
    browser = web.browser("view")
    cookie = browser.client.get_cookie("paas_session")
    token = web.token("view")

    assert cookie.http_only and cookie.same_site == "Strict"
    (sealed,) = (web.server.root / "web" / "sessions").iterdir()
    assert sealed.stat().st_mode & 0o777 == 0o600
    assert token not in cookie.value and b"paas_" not in sealed.read_bytes()
    assert b"paas_" not in bytes.fromhex(cookie.value)
    assert "hello" in browser.get("/").text


def test_a_wrong_token_is_refused_with_words(web):
    answer = web.app.test_client().post("/sign-in", data={"token": "paas_wrong"}, headers=LOOPBACK)

    assert answer.status_code == 401
    assert "The token is unknown" in answer.text
    assert "Set-Cookie" not in answer.headers


def test_over_https_the_cookie_is_secure_and_in_clear_nobody_signs_in(web):
    client, token = web.app.test_client(), web.token()
    plain = {"X-Real-IP": "192.0.2.7", "X-Forwarded-Proto": "http"}

    for answer in (client.get("/sign-in", headers=plain), client.post("/sign-in", headers=plain)):
        assert answer.status_code == 403
        assert "ssh -L" in answer.text
    answer = client.post("/sign-in", data={"token": token}, headers=HTTPS)
    name, _, rest = answer.headers["Set-Cookie"].partition("=")
    # The browser takes a cookie of this name from this host alone, and only with these attributes.
    assert name == "__Host-paas_session"
    assert {"Secure", "Path=/", "HttpOnly", "SameSite=Strict"} <= set(rest.split("; "))
    assert "Domain" not in rest


def test_a_cookie_that_an_app_below_the_same_domain_sets_counts_for_nothing(web):
    client, token = web.app.test_client(), web.token()
    client.post("/sign-in", data={"token": token}, headers=HTTPS)
    mine = client.get_cookie("__Host-paas_session").value
    foreign = Sessions(web.server.root / "web" / "sessions").open(web.token("view"))

    def page(cookies):
        headers = {**HTTPS, "Cookie": cookies}
        return web.app.test_client(use_cookies=False).get("/", headers=headers)

    assert "The role admin" in page(f"paas_session={foreign}; __Host-paas_session={mine}").text
    assert page(f"paas_session={foreign}").location.startswith("/sign-in")


def test_two_sessions_are_refused(web):
    browser = web.browser()
    mine = browser.client.get_cookie("paas_session").value
    foreign = Sessions(web.server.root / "web" / "sessions").open(web.token("view"))

    for first, second in ((foreign, mine), ("no-session", mine)):
        cookies = f"paas_session={first}; paas_session={second}"
        answer = web.app.test_client(use_cookies=False).get("/", headers={**LOOPBACK, "Cookie": cookies})
        assert (answer.status_code, "There are two sessions" in answer.text) == (400, True)


def test_every_page_shows(web):
    browser = web.browser()
    web.server.run("config:set hello COLOUR=red")

    for path, words in {
        "/": "hello",
        "/apps/hello": "Roll back…",
        "/apps/hello/config": "COLOUR",
        "/apps/hello/diff": "v2",
        "/apps/hello/rollback/v1": "Roll back to v1",
        "/apps/hello/logs": "Process",
        "/apps/hello/logs?ps=web&grep=x": "Process",
        "/builds": "#1",
        "/builds/1": "Where the time went",
        "/server": "Settings",
        "/server/health": "Health",
    }.items():
        answer = browser.get(path)
        assert answer.status_code == 200, (path, answer.text)
        assert words in answer.text, path
        assert "style=" not in answer.text and "<script>" not in answer.text
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Frame-Options"] == "DENY"


def test_values_of_variables_are_shown_to_who_asks_and_may(web):
    web.server.run("config:set hello COLOUR=scarlet")
    browser, viewer = web.browser("deploy"), web.browser("view")

    assert "scarlet" not in browser.get("/apps/hello/config").text
    assert "scarlet" in browser.get("/apps/hello/config?reveal=1").text
    assert "scarlet" not in viewer.get("/apps/hello/config?reveal=1").text


def test_forms_do_what_commands_do(web):
    browser = web.browser("deploy")
    browser.get("/apps/hello")

    def do(**form):
        done = browser.post("/apps/hello/do", **form)
        web.server.quiet()
        assert done.status_code == 303, done.text
        return browser.get(done.location).text

    done = do(action="scale", type="web", number="2")
    assert "ps:scale web=2" in done and "succeeded" in done
    assert web.server.ctx.store.apps.formation(web.server.app())["web"] == 2
    do(action="config-set", key="COLOUR", value=" two  words ")
    assert web.server.config() == {"COLOUR": " two  words "}
    do(action="config-unset", key="COLOUR")
    assert web.server.config() == {}
    do(action="domain-add", domain="www.example.org")
    assert "www.example.org" in browser.get("/apps/hello").text
    do(action="stop")
    assert web.server.app().stopped
    do(action="start")
    do(action="rollback", version="v1")
    assert not web.server.app().stopped
    assert "rollback" in web.server.run("releases hello").out


@pytest.mark.parametrize(
    ("gate", "form"),
    [
        ("start", {"action": "scale", "type": "web", "number": "2"}),
        ("start", {"action": "restart"}),
        ("start", {"action": "rollback", "version": "v1"}),
        ("start", {"action": "config-set", "key": "COLOUR", "value": "blue"}),
        ("publish", {"action": "stop"}),
    ],
)
def test_a_button_leads_to_the_page_of_its_change_however_long_that_takes(web, gate, form):
    web.server.run("config:set hello COLOUR=red")
    browser = web.browser("deploy")
    browser.get("/apps/hello")
    with web.server.gates.hold(gate) as held:
        done = browser.post("/apps/hello/do", **form)
        held.wait_until_reached()
        number = web.server.ctx.jobs.of(web.server.app())[0].id
        assert (done.status_code, done.location) == (303, f"/builds/{number}")
        page = browser.get(done.location).text
        assert f'data-events="/builds/{number}/events' in page
        assert "goes on when you leave" in page
    web.server.quiet()
    assert "succeeded" in browser.get(done.location).text


def test_forms_of_other_sites_do_nothing(web):
    browser = web.browser()
    before = web.server.run("ps hello").out

    forged = browser.client.post("/apps/hello/do", data={"action": "stop"}, headers=LOOPBACK)
    assert (forged.status_code, "form is too old" in forged.text) == (403, True)
    browser.get("/apps/hello")
    key = re.search(r'form_key" value="(\w+)"', browser.page)[1]
    foreign = {**LOOPBACK, "Sec-Fetch-Site": "cross-site"}
    forged = browser.client.post("/apps/hello/do", data={"action": "stop", "form_key": key}, headers=foreign)
    assert forged.status_code == 403
    assert web.server.run("ps hello").out == before


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ({"Origin": "https://paas.example.org"}, True),
        ({"Origin": "https://paas.example.org:443"}, True),
        ({"Origin": "https://app.example.org"}, False),
        ({"Origin": "https://paas.example.org:8443"}, False),
        ({"Origin": "http://paas.example.org"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "https://paas.example.org:x"}, False),
        ({"Referer": "https://app.example.org/page"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://app.example.org"}, False),
        ({}, True),
    ],
)
def test_nobody_is_signed_in_by_a_page_of_another_site(web, sent, taken):
    headers = {**HTTPS, "Host": "paas.example.org", **sent}
    answer = web.app.test_client().post("/sign-in", data={"token": web.token()}, headers=headers)

    assert (answer.status_code, "Set-Cookie" in answer.headers) == ((303, True) if taken else (403, False))


def test_a_page_says_what_was_done_and_nothing_that_a_link_has(web):
    browser = web.browser("deploy")
    forged = browser.get("/apps/hello?done=Call+0123+to+unlock&said=Call+0123+to+unlock").text
    assert "0123" not in forged
    done = browser.post("/apps/hello/do", action="domain-add", domain="www.example.org")

    assert "example" not in done.location
    assert "www.example.org leads to the app" in browser.get(done.location).text
    assert "leads to the app" not in browser.get(done.location).text
    assert "leads to the app" not in web.browser("view").get(done.location).text


def test_who_may_only_look_sees_no_buttons(web):
    viewer = web.browser("view")

    for path in ("/apps/hello", "/apps/hello/config", "/server"):
        page = viewer.get(path).text
        assert re.findall(r"<button[^>]*>([^<]+)", page) == ["Sign out"], path
    assert "Tokens" not in viewer.get("/server").text
    refused = viewer.post("/apps/hello/do", action="stop")
    assert (refused.status_code, "needs the role deploy" in refused.text) == (403, True)


def test_errors_say_what_why_and_what_to_do(web):
    browser = web.browser()
    browser.get("/apps/hello")

    answer = browser.post("/apps/hello/do", action="scale", type="web", number="many")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    failed = browser.post("/apps/hello/do", action="scale", type="nothing", number="2")
    web.server.quiet()
    page = browser.get(failed.location).text
    assert "failed" in page and "no process type nothing" in page
    assert browser.get("/apps/none").status_code == 404
    missing = browser.get("/nowhere")
    assert (missing.status_code, "There is no such page" in missing.text) == (404, True)


def test_what_apps_say_is_text_and_no_markup(web):
    web.server.run(["config:set", "hello", "A=<script>alert(1)</script>"])
    page = web.browser().get("/apps/hello/config?reveal=1").text

    assert "&lt;script&gt;alert(1)" in page


def test_administrators_make_tokens_and_see_them_once(web):
    browser = web.browser()
    browser.get("/server")
    answer = browser.post("/server/do", action="token-add", name="ci", role="view", ttl="30d")

    token = TOKEN.search(answer.text)[0]
    assert web.call("whoami", token=token).json["role"] == "view"
    assert not TOKEN.search(browser.get("/server").text)
    browser.post("/server/do", action="token-remove", name="ci")
    assert web.call("whoami", token=token).status_code == 401


def test_settings_and_keys_are_changed_there(web):
    browser = web.browser()
    browser.get("/server")
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPGkVGxTcbyNdCBYiHVRGTpL7nXJHXVRSfuTaHDtDKZ6 ada@example.org"

    browser.post("/server/do", action="setting", key="keep-images", value="7")
    assert web.server.ctx.settings.value("keep-images") == 7
    browser.post("/server/do", action="key-add", name="ada", role="deploy", text=key)
    assert "SHA256:" in browser.get("/server").text
    browser.post("/server/do", action="key-remove", name="ada")
    assert web.server.ctx.store.table(Keys).all() == []


def test_many_apps_are_on_pages_and_can_be_searched(web):
    for number in range(120):
        web.server.ctx.store.apps.create(f"shop-{number:03}", actor="ada", now=web.server.clock.now())
    browser = web.browser("view")

    def names(path):
        return re.findall(r'class="strong" href="/apps/([^"]+)"', browser.get(path).text)

    first, last = names("/"), names("/?page=3")
    assert (first[:2], len(first), len(last), last[-1]) == (["hello", "shop-000"], 50, 21, "shop-119")
    assert 'rel="next" href="/?page=2"' in browser.get("/").text
    assert names("/?page=99") == last and names("/?page=x") == first
    assert names("/?q=SHOP+11") == ["shop-011", *(f"shop-{number}" for number in range(110, 120))]
    assert 'href="/?q=shop&amp;page=2"' in browser.get("/?q=shop").text
    nothing = browser.get("/?q=<b>").text
    assert "0 with “&lt;b&gt;”" in nothing and "git push" not in nothing


def test_the_page_of_the_server_waits_for_no_doctor(web):
    browser = web.browser()
    web.server.scheduler.engine_down = True
    with web.server.gates.hold("inspect"):
        page = browser.get("/server").text
    assert 'data-load="/server/health"' in page and "Settings" in page
    assert "does not answer" in browser.get("/server/health").text


def test_what_asks_for_something_comes_first_and_what_is_well_is_folded(web):
    web.server.scheduler.vanish("web.1")
    page = web.browser().get("/server/health").text
    wrong, _, fine = page.partition("<details")

    assert "bad" in wrong and "problem" in wrong and "good" not in wrong
    assert "problem" not in fine and fine.count("good") > 3


def test_pages_are_bounded_too_and_come_again_by_themselves(web):
    browser, other = web.browser("view"), web.browser("deploy")
    token = web.app.config["SESSIONS"].token(browser.client.get_cookie("paas_session").value)
    room = web.app.config["ROOMS"]["pages"]
    for _ in range(limits.PAGES_EACH):
        room.take(token)

    answer = browser.get("/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")
    assert '<meta http-equiv="refresh" content="2">' in answer.text
    assert other.get("/").status_code == 200
    room.leave(token)
    assert [browser.get("/").status_code for _ in range(20)] == [200] * 20


def test_signing_out_ends_the_session(web):
    browser = web.browser()
    browser.get("/")
    cookie = browser.client.get_cookie("paas_session").value
    assert browser.post("/sign-out").location == "/sign-in"

    browser.client.set_cookie("paas_session", cookie)
    assert browser.get("/").location.startswith("/sign-in")


def test_a_token_that_is_removed_ends_its_sessions(web):
    browser = web.browser("deploy")
    web.server.run("tokens:remove deploy-browser")

    assert "why=unknown-token" in browser.get("/").location
    assert "does not count any more" in browser.get("/sign-in?why=unknown-token").text


@pytest.mark.real("git")
def test_a_build_under_way_is_shown_live_and_can_be_cancelled(web):
    server = web.server
    with server.gates.hold("build"):
        push = server.begin_push("hello") if server.commit("hello", {"a": "b"}) else None
        from fakes.gates import eventually

        eventually(lambda: server.ctx.jobs.of(server.app()), "the build")
        number = server.ctx.jobs.of(server.app())[0].id
        browser = web.browser("deploy")
        page = browser.get(f"/builds/{number}").text
        assert f'data-events="/builds/{number}/events"' in page
        assert browser.post(f"/builds/{number}/cancel").status_code == 303
    push.wait()
    server.quiet()
    assert "cancelled" in browser.get(f"/builds/{number}").text
