"""Rules for every request: no secret in clear over a network, and pages without foreign code."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from flask import Response, request

from paas.web.daemon_client import problem

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def secure() -> bool:
    """Return True if the client used HTTPS, according to nginx."""
    return request.headers.get("X-Forwarded-Proto") == "https"


def address() -> str:
    """Return the client's address, according to nginx."""
    return request.headers.get("X-Real-IP", "")


def check_way() -> None:
    """Raise an error for a token or a session in clear over a network."""
    if secure() or _is_loopback(address()):
        return
    host = request.host.partition(":")[0]
    raise problem(
        "tokens are not accepted over plain HTTP",
        403,
        "plain-http",
        why=f"Anyone on the network between {address() or 'you'} and this server could read them, and there is no "
        f"certificate for {host}.",
        fix="Get a certificate: set 'letsencrypt:set --global email', or 'certs:add --global' one for this host. "
        f"Or use an SSH tunnel: 'ssh -L 8080:127.0.0.1:{request.headers.get('X-Forwarded-Port') or 80} SERVER', and "
        f"open http://{host if host.endswith('localhost') else 'paas.localhost'}:8080.",
    )


def check_origin() -> None:
    """Raise an error for a form that a page of another site sent.

    Programs send no origin; every browser sends at least one of these headers with a form.
    """
    said = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin") or request.headers.get("Referer")
    if said not in ("same-origin", "none") or not (origin is None or _is_own(origin)):
        raise problem("the form was sent by another site", 403, "foreign-form", fix="Open the dashboard itself.")


def _is_own(url: str) -> bool:
    """Return True if the URL is one of this host; over HTTPS, pages over HTTP are not."""
    try:
        found = urlsplit(url)
        port = found.port
    except ValueError:
        return False
    usual = {"http": 80, "https": 443}.get(found.scheme)
    named = [f"{found.hostname}:{port or usual}", *([str(found.hostname)] if port in (None, usual) else [])]
    return request.host in named and (found.scheme == "https" or (found.scheme == "http" and not secure()))


def protect(response: Response) -> Response:
    """Add the headers of every response."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if not request.path.startswith("/static/"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _is_loopback(text: str) -> bool:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)
