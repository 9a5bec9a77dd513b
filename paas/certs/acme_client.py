"""Client of ACME authorities (RFC 8555), based on certbot's library."""

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
"""Number of attempts at one request whose nonce the authority rejects."""
ANSWER_SECONDS = 30
ORDER_SECONDS = 180
CESSATION = 5
"""The reason "cessationOfOperation": https://www.rfc-editor.org/rfc/rfc5280#section-5.3.1"""

Prover = Callable[[str, str], AbstractContextManager[None]]
"""Given the name of a TXT record and its value: a context in which DNS has it."""


@dataclass(frozen=True)
class AcmeAccount:
    """Account with an authority. ``server`` is the URL of the ACME directory; ``ca_file`` is a PEM file of roots that
    the server's certificate is verified with, empty for the usual ones."""

    server: str
    email: str
    key: Secret
    ca_file: str = ""


class AcmeClient:
    """Client that orders and revokes certificates. Raises `IssuanceFailed` with the error of the authority."""

    def issue(self, account: AcmeAccount, request: str, prove: Prover | None = None) -> str:
        """Order a certificate for the signing request (PEM). Return its chain (PEM, the leaf first).

        Names are validated over HTTP: the edge answers every challenge with the account's thumbprint. With ``prove``
        they are validated by DNS.
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
        """Revoke the certificate."""
        with _told(account.server):
            _client(account).revoke(x509.load_pem_x509_certificate(chain.encode()), CESSATION)


def thumbprint(key: Secret) -> str:
    """Return the second part of challenge responses: https://www.rfc-editor.org/rfc/rfc8555#section-8.1"""
    return b64encode(_jwk(key).thumbprint()).decode()


def _jwk(key: Secret) -> JWKEC:
    found = serialization.load_pem_private_key(key.reveal().encode(), None)
    assert isinstance(found, ec.EllipticCurvePrivateKey)
    return JWKEC(key=found)


class _Network(client.ClientNetwork):
    """Network layer that retries after rejected nonces and stores the authority's Retry-After, in seconds."""

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
    # The library declares bool, but passes the value on to requests, which accepts a path as well.
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
            f"the authority does not offer validation by {wanted.typ} for {domain}",
            why="It offers: " + ", ".join(one.chall.typ for one in authorization.body.challenges),
        )
    response, value = found.response_and_validation(acme.net.key)
    if prove:
        records.enter_context(prove(found.chall.validation_domain_name(domain), value))
    acme.answer_challenge(found, response)


class _told(AbstractContextManager["_told"]):
    """Context that converts the library's errors into `IssuanceFailed`."""

    def __init__(self, server: str) -> None:
        self._server = server

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        match error:
            case PaasError():
                # Already converted.
                return
            case errors.ValidationError():
                words = [_refusal(one) for one in error.failed_authzrs]
                raise IssuanceFailed(
                    "the authority could not validate the domain", why="\n".join(filter(None, words)), refused=True
                ) from error
            case messages.Error():
                raise _refused(error) from error
            case errors.IssuanceError():
                raise IssuanceFailed("the authority did not issue the certificate", why=f"{error}") from error
            case requests.exceptions.SSLError():
                # The cause is nested in several errors of the library, which do not help the user.
                raise IssuanceFailed(
                    "the TLS certificate of the authority is not trusted", why=f"{self._server}: {_innermost(error)}"
                ) from error
            case requests.exceptions.Timeout():
                raise IssuanceFailed(f"{_place(self._server)} did not answer within {ANSWER_SECONDS} s") from error
            case requests.exceptions.ConnectionError():
                raise IssuanceFailed(f"cannot connect to {_place(self._server)}", why=_innermost(error)) from error
            case errors.TimeoutError():
                raise IssuanceFailed(f"the authority did not finish the order within {ORDER_SECONDS} s") from error
            case Exception():
                # The library lets errors of its parts through, such as a KeyError if the JSON is no directory.
                if not isinstance(error, errors.Error | requests.RequestException | ValueError):
                    _log.warning("Unexpected response of %s", self._server, exc_info=error)
                raise IssuanceFailed(
                    "the authority sent an invalid response", why=f"{self._server}: {error or type(error).__name__}"
                ) from error


def _place(server: str) -> str:
    """Return host and port of a URL."""
    found = urlsplit(server)
    return f"{found.hostname}:{found.port or {'http': 80}.get(found.scheme, 443)}"


def _innermost(error: BaseException) -> str:
    """Return the message of the innermost error if it is an OSError; else empty."""
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
        f"the authority refused the order: {words}", why=f"{error.typ}", retry_after=retry_after, refused=True
    )


def _refusal(authorization: messages.AuthorizationResource) -> str:
    domain = authorization.body.identifier.value
    found = [one.error for one in authorization.body.challenges if one.error is not None]
    return "\n".join(f"{domain}: {one.detail} ({one.code})" for one in found)


# At DEBUG the library logs whole requests.
logging.getLogger("acme").setLevel(logging.INFO)
