"""What may be served at the edge, and what is refused before it reaches a configuration file."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from paas.core.edge.address import Address, local
from paas.core.edge.vhost import ProxyOptions, Vhost, VhostState, host_name
from paas.core.errors import InvalidValue


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("example.org", "example.org"),
        ("Example.ORG", "example.org"),
        ("example.org.", "example.org"),
        ("localhost", "localhost"),
        ("*.example.org", "*.example.org"),
        ("a-b.c1.example", "a-b.c1.example"),
        ("192.0.2.7", "192.0.2.7"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("*.Bücher.example", "*.xn--bcher-kva.example"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_a_host_name_is_lower_case_punycode_without_a_final_dot(text: str, name: str) -> None:
    assert host_name(text) == name
    assert host_name(name) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "*",
        "*.",
        "a..b",
        ".a",
        "-a.b",
        "a-.b",
        "a_b.c",
        "a b.c",
        " a.b",
        "a.b\n",
        "a.*.b",
        "**.b",
        "*.*.b",
        "a;b",
        "a{b",
        "a}b",
        "$host",
        '"a"',
        "'a'",
        "a\\b",
        "#a",
        "~^a$",
        "a\0b",
        "[::1]",
        "a" * 64 + ".b",
        "a." * 127 + "a",
        "ü" * 300,
        "\u200d.example",
        "a\u2028b.example",
        "a。；b.example",
    ],
)
def test_what_is_no_domain_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        host_name(text)

    assert refusal.value.why


@pytest.mark.parametrize(
    ("text", "hint"), [("https://a.example", "scheme"), ("a.example/path", "path"), ("a.example:8080", "port")]
)
def test_an_address_in_place_of_a_name_is_refused_with_a_hint(text: str, hint: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        host_name(text)

    assert hint in refusal.value.why


@given(st.one_of(st.text(), st.from_regex(r"(\*\.)?[a-zA-Z0-9ßüİK。-]+(\.[a-zA-Z0-9é-]+)*\.?")))
@example("K.example")
@example("ﬁ.example")
@example("ａ；ｂ.example")
def test_an_accepted_host_name_has_no_character_that_means_something_to_nginx(text: str) -> None:
    try:
        name = host_name(text)
    except InvalidValue:
        return

    assert re.fullmatch(r"(\*\.)?[a-z0-9.-]+", name)
    assert len(name) <= 253
    assert host_name(name) == name


def _vhost(**changes: object) -> Vhost:
    values: dict[str, object] = {"app": "my-app", "key": "12", "hosts": ("a.example",), "upstreams": local(20_001)}
    return Vhost(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"app": "my app"},
        {"app": "a;b"},
        {"app": "a\n"},
        {"app": ""},
        {"key": "../etc"},
        {"key": "12\n"},
        {"key": ""},
        {"key": "a" * 64},
        {"hosts": ("A.example",)},
        {"hosts": ("a;b",)},
        {"hosts": ("a.example", "a.example")},
        {"upstreams": local(0)},
        {"upstreams": local(65_536)},
        {"upstreams": (Address("127.0.0.1", "80"),)},
        {"upstreams": local(True)},
        {"upstreams": local(20_001, 20_001)},
        {"upstreams": (("127.0.0.1", 80),)},
        {"upstreams": (Address("node1", 80),)},
        {"upstreams": (Address("127.0.0.1;", 80),)},
        {"upstreams": (Address("fe80::1%eth0", 80),)},
        {"upstreams": (Address("2001:DB8::1", 80),)},
        {"upstreams": ()},
    ],
)
def test_a_vhost_that_could_not_be_written_or_served_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidValue):
        _vhost(**changes)


def test_a_stopped_or_empty_app_needs_no_port() -> None:
    assert not _vhost(state=VhostState.STOPPED, upstreams=()).live
    assert _vhost(state=VhostState.EMPTY, upstreams=()).empty


def test_slow_clients_hold_no_process_and_bodies_end_at_100_mib_by_default() -> None:
    options = ProxyOptions()

    assert options.client_max_body_size == options.proxy_max_temp_file_size == 104_857_600
    assert options.proxy_buffering
    assert options.proxy_request_buffering


KIB = st.integers(1, 1024).map(lambda number: number * 1024)


@given(KIB, st.tuples(st.integers(1, 1024), KIB), st.integers(1024, 64 << 20), st.integers(0, 1 << 40))
def test_sizes_fit_together_whatever_each_of_them_is(
    buffer: int, buffers: tuple[int, int], busy: int, temporary: int
) -> None:
    options = ProxyOptions(
        proxy_buffer_size=buffer,
        proxy_buffers=buffers,
        proxy_busy_buffers_size=busy,
        proxy_max_temp_file_size=temporary,
    )
    fitting = options.fitting
    count, each = fitting.proxy_buffers
    least = max(buffer, each)
    assert least <= fitting.proxy_busy_buffers_size <= (count - 1) * each
    assert fitting.proxy_max_temp_file_size == 0 or fitting.proxy_max_temp_file_size >= least
    assert (fitting.proxy_buffer_size, each) == (buffer, buffers[1])
    assert fitting.fitting == fitting


def test_sizes_that_fit_stay() -> None:
    options = ProxyOptions(
        proxy_buffer_size=131_072, proxy_buffers=(4, 262_144), proxy_busy_buffers_size=262_144
    )
    assert options.fitting == options
    assert ProxyOptions().fitting == ProxyOptions()


@pytest.mark.parametrize("name", [each.name for each in fields(ProxyOptions)])
@pytest.mark.parametrize("value", [-1, 10**15, "1", "on; deny all", None, 1.5])
def test_an_option_of_another_kind_or_out_of_range_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(InvalidValue, match=name):
        ProxyOptions(**{name: value})  # type: ignore[arg-type]
