"""No value that is taken changes the structure of a configuration file: it is read again with crossplane, which parses
as nginx does."""

from __future__ import annotations

import html
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import crossplane
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paas.core.edge import items, redirects
from paas.core.edge.address import local
from paas.core.edge.proxy_options import ProxyOptions
from paas.core.edge.redirects import Redirect
from paas.core.edge.rules import (
    AccessRule,
    Cache,
    Edge,
    Files,
    Forwarded,
    Header,
    Maintenance,
    RateLimits,
    Route,
    Snippet,
    Stream,
    User,
    network,
    path_prefix,
)
from paas.core.edge.server_options import ServerOptions
from paas.core.edge.tls import Credential, Tls
from paas.core.edge.vhost import Vhost, host_name
from paas.core.errors import InvalidValue, PaasError
from paas.core.secret import Secret
from paas.proxies.nginx.modules import Modules
from paas.proxies.nginx.text import Secure, Templates
from paas.proxies.nginx.values import quoted

TEMPLATES = Templates()
LISTEN = "127.0.0.1:8080"
SECURE = Secure("127.0.0.1:8443", Path("/c"))
ALL = Modules(frozenset({"brotli", "stream"}))
HASH = Secret("$6$rounds=1000$abc$" + "x" * 86)

# What somebody would try, besides any text at all.
TRICKS = st.lists(
    st.sampled_from(
        (
            *";{}\"'\\$#\n\r\t ~/0a",
            *("${dollar}", "$request_uri", '\\"', "\\;", "*/", "'; return 200;", "..", "--", "\\n", "%0a", "<b>"),
            *("\u2028", "\u202e", "\uff02", "\uff1b", "\x00", "\xe9", "include /etc/passwd;"),
        )
    ),
    max_size=12,
).map("".join)
ANY = st.one_of(TRICKS, st.text(max_size=40))
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def parse(text: str) -> list[dict[str, Any]]:
    with tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        parsed = crossplane.parse(file.name, single=True, check_ctx=False, check_args=False, comments=False)
    assert parsed["errors"] == []
    found: list[dict[str, Any]] = parsed["config"][0]["parsed"]
    return found


def shape(block: Iterable[dict[str, Any]]) -> list[Any]:
    """Names of directives, how many parameters each has, and what is in their blocks."""
    return [(each["directive"], len(each["args"]), shape(each.get("block") or ())) for each in block]


def directives(block: Iterable[dict[str, Any]], name: str) -> list[list[str]]:
    return [
        found
        for each in block
        for found in ([each["args"]] if each["directive"] == name else []) + directives(each.get("block") or (), name)
    ]


def written(edge: Edge, hosts: tuple[str, ...] = ("a.example",), options: ProxyOptions | None = None) -> str:
    vhost = Vhost("my-app", "12", hosts, local(20_001), options=options or ProxyOptions(), edge=edge)
    return TEMPLATES.app(vhost, LISTEN, ALL, ServerOptions())


def same_shape(edge: Edge, model: Edge) -> list[dict[str, Any]]:
    parsed = parse(written(edge))
    assert shape(parsed) == shape(parse(written(model)))
    return parsed


def shown(argument: str) -> str:
    """What nginx sends for a parameter in which it reads variables."""
    assert "$" not in argument.replace("${dollar}", "")
    # crossplane leaves a pair of backslashes, of which nginx makes one.
    return argument.replace("${dollar}", "$").replace("\\\\", "\\")


@FEW
@given(ANY)
def test_a_quoted_text_is_one_parameter_with_just_that_text(text: str) -> None:
    try:
        parameter = str(quoted(text))
    except InvalidValue:
        assert not text.isprintable()
        return
    (only,) = parse(f"directive {parameter};")
    assert [shown(argument) for argument in only["args"]] == [text]


@FEW
@given(st.one_of(st.just("X-Own"), ANY), st.one_of(ANY, st.from_regex(r"[ -~]{1,60}", fullmatch=True)))
def test_no_header_leaves_its_line(name: str, value: str) -> None:
    try:
        header = Header(name, value)
    except InvalidValue:
        return
    parsed = same_shape(Edge(headers=(header,)), Edge(headers=(Header("X-Own", "fine"),)))
    assert [name, shown(value_of(parsed, name)), "always"] == [name, value, "always"]


