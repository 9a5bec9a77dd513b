"""What nginx prints, as errors that name the place and the next step."""

from __future__ import annotations

from pathlib import Path

import pytest

from paas.core.errors import InvalidValue, NotFound, ProxyError
from paas.proxies.nginx.errors import Emergencies, not_started, refused
from paas.proxies.nginx.host import LONGEST_SOCKET, socket_paths
from paas.proxies.nginx.process import Nginx
from paas.system.data_folders import folder


def test_a_refusal_has_nginxs_words_the_file_and_the_line() -> None:
    error = refused(
        "nginx: [warn] conflicting server name\n"
        'nginx: [emerg] unknown directive "fruit" in /srv/nginx/stage/apps/12.conf:7\n'
        "nginx: configuration file /srv/nginx/stage/nginx.conf test failed\n",
        1,
    )

    assert (error.words, error.path, error.line) == (
        'unknown directive "fruit"',
        Path("/srv/nginx/stage/apps/12.conf"),
        7,
    )


def test_a_refusal_without_a_file_keeps_the_words() -> None:
    error = refused('2026/01/01 00:00:00 [emerg] 7#7: open() "/srv/x" failed (2: No such file)\n', 1)

    assert (error.words, error.path) == ('open() "/srv/x" failed (2: No such file)', None)
    assert refused("", 139).words == "nginx -t ended with status 139."


def test_a_taken_port_is_said_with_the_address_and_what_to_do() -> None:
    error = not_started("nginx: [emerg] bind() to 127.0.0.1:8080 failed (98: Address already in use)\n")

    assert "127.0.0.1:8080" in error.what
    assert "--http-port" in error.fix


def test_only_emergencies_from_now_on_count_and_a_port_is_waited_for(tmp_path: Path) -> None:
    log = tmp_path / "error.log"
    log.write_text("2026/01/01 00:00:00 [emerg] 7#7: long ago\n")
    emergencies = Emergencies(log)

    with log.open("a") as file:
        file.write("2026/01/01 00:00:00 [error] 7#7: *1 connect() failed\n")
        file.write("2026/01/01 00:00:00 [emerg] 7#7: bind() to 127.0.0.1:80 failed (98: Address already in use)\n")

    assert not emergencies.final()

    with log.open("a") as file:
        file.write("2026/01/01 00:00:00 [emerg] 7#7: still could not bind()\n")

    assert emergencies.final()
    assert emergencies.words() == "bind() to 127.0.0.1:80 failed (98: Address already in use)"


def test_a_missing_binary_is_said(tmp_path: Path) -> None:
    nginx = Nginx(tmp_path, "127.0.0.1", 8080, binary=str(tmp_path / "no-nginx"))

    with pytest.raises(ProxyError, match="missing"):
        nginx.test(tmp_path / "nginx.conf")


def test_a_folder_whose_name_means_something_to_nginx_is_refused(tmp_path: Path) -> None:
    for name in ("a$b", "a;b", 'a"b', "a*b", "a[1]", "a{b}", "a\nb"):
        with pytest.raises(InvalidValue):
            Nginx(tmp_path / name, "127.0.0.1", 8080)


def test_the_socket_of_a_long_path_is_elsewhere_short_and_stable(tmp_path: Path) -> None:
    long = tmp_path / ("a" * 100) / "nginx"

    run = Path("/srv/nginx/run")
    assert socket_paths(Path("/srv/nginx")) == (run / "status.sock", run / "status-2.sock")
    assert socket_paths(long) == socket_paths(long) != socket_paths(long.with_name("other"))
    assert all(len(str(path)) <= LONGEST_SOCKET for path in socket_paths(long))


def test_an_ipv6_address_is_written_in_brackets(tmp_path: Path) -> None:
    assert Nginx(tmp_path, "::1", 80).address == "[::1]:80"


def test_the_platforms_folders_are_in_the_package_or_else_beside_it(tmp_path: Path) -> None:
    package = tmp_path / "paas"
    (tmp_path / "nginx").mkdir()
    assert folder("nginx", package) == tmp_path / "nginx"

    (package / "data" / "nginx").mkdir(parents=True)
    assert folder("nginx", package) == package / "data" / "nginx"

    with pytest.raises(NotFound, match="hooks"):
        folder("hooks", package)
