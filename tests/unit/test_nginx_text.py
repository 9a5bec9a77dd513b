"""The configuration files' text: deterministic, and no value can end the parameter that it is in."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paas.core.edge.address import local
from paas.core.edge.vhost import ProxyOptions, Vhost, VhostState
from paas.core.errors import InvalidValue
from paas.proxies.nginx.text import LONGEST_PAGE, General, Templates
from paas.proxies.nginx.values import printed
from paas.system.data_folders import folder

LISTEN = "127.0.0.1:8080"
PAGES = sorted(path.name.removesuffix(".html.j2") for path in (folder("nginx") / "errors").glob("*.html.j2"))
TEMPLATES = Templates()
LIVE = Vhost("my-app", "12", ("a.example", "*.b.example"), local(20_001, 20_002))


def _general(**changes: object) -> General:
    values: dict[str, object] = {
        "prefix": Path("/srv/my paas/nginx"),
        "listen": LISTEN,
        "status_socket": Path("/srv/my paas/nginx/run/status.sock"),
        "user": "",
        "group": "",
        "open_files": 20_000,
        "drain_seconds": 60,
    }
    return General(**(values | changes))  # type: ignore[arg-type]


def test_the_same_app_gives_the_same_bytes() -> None:
    assert TEMPLATES.app(LIVE, LISTEN) == Templates().app(LIVE, LISTEN)
    assert TEMPLATES.main(_general()) == Templates().main(_general())


def test_the_file_of_an_app_names_its_hosts_its_processes_and_its_options() -> None:
    options = ProxyOptions(1_000, proxy_buffering=False, proxy_buffers=(4, 16384))
    text = TEMPLATES.app(Vhost("my-app", "12", LIVE.hosts, LIVE.upstreams, options=options), LISTEN)

    assert text.startswith("# my-app:")
    assert "\n    server_name a.example *.b.example;\n" in text
    assert re.findall(r"^    server (\S+)", text, re.MULTILINE) == ["127.0.0.1:20001", "127.0.0.1:20002"]
    assert "\n    client_max_body_size 1000;\n" in text
    assert "\n    proxy_buffering off;\n" in text
    assert "\n    proxy_buffers 4 16384;\n" in text
    assert "proxy_request_buffering" not in text


@pytest.mark.parametrize("state", [VhostState.STOPPED, VhostState.EMPTY])
def test_an_app_without_a_running_web_passes_nothing_on(state: VhostState) -> None:
    text = TEMPLATES.app(Vhost("my-app", "12", ("a.example",), state=state), LISTEN)

    assert "return 503;" in text
    assert "proxy_pass" not in text
    assert ("Nothing has been deployed" in text) == (state is VhostState.EMPTY)


def test_an_app_without_hosts_has_a_file_that_serves_nothing() -> None:
    assert "{" not in TEMPLATES.app(Vhost("my-app", "12", (), local(20_001)), LISTEN)


def test_workers_get_a_user_only_where_one_is_given() -> None:
    assert "\nuser " not in TEMPLATES.main(_general())
    assert "\nuser www-data nogroup;\n" in TEMPLATES.main(_general(user="www-data", group="nogroup"))


def test_nothing_outside_the_prefix_is_read_or_written() -> None:
    text = TEMPLATES.main(_general())
    paths = re.findall(r"(?<![\w.:])(/[\w.][^\s\";']+)", re.sub(r"'<!doctype.*?\n'", "", text, flags=re.DOTALL))

    assert {path for path in paths if not path.startswith("/srv/my")} == {"/generation", "/.edge-errors/414"}
    assert re.findall(r"include (.*);", text) == ["apps/*.unserved", "generation.conf", "apps/*.conf"]


@pytest.mark.parametrize("path", ['/a"b', "/a'b", "/a$b", "/a\\b", "/a\nb"])
def test_a_prefix_that_would_end_its_quotes_is_refused(path: str) -> None:
    with pytest.raises(InvalidValue):
        TEMPLATES.main(_general(prefix=Path(path)))


@given(st.text())
def test_a_printed_text_is_one_bare_parameter_or_refused(text: str) -> None:
    try:
        assert re.fullmatch(r"[a-zA-Z0-9_.:/*\[\]-]+", str(printed(text)))
    except InvalidValue:
        assert not re.fullmatch(r"[a-z0-9.-]+", text)


def test_a_template_that_prints_nothing_or_an_unknown_kind_is_refused() -> None:
    for value in ("", None, 1.5, ["a"], Path("/a")):
        with pytest.raises(InvalidValue):
            printed(value)


class _Page(HTMLParser):
    """What matters of a page: its elements, its language, and what it would load from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.loads: list[str] = []
        self.language = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href")]
        self.language = dict(attrs).get("lang") or self.language


@pytest.mark.parametrize("name", [page for page in PAGES if page != "base"])
def test_each_error_page_is_whole_and_loads_nothing(name: str) -> None:
    text = TEMPLATES.page(name)
    page = _Page()
    page.feed(text)

    assert page.language == "en"
    assert page.loads == []
    assert "url(" not in text and "@import" not in text
    assert {"title", "main", "h1", "style"} <= set(page.elements)
    assert page.elements.count("h1") == 1
    assert "width=device-width" in text
    assert "prefers-color-scheme: dark" in text
    assert "$request_key" in text


def test_an_error_page_that_nginx_could_not_hold_is_refused(tmp_path: Path) -> None:
    (tmp_path / "errors").mkdir()
    templates = Templates(tmp_path)

    for text in ("it's", "costs $5", "a \\ b", "a" * (LONGEST_PAGE + 1)):
        (tmp_path / "errors" / "404.html.j2").write_text(text)

        with pytest.raises(InvalidValue, match="404"):
            Templates(tmp_path).page("404")

    (tmp_path / "errors" / "404.html.j2").write_text("fine: $request_key")
    assert templates.page("404") == "'fine: $request_key\n'"
