"""Run a health check once."""

from __future__ import annotations

from paas.core.containers.image import Image
from paas.core.health import checks, outcome
from paas.core.health.checks import Check, Mode
from paas.core.health.outcome import HTTP2, NOT_HTTP, Answer, CheckOutcome
from paas.core.model import WEB, App, Container, Process
from paas.edge import publish
from paas.jobs.context import Context
from paas.system.probe import Probe

AGENT = "paas-health-check"


def look(
    ctx: Context,
    app: App,
    check: Check,
    container: Container,
    process: Process,
    published: int | None,
    host: str,
    up: float,
) -> CheckOutcome:
    """Run the check once.

    ``published`` is the loopback port of the process's own port, ``up`` the seconds that the container has run. A
    container on another machine is checked at its endpoint; its other sockets are not visible.
    """
    if check.command:
        status, output = ctx.schedulers.of(app).exec(container.id, check.command, check.timeout)
        return CheckOutcome(status == 0, exit_code=status, output=output)
    if check.uptime:
        return CheckOutcome(up >= check.uptime)

    if container.node:
        return _look_elsewhere(ctx, check, container, process, host)
    listeners = ctx.part(Probe).listeners(container.pid)
    port = check.port or process.port
    # Look for a listening socket first: Docker's proxy accepts connections before the app listens.
    if check.listening or not outcome.reaches(listeners, port):
        return CheckOutcome(check.listening and outcome.reaches(listeners, port), listeners)
    own = published is not None and port == process.port
    address, at = ("127.0.0.1", published) if own and published else (container.address, port or 0)
    # An app served over HTTPS may redirect other requests.
    headers = _headers(check, host, publish.scheme(ctx, container.app_id, host))
    answer = ctx.part(Probe).get(address, at, check.path, headers, check.timeout, body=bool(check.content))
    return outcome.of_answer(check, answer, listeners)


def _look_elsewhere(
    ctx: Context, check: Check, container: Container, process: Process, host: str
) -> CheckOutcome:
    if container.endpoint is None or (check.port or process.port) != process.port:
        return CheckOutcome(passed=False, answer=f"port {check.port} of another machine cannot be reached")
    headers = _headers(check, host, publish.scheme(ctx, container.app_id, host))
    address = container.endpoint
    answer = ctx.part(Probe).get(*address, check.path, headers, check.timeout, body=bool(check.content))
    if check.listening:
        return CheckOutcome(isinstance(answer, Answer) or answer in (HTTP2, NOT_HTTP), answer=answer)
    return outcome.of_answer(check, answer, frozenset())


def _headers(check: Check, host: str, scheme: str) -> dict[str, str]:
    """Return the request's headers; those of the check override the default ones, in any case."""
    ours = {"Host": host, "User-Agent": AGENT, "X-Forwarded-Proto": scheme, "Accept": "*/*", "Connection": "close"}
    spelt = {name.lower(): name for name in ours}
    return ours | {spelt.get(name.lower(), name): value for name, value in check.headers}


def mode(ctx: Context, app: App, process_type: str) -> Mode:
    """Return the mode of the app's process type."""
    said = ctx.store.properties.of(app)
    return checks.mode(process_type, said.text("checks", "disabled-list"), said.text("checks", "skipped-list"))


def of_start(process: Process, image: Image | None) -> tuple[Check, ...]:
    """Return the checks that a new container of the process must pass."""
    of_image = image.healthcheck if image else None
    # A listener on a UDP port can't be detected.
    port = process.port if process.protocol != "udp" else None
    # gRPC is HTTP/2 only: by default it is enough to listen.
    return checks.for_start(process.checks, port, of_image, web=process.type == WEB and process.protocol != "grpc")
