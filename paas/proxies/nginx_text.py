"""The text of nginx's configuration files, from the templates in ``nginx/``: the same input gives the same bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import jinja2

from paas.core.errors import InvalidValue
from paas.core.tls import Credential
from paas.core.vhost import Vhost
from paas.proxies.nginx_certificates import file_name
from paas.resources import folder

# nginx reads one parameter into a buffer of 4096 bytes.
LONGEST_PAGE = 4000
BARE = re.compile(r"[\w.:/*\[\]-]+", re.ASCII)


class Verbatim(str):
    """Text that is printed into a file as it is, because it was checked and quoted."""


@dataclass(frozen=True)
class Secure:
    """Where HTTPS is served, and how this nginx does it. ``files`` is the folder of certificates.

    ``http2_by_listen``: it is a word of ``listen``, as before nginx 1.25.1, and no directive of its own.
    """

    listen: str
    files: Path
    http2_by_listen: bool = True
    http3: bool = False

    @property
    def port(self) -> int:
        """The port."""
        return int(self.listen.rpartition(":")[2])

    @property
    def suffix(self) -> Verbatim:
        """What stands behind a host in an address: ``:8443``, or nothing for the port of the scheme."""
        return Verbatim("" if self.port == 443 else f":{self.port}")


@dataclass(frozen=True)
class General:
    """What the main file says. ``user`` and ``group`` are empty where workers keep the user that starts nginx.

    ``open_files`` is how many files a worker may have open, ``drain_seconds`` how long one may finish requests,
    ``resolvers`` are addresses of name servers.
    """

    prefix: Path
    listen: str
    status_socket: Path
    user: str
    group: str
    open_files: int
    drain_seconds: int
    secure: Secure | None = None
    resolvers: tuple[str, ...] = ()


class Templates:
    """Renders the files of one instance. A value that could end a parameter raises `InvalidValue`."""

    def __init__(self, source: Path | None = None) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(source or folder("nginx")),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,
            finalize=printed,
        )
        self._pages = self._environment.overlay(finalize=None)

    def main(self, general: General) -> str:
        """The text of ``nginx.conf``."""
        return self._environment.get_template("nginx.conf.j2").render(
            listen=general.listen,
            user=general.user,
            group=general.group,
            open_files=general.open_files,
            connections=min(8192, general.open_files // 2),
            drain_seconds=general.drain_seconds,
            status_socket=_quoted(f"unix:{general.status_socket}"),
            file=lambda name: _quoted(f"{general.prefix}/{name}"),
            page=self.page,
            secure=general.secure,
            resolvers=general.resolvers,
        )

    def app(self, vhost: Vhost, listen: str, secure: Secure | None = None) -> str:
        """The text of ``apps/<key>.conf``. Without ``secure`` nothing is served over HTTPS."""
        port = listen.rpartition(":")[2]
        if secure is None:
            vhost = replace(vhost, tls=replace(vhost.tls, credentials=()))

        def certificate(credential: Credential) -> Verbatim:
            assert secure is not None
            return _quoted(f"{secure.files}/{file_name(credential)}")

        return self._environment.get_template("app.conf.j2").render(
            vhost=vhost,
            listen=listen,
            page=self.page,
            secure=secure,
            certificate=certificate,
            quoted=_quoted,
            plain_suffix=Verbatim("" if port == "80" else f":{port}"),
        )

    def generation(self, generation: str) -> str:
        """The text of ``generation.conf``."""
        return self._environment.get_template("generation.conf.j2").render(generation=generation)

    def page(self, name: str) -> Verbatim:
        """The error page as one quoted parameter, in which ``$request_key`` stands for the request's."""
        text = self._pages.get_template(f"errors/{name}.html.j2").render()
        text = "\n".join(line.strip() for line in text.splitlines() if line.strip())

        if re.search(r"['\\]|\$(?!request_key\b)", text) or len(text.encode()) > LONGEST_PAGE:
            raise InvalidValue(
                f"the error page {name} cannot be served by nginx",
                why=f"It has a ' or \\ or $ (other than $request_key), or is longer than {LONGEST_PAGE} bytes.",
            )

        return Verbatim(f"'{text}\n'")


def printed(value: object) -> object:
    """What a template prints for a value: one bare parameter, or `InvalidValue`."""
    if isinstance(value, bool):
        return "on" if value else "off"

    if isinstance(value, Verbatim | jinja2.Undefined | int):
        return value

    if isinstance(value, str) and BARE.fullmatch(value):
        return value

    raise InvalidValue(f"{str(value)[:80]!r} cannot be written into an nginx configuration")


def _quoted(text: str) -> Verbatim:
    if re.search(r"[\x00-\x1f\"'$\\]", text):
        raise InvalidValue(f"{text!r} cannot be written into an nginx configuration")

    return Verbatim(f'"{text}"')