def value_of(parsed: list[dict[str, Any]], name: str) -> str:
    (found,) = {value for key, value, _ in directives(parsed, "add_header") if key == name}
    return found


@FEW
@given(ANY)
def test_no_message_of_maintenance_leaves_its_page(message: str) -> None:
    try:
        edge = Edge(maintenance=Maintenance(message))
        parsed = same_shape(edge, Edge(maintenance=Maintenance("fine")))
    except InvalidValue:
        return
    (text,) = [args[1] for args in directives(parsed, "set") if args[0] == "$maintenance_message"]
    assert not set(text) & set("$<>'\\")
    assert html.unescape(text) == (message or "Back soon")


@pytest.mark.parametrize("sign", ["x", "\xe9", "\u4e16", "\U0001f600", "'", '"', "<", "&", "$", "\\"])
def test_a_message_of_the_length_that_is_said_fits_whatever_it_says(sign: str) -> None:
    parsed = same_shape(Edge(maintenance=Maintenance(sign * 300)), Edge(maintenance=Maintenance("fine")))
    # nginx reads a parameter into a buffer of 4096 bytes.
    assert all(len(args[1].encode()) < 4096 for args in directives(parsed, "set"))


@FEW
@given(ANY, ANY, ANY)
def test_no_host_network_or_path_leaves_its_line(host: str, net: str, path: str) -> None:
    for check, text, edge in (
        (host_name, host, None),
        (network, net, lambda it: Edge(rules=(AccessRule(it, True),))),
        (path_prefix, f"/{path}", lambda it: Edge(routes=(Route(it, local(20_002)),))),
        (path_prefix, f"/{path}", lambda it: Edge(cache=Cache((it,)))),
    ):
        try:
            taken = check(text)
        except InvalidValue:
            continue
        if edge is None:
            assert shape(parse(written(Edge(), (taken,)))) == shape(parse(written(Edge())))
        elif taken != "/":
            same_shape(edge(taken), edge({network: "192.0.2.1"}.get(check, "/fine")))


@FEW
@given(ANY)
def test_no_name_of_a_user_or_a_snippet_leaves_its_line(text: str) -> None:
    for make in (lambda: Edge(users=(User(text, HASH),)), lambda: Edge(snippets=(Snippet(text, ""),))):
        try:
            edge = make()
        except InvalidValue:
            continue
        bundle = TEMPLATES.bundle(Vhost("a", "12", ("a.example",), local(1), edge=edge), LISTEN, ALL, ServerOptions())
        parse(bundle["apps/12.conf"])
        assert bundle.get("apps/12.users", "a:b").count(":") == 1
        assert bundle.get("apps/12.users", "a\n").count("\n") == 1


@pytest.mark.parametrize("part", ["for_", "port", "proto", "ssl"])
@FEW
@given(text=ANY)
def test_only_known_values_say_what_is_forwarded(part: str, text: str) -> None:
    try:
        edge = Edge(forwarded=Forwarded(**{part: text}))
    except InvalidValue:
        return
    assert len(directives(parse(written(edge)), "proxy_set_header")) in (0, 15)


EVERYTHING = Edge(
    Forwarded("$proxy_add_x_forwarded_for"),
    (Header("X-A", "b $c; {}"),),
    (AccessRule("192.0.2.0/24", True), AccessRule("::1", False)),
    (User("ada", HASH),),
    Maintenance("Soon; } $x", ("192.0.2.1",)),
    RateLimits(60, 5, 5),
    (Route("/api", local(20_002), True), Route("/other", ())),
    Cache(("/img",), 60, 3),
    Files("/srv/a b/static", ("/assets", "/"), (404, 502, 503)),
    (Snippet("own", "return 204;"),),
    (Stream("udp", "::1", 53, local(20_003)), Stream("tcp", "0.0.0.0", 25, ())),
    0,
    False,
)


