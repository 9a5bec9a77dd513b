"""Talks to ACME authorities (RFC 8555) through certbot's library; nothing else does."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from acme import challenges, client, errors, messages
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from josepy.b64 import b64encode
from josepy.jwa import ES256
from josepy.jwk import JWKEC

import paas
from paas.core.errors import IssuanceFailed, PaasError
from paas.core.secret import Secret

_log = logging.getLogger(__name__)
NONCES = 10
"""So often one request is tried again when the authority rejects its nonce."""
ANSWER_SECONDS = 30
ORDER_SECONDS = 180
CESSATION = 5
"""The reason "cessationOfOperation": https://www.rfc-editor.org/rfc/rfc5280#section-5.3.1"""

Prover = Callable[[str, str], AbstractContextManager[None]]
"""Given the name of a TXT record and its value: a context in which DNS has it."""


@dataclass(frozen=True)
class AcmeAccount:
    """Who asks whom. ``server`` is the URL of the directory; ``ca_file`` has the roots to trust it by, empty for the
    usual ones."""

    server: str
    email: str
    key: Secret
    ca_file: str = ""


class AcmeClient:
    """Asks authorities for certificates. Raises `IssuanceFailed` with what the authority said."""

    def issue(self, account: AcmeAccount, request: str, prove: Prover | None = None) -> str:
        """The chain (PEM, the leaf first) for the signing request (PEM).

        Every name is proven over HTTP, where the edge answers without being told; with ``prove`` it is by DNS.
        """
        with _told(account.server), ExitStack() as records:
            acme = _client(account)
            order = acme.new_order(request.encode())
            for authorization in order.authorizations:
                if authorization.body.status != messages.STATUS_VALID:
                    _answer(acme, authorization, prove, records)
            deadline = datetime.datetime.now() + datetime.timedelta(seconds=ORDER_SECONDS)
            return str(acme.poll_and_finalize(order, deadline).fullchain_pem)

    def revoke(self, account: AcmeAccount, chain: str) -> None:
        """Tells the authority that the certificate is not to be trusted any more."""
        with _told(account.server):
            _client(account).revoke(x509.load_pem_x509_certificate(chain.encode()), CESSATION)


def thumbprint(key: Secret) -> str:
    """What answers to challenges end with: https://www.rfc-editor.org/rfc/rfc8555#section-8.1"""
    return b64encode(_jwk(key).thumbprint()).decode()


def _jwk(key: Secret) -> JWKEC:
    found = serialization.load_pem_private_key(key.reveal().encode(), None)
    assert isinstance(found, ec.EllipticCurvePrivateKey)
    return JWKEC(key=found)


class _Network(client.ClientNetwork):
    """Keeps on when nonces are rejected, and remembers how long an authority asks to wait."""

    retry_after = 0.0

    def post(self, *args: Any, **kwargs: Any) -> requests.Response:
        for _ in range(NONCES):
            try:
                return self._post_once(*args, **kwargs)
            except messages.Error as error:
                if error.code == "rateLimited":
                    # The library's error does not carry the header.
                    raise _refused(error, self.retry_after) from error
                if error.code != "badNonce":
                    raise
        return self._post_once(*args, **kwargs)

    def _send_request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:
        response = super()._send_request(method, url, *args, **kwargs)
        if response.status_code in (429, 503):
            until = client.ClientV2.retry_after(response, 0)
            self.retry_after = max(0.0, (until - datetime.datetime.now()).total_seconds())
        return response


def _client(account: AcmeAccount) -> client.ClientV2:
    # The annotation of the library says bool; it is handed on to requests, which takes a path as well.
    verify = cast(bool, account.ca_file or True)
    network = _Network(
        _jwk(account.key), alg=ES256, verify_ssl=verify, user_agent=f"paas/{paas.__version__}",
        timeout=ANSWER_SECONDS,
    )  # fmt: skip
    acme = client.ClientV2(client.ClientV2.get_directory(account.server, network), network)
    wanted = messages.NewRegistration.from_data(email=account.email or None, terms_of_service_agreed=True)
    try:
        acme.new_account(wanted)
    except errors.ConflictError as there:
        network.account = messages.RegistrationResource(uri=there.location, body=messages.Registration())
    return acme


