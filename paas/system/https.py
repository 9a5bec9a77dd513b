"""HTTPS requests to servers that users name: through the configured proxies, and only to allowed addresses."""

from __future__ import annotations

import ssl
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from typing import IO, Any
from urllib.parse import urlsplit

from paas.core.access.remote_credentials import RemoteCredentials
from paas.core.egress import Egress
from paas.system import egress


def opened(url: str, means: RemoteCredentials, seconds: float) -> Any:
    """Return the response to a GET after redirects, which are followed to https only; ``seconds`` is the limit of each
    step.

    Raise `EgressRefused` for a refused address, also after a redirect, and otherwise the errors of urllib.
    """
    request = urllib.request.Request(url, headers={"User-Agent": "paas", "Accept": "*/*"})
    if means.login is not None:
        text = f"{means.login.user}:{means.login.password.reveal()}"
        # Not sent to another host after a redirect.
        request.add_unredirected_header("Authorization", "Basic " + b64encode(text.encode()).decode())
    context = ssl.create_default_context()
    if means.ca_file:
        context.load_verify_locations(means.ca_file)
    opener = _opener(_Proxies(means.proxies), _Checked(means.egress, context), _HttpsOnly())
    return opener.open(request, timeout=seconds)


def through_proxy(address: str, proxies: Mapping[str, str]) -> bool:
    """Return True if the host, or host:port, is reached through a proxy."""
    past = {"no": proxies.get("no_proxy", "")}
    bypassed = urllib.request.proxy_bypass_environment(address, past)  # type: ignore[attr-defined]
    return bool(proxies.get("https_proxy")) and not bypassed


class _Checked(urllib.request.HTTPSHandler):
    def __init__(self, rules: Egress, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._rules = rules
        self._tls = context

    def https_open(self, req: urllib.request.Request) -> Any:
        """Connect to the checked address. Addresses behind a proxy are checked as far as they are visible from here."""
        target = getattr(req, "_tunnel_host", None)
        if target:
            host = urlsplit(f"//{target}").hostname or ""
            self._rules.check(host, egress.addresses(host))
            return super().https_open(req)

        def connection(address: str, timeout: float) -> Any:
            return egress.https_connection(address, None, self._rules, timeout, self._tls)

        return self.do_open(connection, req)  # type: ignore[arg-type]


class _Proxies(urllib.request.ProxyHandler):
    """Given proxies, which the hosts of ``no_proxy`` bypass."""

    def __init__(self, proxies: Mapping[str, str]) -> None:
        super().__init__({name.removesuffix("_proxy"): url for name, url in proxies.items() if name != "no_proxy"})
        self._given = proxies

    def proxy_open(self, req: urllib.request.Request, proxy: str, type: str) -> Any:
        """Return None if the host is to be reached without a proxy."""
        return super().proxy_open(req, proxy, type) if through_proxy(req.host, self._given) else None


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if not newurl.startswith("https://"):
            raise ValueError("it is redirected to an address that is not https")
        made = super().redirect_request(req, fp, code, msg, headers, newurl)
        if made is not None and made.host == req.host:
            made.unredirected_hdrs.update(req.unredirected_hdrs)
        return made


def _opener(*handlers: urllib.request.BaseHandler) -> urllib.request.OpenerDirector:
    # Not build_opener: it adds handlers for ftp, file and data.
    opener = urllib.request.OpenerDirector()
    others = (urllib.request.HTTPDefaultErrorHandler(), urllib.request.HTTPErrorProcessor())
    for handler in (*handlers, *others):
        opener.add_handler(handler)
    return opener
