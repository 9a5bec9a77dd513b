"""Text of nginx's configuration files, from the templates in ``nginx/``: equal input gives equal bytes."""

from __future__ import annotations

import functools
import re
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import jinja2
from jinja2.sandbox import SandboxedEnvironment

from paas.core.edge.proxy_options import ProxyOptions, Value
from paas.core.edge.rules import Edge, Snippet, Stream
from paas.core.edge.server_options import ServerOptions
from paas.core.edge.tls import Credential
from paas.core.edge.vhost import Vhost
from paas.core.errors import InvalidValue
from paas.proxies.nginx.certificates import file_name
from paas.proxies.nginx.modules import Modules
from paas.proxies.nginx.values import WRITERS, Verbatim, for_page, printed, quoted_path, visitor
from paas.system.data_folders import folder

# nginx reads one parameter into a buffer of 4096 bytes.
LONGEST_PAGE = 4000
STATUSES = (401, 403, 413, 429, 500, 502, 503, 504)
"""Statuses for which nginx's own responses get a page of the edge; responses of apps are unchanged."""

PROBLEMS = (400, 405, *STATUSES)
"""Statuses for which programs get a problem document."""

COMPRESSIBLE = (
    "text/css text/csv text/javascript text/markdown text/plain text/xml application/javascript application/json "
    "application/ld+json application/manifest+json application/rss+xml application/atom+xml application/wasm "
    "application/xml font/otf font/ttf image/bmp image/svg+xml image/x-icon"
)
COMMON = Edge()


@dataclass(frozen=True)
class Secure:
    """HTTPS settings of this nginx. ``files`` is the folder of certificates.

    ``http2_by_listen``: HTTP/2 is a parameter of ``listen``, as before nginx 1.25.1, and not a separate directive.
    """

    listen: str
    files: Path
    http2_by_listen: bool = True
    http3: bool = False
    early_hints: bool = False

    @property
    def port(self) -> int:
        """Port."""
        return int(self.listen.rpartition(":")[2])

    @property
    def suffix(self) -> Verbatim:
        """Suffix of a host in an URL: ``:8443``, or empty for the default port."""
        return Verbatim("" if self.port == 443 else f":{self.port}")


@dataclass(frozen=True)
class General:
    """Values of the main file. ``user`` and ``group`` are empty if workers keep the user that starts nginx.

    ``open_files`` is how many files a worker may open, ``drain_seconds`` how long one may finish requests,
    ``resolvers`` are addresses of name servers.
    """

    prefix: Path
    listen: str
    status_socket: Path
    user: str
    group: str
    open_files: int
    drain_seconds: int
    modules: Modules = field(default_factory=Modules)
    options: ServerOptions = field(default_factory=ServerOptions)
    secure: Secure | None = None
    resolvers: tuple[str, ...] = ()


@functools.lru_cache(maxsize=8)
def _environments(source: Path) -> tuple[jinja2.Environment, jinja2.Environment]:
    """Return the environments for configuration and for pages. They keep compiled templates, and notice changed files.
    """
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(source),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
        finalize=printed,
    )
    return made, made.overlay(finalize=None)