def _answer(
    acme: client.ClientV2, authorization: messages.AuthorizationResource, prove: Prover | None, records: ExitStack
) -> None:
    wanted = challenges.DNS01 if prove else challenges.HTTP01
    domain = authorization.body.identifier.value
    found = next((one for one in authorization.body.challenges if isinstance(one.chall, wanted)), None)
    if found is None:
        raise IssuanceFailed(
            f"the authority does not take a proof by {wanted.typ} for {domain}",
            why="It offers: " + ", ".join(one.chall.typ for one in authorization.body.challenges),
        )
    response, value = found.response_and_validation(acme.net.key)
    if prove:
        records.enter_context(prove(found.chall.validation_domain_name(domain), value))
    acme.answer_challenge(found, response)


class _told(AbstractContextManager["_told"]):
    """Turns what the library raises into what a person can act on."""

    def __init__(self, server: str) -> None:
        self._server = server

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        match error:
            case PaasError():
                # It says all already.
                return
            case errors.ValidationError():
                words = [_refusal(one) for one in error.failed_authzrs]
                raise IssuanceFailed(
                    "the authority could not prove the domain", why="\n".join(filter(None, words)), refused=True
                ) from error
            case messages.Error():
                raise _refused(error) from error
            case errors.IssuanceError():
                raise IssuanceFailed("the authority did not issue the certificate", why=f"{error}") from error
            case requests.exceptions.SSLError():
                # The reason is behind several of the library's own errors, which mean nothing to a reader.
                raise IssuanceFailed(
                    "the authority is not trusted", why=f"{self._server}: {_innermost(error)}"
                ) from error
            case requests.exceptions.Timeout():
                raise IssuanceFailed(f"{_place(self._server)} does not answer within {ANSWER_SECONDS} s") from error
            case requests.exceptions.ConnectionError():
                raise IssuanceFailed(f"nobody answers at {_place(self._server)}", why=_innermost(error)) from error
            case errors.TimeoutError():
                raise IssuanceFailed(f"the authority did not decide within {ORDER_SECONDS} s") from error
            case Exception():
                # The library raises what its parts do, a KeyError for instance for a JSON that is no directory.
                if not isinstance(error, errors.Error | requests.RequestException | ValueError):
                    _log.warning("what %s says is not understood", self._server, exc_info=error)
                raise IssuanceFailed(
                    "the authority does not answer as it should", why=f"{self._server}: {error or type(error).__name__}"
                ) from error


def _place(server: str) -> str:
    """Return host and port of an address."""
    found = urlsplit(server)
    return f"{found.hostname}:{found.port or {'http': 80}.get(found.scheme, 443)}"


def _innermost(error: BaseException) -> str:
    """Return what the system said, out of the errors that libraries put around it; empty where it said nothing."""
    while (within := _within(error)) is not None:
        error = within
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return words if isinstance(error, OSError) else ""


def _within(error: BaseException) -> BaseException | None:
    reason = getattr(error, "reason", None)
    found = [reason, error.__cause__, *error.args, error.__context__]
    return next((one for one in found if isinstance(one, BaseException)), None)


def _refused(error: messages.Error, retry_after: float = 0.0) -> IssuanceFailed:
    words = error.detail or error.title or error.code
    return IssuanceFailed(
        f"the authority refuses: {words}", why=f"{error.typ}", retry_after=retry_after, refused=True
    )


def _refusal(authorization: messages.AuthorizationResource) -> str:
    domain = authorization.body.identifier.value
    found = [one.error for one in authorization.body.challenges if one.error is not None]
    return "\n".join(f"{domain}: {one.detail} ({one.code})" for one in found)


# At the level DEBUG it writes down whole requests.
logging.getLogger("acme").setLevel(logging.INFO)
