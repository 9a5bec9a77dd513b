"""A gRPC server behind the edge: unary calls, streams both ways, and its errors."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from nginx_tools import running
from test_tls_edge import NOW, ROOT, SecureEdge

from paas.core.edge.address import local
from paas.core.edge.tls import Credential, Tls
from paas.core.edge.vhost import Vhost
from paas.core.health.outcome import HTTP2
from paas.core.secret import Secret
from paas.system.probe import Probe

grpc = pytest.importorskip("grpc")
pytestmark = pytest.mark.real("nginx")

HOST = "rpc.example"


def _echo(request: bytes, context: Any) -> bytes:
    if request == b"fail":
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today")
    metadata = dict(context.invocation_metadata())
    return request + metadata["x-forwarded-proto"].encode()


def _count(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
    for number, request in enumerate(requests):
        yield b"%d %s" % (number, request)


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    made = grpc.server(ThreadPoolExecutor(4))
    handlers = {
        "Echo": grpc.unary_unary_rpc_method_handler(_echo),
        "Count": grpc.stream_stream_rpc_method_handler(_count),
    }
    made.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Service", handlers),))
    port = made.add_insecure_port("127.0.0.1:0")
    made.start()
    yield port
    made.stop(0)


@pytest.fixture(scope="module")
def channel(server: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    made = ROOT.leaf(NOW, HOST)
    credential = Credential(made.crt, Secret(made.key), (HOST,))
    with running(SecureEdge(tmp_path_factory.mktemp("edge"))) as edge:
        edge.proxy.publish(Vhost("rpc", "1", (HOST,), local(server), tls=Tls((credential,)), grpc=True))
        trust = grpc.ssl_channel_credentials(ROOT.crt.encode())
        options = [("grpc.ssl_target_name_override", HOST), ("grpc.default_authority", HOST)]
        with grpc.secure_channel(f"127.0.0.1:{edge.port}", trust, options) as channel:
            yield channel


def test_a_unary_call_passes(channel: Any) -> None:
    assert channel.unary_unary("/test.Service/Echo")(b"hello ", timeout=30) == b"hello https"


def test_an_error_keeps_its_status(channel: Any) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary("/test.Service/Echo")(b"fail", timeout=30)
    assert (refused.value.code(), refused.value.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "not today")


def test_a_stream_passes_piece_by_piece_both_ways(channel: Any) -> None:
    answers: list[bytes] = []
    answered = threading.Semaphore()

    def asked() -> Iterator[bytes]:
        # The next one is only sent once the answer to the one before came.
        for _ in range(5):
            assert answered.acquire(timeout=30)
            yield b"x"

    for answer in channel.stream_stream("/test.Service/Count")(asked(), timeout=60):
        answers.append(answer)
        answered.release()
    assert answers == [b"%d x" % number for number in range(5)]


def test_the_default_check_says_what_answers(server: int) -> None:
    assert Probe().get("127.0.0.1", server, "/", {"Host": HOST}, 10) == HTTP2
