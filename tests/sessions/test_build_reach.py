"""What a Dockerfile may have the engine fetch, in the network of the host."""

from __future__ import annotations

from dataclasses import replace

import pytest

from paas.builders import build_source, safety
from paas.core.errors import BuildFailed

pytestmark = pytest.mark.real("git")


def pushed(server, *lines):
    return server.push("hello", {"Dockerfile": "\n".join([*lines, 'CMD ["x"]', ""])})


@pytest.fixture
def hello(hello):
    hello.host.names |= {"inside.example": frozenset({"10.1.2.3"}), "outside.example": frozenset({"93.184.216.34"})}
    hello.host.names |= {address: frozenset({address}) for address in ("127.0.0.1", "169.254.169.254")}
    hello.builder.sources.clear()
    return hello


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("COPY --from=inside.example/x / /", "inside.example leads to 10.1.2.3: a private network"),
        ("COPY --from=127.0.0.1:5000/x / /", "127.0.0.1:5000 leads to 127.0.0.1: loopback"),
    ],
)
def test_what_leads_to_the_host_or_its_networks_is_refused_with_its_line(hello, line, why):
    result = pushed(hello, "FROM x", line)
    assert result.status == 1
    assert f"Dockerfile, line 2: {line.partition('from=')[2].split()[0]} is refused" in result.err
    assert why in result.err
    assert "[egress-refused]" in result.err
    assert hello.builder.sources == []


def test_a_link_to_the_dockerfile_hides_nothing(hello, tmp_path):
    (tmp_path / "real").write_text("FROM 127.0.0.1:5000/x\n")
    (tmp_path / "Dockerfile").symlink_to("real")
    source = replace(build_source.source(hello.ctx, hello.app(), "0" * 40, ""), tree=tmp_path)
    with pytest.raises(BuildFailed) as caught:
        safety.check(hello.ctx, hello.app(), None, source)
    assert caught.value.code == "egress-refused"


def test_a_server_that_can_not_be_told_is_refused(hello):
    result = pushed(hello, "FROM x", "ENV A=1", "COPY --from=x / /")
    assert result.status == 0, result.err
    source = build_source.source(hello.ctx, hello.app(), "0" * 40, "")
    (source.tree / "Dockerfile").write_text("FROM x\nADD http://$HOST/ /x\n")
    with pytest.raises(BuildFailed) as caught:
        safety.check(hello.ctx, hello.app(), None, source)
    assert caught.value.why == "The server is not known before the build."


def test_the_internet_is_not_refused(hello):
    assert pushed(hello, "FROM outside.example/x").status == 0


def test_a_network_can_be_allowed(hello):
    assert pushed(hello, "FROM inside.example/x").status == 1
    hello.run("settings:set egress-allow 10.1.0.0/16")
    assert pushed(hello, "FROM inside.example/x").status == 0


def test_apart_from_the_host_nothing_is_refused(hello):
    hello.run("settings:set build-isolation rootless")
    assert pushed(hello, "FROM 127.0.0.1:5000/x").status == 0
