"""Addresses of repositories and archives: what is taken, and what could do harm."""

import pytest

from paas.core.errors import InvalidValue
from paas.core.git import url as giturl


@pytest.mark.parametrize(
    ("text", "url", "address"),
    [
        ("https://github.com/heroku/node-js", "https://github.com/heroku/node-js", "github.com"),
        ("https://git.example.org:8443/a/b.git", "https://git.example.org:8443/a/b.git", "git.example.org:8443"),
        ("git@github.com:heroku/node-js.git", "ssh://git@github.com/heroku/node-js.git", "github.com"),
        ("github.com:/srv/x", "ssh://github.com/srv/x", "github.com"),
        ("ssh://me@host:2222/~/x", "ssh://me@host:2222/~/x", "host:2222"),
        ("git://example.org/x", "git://example.org/x", "example.org"),
    ],
)
def test_the_addresses_that_people_write(text, url, address):
    found = giturl.repository(text)
    assert (found.url, found.address) == (url, address)


@pytest.mark.parametrize(
    "text",
    [
        "file:///etc/passwd",
        "/srv/repository",
        "../x",
        "ext::sh -c touch% /tmp/pwned",
        "fd::17/foo",
        "http://example.org/x",
        "ftp://example.org/x",
        "-oProxyCommand=touch x",
        "--upload-pack=touch x",
        "ssh://-oProxyCommand=touch/x",
        "ssh://git@-oProxyCommand=x/y",
        "-oProxyCommand=x:path",
        "git@-oProxyCommand=x:path",
        "ssh://-l@host/x",
        "ssh://host:port/x",
        "https:///x",
        "https://",
        "https://host",
        "https://ho st/x",
        "https://host/x\ny",
        "https://host/x#main",
        "git@host:ext::sh",
        "",
    ],
)
def test_what_could_lead_elsewhere_is_refused(text):
    with pytest.raises(InvalidValue) as caught:
        giturl.repository(text)
    assert caught.value.code == "invalid-url"


@pytest.mark.parametrize("text", ["https://me:secret@host/x", "https://token@host/x", "ssh://git:secret@host/x"])
def test_credentials_in_an_address_are_refused_and_not_repeated(text):
    with pytest.raises(InvalidValue) as caught:
        giturl.repository(text)
    assert caught.value.code == "credentials-in-url"
    assert "secret" not in " ".join(caught.value.lines())
    assert "token" not in " ".join(caught.value.lines())


def test_an_archive_is_fetched_over_https_alone():
    assert giturl.archive("https://host/x.zip?token=1").url == "https://host/x.zip?token=1"
    with pytest.raises(InvalidValue):
        giturl.archive("http://host/x.zip")
    with pytest.raises(InvalidValue):
        giturl.archive("file:///x.zip")


@pytest.mark.parametrize("text", ["--upload-pack=x", "-x", "a b", "a..b", "a:b", "", "refs/../x", "x^{tree}", "a\nb"])
def test_a_ref_that_is_none_is_refused(text):
    with pytest.raises(InvalidValue):
        giturl.ref(text)


@pytest.mark.parametrize("text", ["main", "feature/x", "v1.2.3", "a" * 40])
def test_branches_tags_and_commits_are_refs(text):
    assert giturl.ref(text) == text


@pytest.mark.parametrize("text", ["-oProxyCommand=x", "host:0", "host:99999", "host:", "a b", "", "a/b"])
def test_a_host_that_is_none_is_refused(text):
    with pytest.raises(InvalidValue):
        giturl.host(text)
    assert giturl.host("Git.Example.org:2222") == "git.example.org:2222"
