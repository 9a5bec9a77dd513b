"""Names of images, in full and short."""

import pytest

from paas.core.containers import image_name
from paas.core.errors import InvalidValue


@pytest.mark.parametrize(
    ("text", "server", "canonical"),
    [
        ("nginx", "docker.io", "docker.io/library/nginx:latest"),
        ("team/app:1", "docker.io", "docker.io/team/app:1"),
        ("library/nginx", "docker.io", "docker.io/library/nginx:latest"),
        ("docker.io/team/app", "docker.io", "docker.io/team/app:latest"),
        ("ghcr.io/team/app:1", "ghcr.io", "ghcr.io/team/app:1"),
        ("localhost/app", "localhost", "localhost/app:latest"),
        ("localhost:5000/app:1", "localhost:5000", "localhost:5000/app:1"),
        (f"nginx@sha256:{'a' * 64}", "docker.io", f"docker.io/library/nginx@sha256:{'a' * 64}"),
    ],
)
def test_the_server_and_the_full_name(text, server, canonical):
    found = image_name.parse(text)
    assert (found.server, found.canonical, str(found)) == (server, canonical, text)


@pytest.mark.parametrize("text", ["ghcr.io", "https://registry.example.org:5000/", "localhost:5000"])
def test_a_registry_is_a_host(text):
    assert "/" not in image_name.server(text)


def test_docker_hub_has_many_names():
    assert {image_name.server(text) for text in ("docker.io", "https://index.docker.io/v1/")} == {"docker.io"}


@pytest.mark.parametrize("text", ["-x", "a/b", "http://x", "a b", "", "x:y"])
def test_what_is_no_registry_is_refused(text):
    with pytest.raises(InvalidValue):
        image_name.server(text)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "error parsing HTTP 404 response body: invalid character '<' looking for beginning of value: "
            '"<html><body>INTERNAL-SECRET hunter2</body></html>"',
            "error parsing HTTP 404",
        ),
        ("error unmarshalling content: invalid character '<' looking for", "error unmarshalling content"),
        ("<html>hunter2</html>", "What answered is no registry."),
        ("manifest for x:1 not found: manifest unknown", "manifest for x:1 not found: manifest unknown"),
        ("received unexpected HTTP status: 500 Internal Server Error",) * 2,
        ("x" * 1000, "x" * 299 + "…"),
    ],
)
def test_what_an_engine_says_is_shown_without_what_the_registry_answered(said, shown):
    assert image_name.said(said) == shown