class Templates:
    """Renderer for the files of one instance. Raise `InvalidValue` for a value that could end a parameter."""

    def __init__(self, source: Path | None = None) -> None:
        self._environment, self._pages = _environments(source or folder("nginx"))
        self._sandbox = SandboxedEnvironment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)

    def main(self, general: General) -> str:
        """Return the text of ``nginx.conf``."""
        return self._environment.get_template("nginx.conf.j2").render(
            listen=general.listen,
            listen_ipv6=general.options.ipv6_beside(general.listen),
            user=general.user,
            group=general.group,
            open_files=general.open_files,
            connections=min(8192, general.open_files // 2),
            drain_seconds=general.drain_seconds,
            status_socket=quoted_path(f"unix:{general.status_socket}"),
            file=lambda name: quoted_path(f"{general.prefix}/{name}"),
            modules=general.modules,
            options=general.options,
            lines=_lines(ProxyOptions().directives(), general.modules),
            compressible=COMPRESSIBLE,
            statuses=STATUSES,
            common=COMMON,
            page=self.page,
            secure=_spoken(general.secure, general.options),
            secure_ipv6=general.options.ipv6_beside(general.secure.listen) if general.secure else "",
            **_trusting(general.options),
            resolvers=general.resolvers,
            **WRITERS,
        )

    def bundle(
        self, vhost: Vhost, listen: str, modules: Modules, options: ServerOptions, secure: Secure | None = None
    ) -> dict[str, str]:
        """Return all files of one app by name; `paas.proxies.nginx.tree` explains the names."""
        edge, base = vhost.edge, f"apps/{vhost.key}"
        files = {f"{base}.conf": self.app(vhost, listen, modules, options, secure)}
        if edge.users:
            files[f"{base}.users"] = "".join(f"{user.name}:{user.hash.reveal()}\n" for user in edge.users)
        names = self._environment.get_template("names.conf.j2")
        if secure is not None and vhost.refused:
            files[f"{base}.refused"] = names.render(vhost=vhost, hosts=vhost.refused)
        if vhost.unknown:
            files[f"{base}.unserved"] = names.render(vhost=vhost, hosts=vhost.unknown)
        if any(stream.upstreams for stream in edge.streams):
            files[f"{base}.stream"] = self._environment.get_template("stream.conf.j2").render(
                vhost=vhost, edge=edge, address=_address
            )
        for snippet in edge.snippets:
            text = self._snippet(vhost, snippet)
            # The file for ports is valid, and included, only if there are any.
            if vhost.live:
                files[f"{base}.{snippet.name}.snippet"] = text
        return files

    def _snippet(self, vhost: Vhost, snippet: Snippet) -> str:
        """Return the rendered template of an admin for this app, if it is live; its lines keep their numbers."""
        ports = tuple(address.port for address in vhost.upstreams)
        known = {"app": vhost.app, "hosts": vhost.hosts, "ports": ports, "upstream": f"app-{vhost.key}"}
        try:
            template = self._sandbox.from_string(snippet.text)
            return template.render(known).rstrip() + "\n" if vhost.live else ""
        except Exception as error:  # a template may raise any exception
            line = getattr(error, "lineno", None) or _failing_line(error)
            raise InvalidValue(
                f"the snippet {snippet.name} of {vhost.app} is no template that can be used",
                why=f"{snippet.name}.conf.j2:{line}: {error}",
                fix="Known are app, hosts, ports and upstream. See https://jinja.palletsprojects.com/",
                code="invalid-snippet",
            ) from error

    def app(
        self,
        vhost: Vhost,
        listen: str,
        modules: Modules | None = None,
        options: ServerOptions | None = None,
        secure: Secure | None = None,
    ) -> str:
        """Return the text of ``apps/<key>.conf``. Without ``secure`` nothing is served over HTTPS."""
        port = listen.rpartition(":")[2]
        if secure is None:
            vhost = replace(vhost, tls=replace(vhost.tls, credentials=()))

        def certificate(credential: Credential) -> Verbatim:
            assert secure is not None
            return quoted_path(f"{secure.files}/{file_name(credential)}")

        return self._environment.get_template("app.conf.j2").render(
            vhost=vhost,
            edge=vhost.edge,
            common=COMMON,
            id=vhost.key.replace("-", "_"),
            options=_lines(vhost.options.own(), modules or Modules()),
            listen=listen,
            listen_ipv6=(options or ServerOptions()).ipv6_beside(listen),
            secure=_spoken(secure, options or ServerOptions()),
            secure_ipv6=(options or ServerOptions()).ipv6_beside(secure.listen) if secure else "",
            **_trusting(options or ServerOptions()),
            certificate=certificate,
            plain_suffix=Verbatim("" if port == "80" else f":{port}"),
            statuses=STATUSES,
            problems=PROBLEMS,
            page=self.page,
            text=for_page,
            **WRITERS,
        )

    def generation(self, generation: str) -> str:
        """Return the text of ``generation.conf``."""
        return self._environment.get_template("generation.conf.j2").render(generation=generation)

    def page(self, name: str) -> Verbatim:
        """Return the error page as one quoted parameter, in which ``$request_key`` stands for the request's id, and
        ``$maintenance_message`` for the message of a user.
        """
        text = self._pages.get_template(f"errors/{name}.html.j2").render()
        text = "\n".join(line.strip() for line in text.splitlines() if line.strip())

        if re.search(r"['\\]|\$(?!(request_key|maintenance_message)\b)", text) or len(text.encode()) > LONGEST_PAGE:
            raise InvalidValue(
                f"the error page {name} cannot be served by nginx",
                why=f"It has a ' or \\ or $ (other than $request_key), or is longer than {LONGEST_PAGE} bytes.",
            )

        return Verbatim(f"'{text}\n'")


def _spoken(secure: Secure | None, options: ServerOptions) -> Secure | None:
    """Return how HTTPS is served with these options: the PROXY protocol is for TCP, so there is no HTTP/3 behind it."""
    behind = secure is not None and options.trusted is not None and options.trusted.proxy_protocol
    return replace(secure, http3=False) if secure and behind else secure


def _trusting(options: ServerOptions) -> dict[str, object]:
    """Return the values for templates about the proxies in front."""
    trusted = options.trusted
    return {
        "trusted": trusted,
        "proxy_protocol": Verbatim(" proxy_protocol" if trusted and trusted.proxy_protocol else ""),
        "visitor": lambda text: visitor(text, trusted is not None),
    }


def _failing_line(error: Exception) -> int:
    """Return the line of the template that failed; 1 if unknown."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
    return lines[-1] if lines and lines[-1] else 1


def _lines(directives: Iterable[tuple[str, Value, str]], modules: Modules) -> list[Verbatim]:
    """Return the formatted directives, without those of missing modules."""
    return [
        Verbatim(f"{name} {_value(value)}{unit}")
        for name, value, unit in directives
        if name != "brotli" or "brotli" in modules.has
    ]


def _value(value: Value) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(printed(value))


def _address(stream: Stream) -> Verbatim:
    return Verbatim(f"[{stream.address}]:{stream.port}" if ":" in stream.address else f"{stream.address}:{stream.port}")