def test_everything_at_once_is_written_the_same_each_time_and_can_be_parsed() -> None:
    vhost = Vhost("my-app", "12", ("a.example",), local(20_001), edge=EVERYTHING)
    first, again = (Templates().bundle(vhost, LISTEN, ALL, ServerOptions(listen_ipv6="::")) for _ in range(2))

    assert first == again
    assert sorted(first) == ["apps/12.conf", "apps/12.own.snippet", "apps/12.stream", "apps/12.users"]
    for name, text in first.items():
        if not name.endswith(".users"):
            assert parse(text)
    assert directives(parse(first["apps/12.stream"]), "listen") == [["[::1]:53", "udp"]]
    assert directives(parse(first["apps/12.conf"]), "listen") == [[LISTEN], ["[::]:8080"]]
    # Every way in has the guards.
    blocks = next(each for each in parse(first["apps/12.conf"]) if each["directive"] == "server")["block"]
    for location in blocks:
        if location["directive"] == "location" and location["args"][0] not in ("@error", "@app", "@maintenance"):
            inside = {each["directive"] for each in location["block"]}
            own = location["args"][-1].startswith("/.edge-errors/")
            assert {"allow", "auth_basic", "limit_req", "if"} <= inside or own


@FEW
@given(ANY)
def test_what_is_kept_of_a_route_or_a_port_is_read_back_or_refused(text: str) -> None:
    try:
        app, process_type = items.typed_target(text)
    except PaasError:
        return
    target = items.RouteTarget(12 if app else 0, process_type, True)
    assert items.target(target.text) == target


def served(vhost: Vhost) -> list[dict[str, Any]]:
    return parse(TEMPLATES.app(vhost, LISTEN, ALL, ServerOptions(), SECURE))


@FEW
@given(st.one_of(ANY, TRICKS.map("https://b.example/{}".format), TRICKS.map("http://b{}.example:1/".format)))
def test_no_target_of_a_redirect_leaves_its_line(text: str) -> None:
    try:
        redirect = Redirect("old.example", redirects.target(text))
    except InvalidValue:
        return
    kind = "https://b.example/x" if redirect.elsewhere else "b.example"
    plain = Vhost("a", "12", ("a.example",), local(1))
    made, model = (served(replace(plain, redirects=(one,))) for one in (redirect, Redirect("old.example", kind)))
    assert shape(made) == shape(model)
    (said,) = [args for args in directives(made, "return") if args[0] == "301"]
    assert said == ["301", f"{redirect.target if redirect.elsewhere else f'http://{redirect.target}:8080'}$request_uri"]


@FEW
@given(st.one_of(ANY, st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}"), ANY.map("app{}".format)))
def test_no_name_of_an_app_leaves_its_line(name: str) -> None:
    users = Edge(users=(User("ada", HASH),))
    try:
        made = Vhost(name, "12", ("a.example",), local(1), edge=users)
    except InvalidValue:
        return
    parsed = served(made)
    assert shape(parsed) == shape(served(Vhost("fine", "12", ("a.example",), local(1), edge=users)))
    # In the server, and where it answers for itself.
    assert directives(parsed, "set") == [["$app", name], ["$app_id", "12"]] * 3
    assert {tuple(args) for args in directives(parsed, "auth_basic")} == {(name,)}


HEADERS = st.one_of(ANY, ANY.map("max-age=7{}".format), st.just("max-age=1; preload"))


@FEW
@given(HEADERS, ANY, st.lists(ANY, min_size=1, max_size=3, unique=True))
def test_no_value_of_tls_leaves_its_line(hsts: str, thumbprint: str, chains: list[str]) -> None:
    def tls(header: str, print_: str, texts: list[str]) -> Tls:
        made = [Credential(text, Secret("k"), (f"h{number}.example",)) for number, text in enumerate(texts)]
        return Tls(tuple(made), header, thumbprint=print_)

    fine = [str(number) for number in range(len(chains))]
    hosts = tuple(f"h{number}.example" for number in range(len(chains)))
    for header, print_ in ((hsts, "print"), ("max-age=7", thumbprint)):
        try:
            made = tls(header, print_, chains)
        except InvalidValue:
            continue
        model = tls("max-age=7" if header else "", "print" if print_ else "", fine)
        parsed, expected = (served(Vhost("a", "12", hosts, local(1), tls=one)) for one in (made, model))
        assert shape(parsed) == shape(expected)
        # A file is named after its content, so that nothing of the content is in the text.
        names = [args[0] for args in directives(parsed, "ssl_certificate")]
        assert names == [f"/c/{one.name}.pem" for one in made.credentials]
