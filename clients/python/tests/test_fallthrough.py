"""Going to Turbopuffer directly while the gateway cannot be reached."""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING, Any

import pytest

from hevlayer import (
    APIConnectionError,
    APITimeoutError,
    Hevlayer,
    HttpRequest,
    HttpResponse,
    NotFoundError,
    ServerError,
    TransportFailure,
)
from hevlayer._fallthrough import GatewayHealth, direct_body

from .conftest import API_KEY, STORE_KEY
from .scripted_server import Answer, ScriptedServer

if TYPE_CHECKING:
    from .conftest import Driver

WRITTEN = Answer(json={"status": "OK", "message": "", "rows_affected": 1, "billing": {}})
ROWS = Answer(json={"rows": [{"id": 1, "$dist": 0.5}]})
RESET = Answer(reset=True)


@pytest.fixture
def dead_port() -> int:
    """A port that refuses connections."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.fixture
def direct(dead_port: int, upstream: ScriptedServer) -> dict[str, Any]:
    """Options of a client whose gateway is down and whose upstream is not."""
    return {
        "base_url": f"http://127.0.0.1:{dead_port}",
        "api_key": API_KEY,
        "turbopuffer_api_key": STORE_KEY,
        "turbopuffer_base_url": upstream.url,
    }


@pytest.fixture
def reachable(direct: dict[str, Any], server: ScriptedServer) -> dict[str, Any]:
    """The same with a gateway that accepts connections."""
    return {**direct, "base_url": server.url}


def test_a_write_goes_to_turbopuffer_with_its_key_alone(
    driver: Driver,
    direct: dict[str, Any],
    upstream: ScriptedServer,
    instant: list[float],
    caplog: pytest.LogCaptureFixture,
) -> None:
    upstream.answer(WRITTEN)
    direct["headers"] = {"x-hevlayer-tags": "a", "x-token": "secret"}
    body = {"upsert_rows": [{"id": "a", "gone": None}]}
    result = driver.call(direct, "write_namespace", "pro%20ducts", body, with_perf=True)
    assert result.data.rows_affected == 1
    assert result.perf.fallback == "turbopuffer_direct"
    assert result.perf.attempts == 2
    request = upstream.requests[0]
    assert (request.method, request.target) == ("POST", "/v2/namespaces/pro%2520ducts")
    assert request.json == body
    assert request.headers["authorization"] == f"Bearer {STORE_KEY}"
    assert not any(name.startswith("x-") for name in request.headers)
    assert instant == []
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "turbopuffer_direct" in warnings[0].getMessage()
    assert "writeNamespace" in warnings[0].getMessage()


def test_a_plain_vector_query_is_rewritten_as_the_gateway_would(
    driver: Driver, direct: dict[str, Any], upstream: ScriptedServer
) -> None:
    upstream.answer(ROWS)
    query = {"vector": [0.5], "filters": ["a", "Eq", 1], "include_attributes": ["a"]}
    result = driver.call(direct, "query_namespace", "products", query)
    assert upstream.requests[0].target == "/v2/namespaces/products/query"
    assert upstream.requests[0].json == {
        "rank_by": ["vector", "ANN", [0.5]],
        "top_k": 10,
        "consistency": {"level": "eventual"},
        "filters": ["a", "Eq", 1],
        "include_attributes": ["a"],
    }
    assert (result.rows[0].id, result.stable_as_of) == (1, None)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"vector": [1], "top_k": 3}, {"rank_by": ["vector", "ANN", [1]], "top_k": 3}),
        ({"vector": [1], "consistency": {"level": "strong"}}, {"consistency": {"level": "strong"}}),
        ({"vector": "AACAPw=="}, {"rank_by": ["vector", "ANN", "AACAPw=="]}),
        ({"vector": [1], "top_k": None}, {"top_k": 10}),
        ({"vector": [1], "top_k": 0}, {"top_k": 0}),
    ],
)
def test_a_rewritten_query_keeps_what_the_caller_set(body: Any, expected: dict[str, Any]) -> None:
    rewritten = direct_body("simple", body)
    assert rewritten is not None
    assert rewritten.items() >= expected.items()
    assert "vector" not in rewritten


@pytest.mark.parametrize(
    ("body", "eligible"),
    [
        ({"rank_by": ["embedding", "ANN", [1.0]], "limit": 5}, True),
        ({"rank_by": ["embedding", "kNN", [1.0]]}, True),
        ({"rank_by": ["title", "BM25", "shoe"]}, False),
        ({"rank_by": ["price", "asc"]}, False),
        ({"rank_by": ["embedding", "ANN", []]}, False),
        ({"rank_by": ["embedding", "ANN", [1.0]], "vector": [1.0]}, False),
        ({"vector": []}, False),
        ({"aggregate_by": {"n": ["Count"]}}, False),
        ({"vector": [1.0], "nearest_to_id": ["a"]}, False),
        ({"vector": [1.0], "cursor": "c"}, False),
        ({"vector": [1.0], "as_of": 0}, False),
        ({"vector": [1.0], "between": [0, 1]}, False),
        ({"queries": [{"vector": [1.0]}]}, False),
        ([], False),
    ],
)
def test_only_plain_vector_queries_are_eligible(body: Any, eligible: bool) -> None:
    rewritten = direct_body("simple", body)
    assert (rewritten is not None) is eligible
    if eligible:
        assert rewritten == body


def test_passthroughs_use_turbopuffers_own_path(
    driver: Driver, direct: dict[str, Any], upstream: ScriptedServer
) -> None:
    upstream.answer(ROWS)
    driver.call(direct, "query_turbopuffer_namespace", "products", {"rank_by": ["id", "asc"], "limit": 1})
    driver.call(direct, "list_turbopuffer_namespaces", prefix="p")
    assert [request.target for request in upstream.requests] == [
        "/v2/namespaces/products/query",
        "/v1/namespaces?prefix=p",
    ]


@pytest.mark.parametrize(
    ("method", "args"),
    [
        ("fetch_document", ("products", "a")),
        ("list_namespaces", ()),
        ("get_namespace_metadata", ("products",)),
        ("delete_namespace", ("products",)),
        ("hint_cache_warm", ("products",)),
        ("get_health", ()),
        ("query_namespace", ("products", {"rank_by": ["title", "BM25", "x"], "limit": 1})),
    ],
)
def test_what_only_the_gateway_can_do_fails_with_the_gateways_error(
    driver: Driver,
    direct: dict[str, Any],
    upstream: ScriptedServer,
    instant: list[float],
    method: str,
    args: tuple[Any, ...],
) -> None:
    with pytest.raises(APIConnectionError, match="ConnectError"):
        driver.call(direct, method, *args)
    assert upstream.requests == []
    assert len(instant) == 3


@pytest.mark.parametrize("change", [{"fallback_to_turbopuffer": False}, {"turbopuffer_api_key": " "}])
def test_without_the_switch_or_a_key_nothing_falls_through(
    driver: Driver,
    direct: dict[str, Any],
    upstream: ScriptedServer,
    instant: list[float],
    change: dict[str, Any],
) -> None:
    with pytest.raises(APIConnectionError):
        driver.call({**direct, **change}, "write_namespace", "products", {"deletes": ["a"]})
    assert upstream.requests == []
    assert len(instant) == 3


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_answer_of_any_status_is_an_answer(
    driver: Driver,
    reachable: dict[str, Any],
    server: ScriptedServer,
    upstream: ScriptedServer,
    instant: list[float],
    status: int,
) -> None:
    server.answer(Answer(status=status))
    with pytest.raises(ServerError):
        driver.call(reachable, "query_namespace", "products", {"vector": [1.0]})
    assert upstream.requests == []
    assert len(instant) == 3


def test_a_read_that_is_reset_before_an_answer_falls_through(
    driver: Driver, reachable: dict[str, Any], server: ScriptedServer, upstream: ScriptedServer
) -> None:
    server.answer(RESET)
    upstream.answer(ROWS)
    assert driver.call(reachable, "query_namespace", "products", {"vector": [1.0]}).rows[0].id == 1
    assert len(server.requests) == 1


def test_a_write_that_is_reset_may_have_been_applied_and_does_not(
    driver: Driver, reachable: dict[str, Any], server: ScriptedServer, upstream: ScriptedServer
) -> None:
    server.answer(RESET)
    with pytest.raises(APIConnectionError):
        driver.call(reachable, "write_namespace", "products", {"deletes": ["a"]})
    assert upstream.requests == []


def test_a_slow_answer_is_not_an_unreachable_gateway(
    driver: Driver, reachable: dict[str, Any], server: ScriptedServer, upstream: ScriptedServer
) -> None:
    server.answer(Answer(delay=5))
    with pytest.raises(APITimeoutError):
        driver.call(reachable, "query_namespace", "products", {"vector": [1.0]}, timeout=0.2, max_retries=0)
    assert upstream.requests == []


class RefusingOnce:
    """A transport that cannot connect the first time, and has an answer for everything afterwards."""

    def __init__(self) -> None:
        self.urls: list[str] = []

    def send(self, request: HttpRequest) -> HttpResponse:
        self.urls.append(request.url)
        if len(self.urls) == 1:
            raise TransportFailure("refused", phase="connect", timed_out=False)
        return HttpResponse(200, {}, b'{"rows": [], "status": "ok"}')

    def close(self) -> None: ...


def test_a_gateway_that_was_down_is_not_asked_again_for_a_while() -> None:
    transport = RefusingOnce()
    client = Hevlayer(
        base_url="http://gateway",
        turbopuffer_api_key=STORE_KEY,
        turbopuffer_base_url="http://store",
        http_client=transport,
    )
    for each in (client, client, client.with_options(timeout=5)):
        each.query_namespace("products", {"vector": [1.0]})
    # Not eligible, so it still goes to the gateway; and one gateway says nothing of another.
    client.get_health()
    client.with_options(base_url="http://other").query_namespace("products", {"vector": [1.0]})
    assert transport.urls == [
        "http://gateway/v2/namespaces/products/query",
        *["http://store/v2/namespaces/products/query"] * 3,
        "http://gateway/health",
        "http://other/v2/namespaces/products/query",
    ]


def test_a_gateway_whose_connection_broke_is_asked_again(
    driver: Driver, reachable: dict[str, Any], server: ScriptedServer, upstream: ScriptedServer
) -> None:
    server.answer(RESET, ROWS)
    upstream.answer(ROWS)
    query = {"vector": [1.0]}
    driver.calls(
        reachable,
        lambda client: client.query_namespace("products", query),
        lambda client: client.query_namespace("products", query),
    )
    assert (len(server.requests), len(upstream.requests)) == (2, 1)


def test_the_memory_of_a_gateway_that_was_down_fades_after_five_seconds() -> None:
    now = 100.0
    health = GatewayHealth(lambda: now)
    assert not health.is_down("http://a")
    health.mark_down("http://a")
    now = 104.9
    assert health.is_down("http://a")
    assert not health.is_down("http://b")
    now = 105.0
    assert not health.is_down("http://a")


def test_an_error_of_turbopuffer_is_raised_like_any_other(
    driver: Driver, direct: dict[str, Any], upstream: ScriptedServer
) -> None:
    upstream.answer(
        Answer(status=404, json={"status": "error", "error": "namespace 'products' was not found"})
    )
    with pytest.raises(NotFoundError, match="was not found") as caught:
        driver.call(direct, "get_turbopuffer_namespace_schema", "products")
    assert caught.value.attempts == 2


def test_when_both_are_down_the_error_is_the_direct_one(
    driver: Driver, direct: dict[str, Any], dead_port: int, instant: list[float]
) -> None:
    options = {**direct, "turbopuffer_base_url": f"http://127.0.0.1:{dead_port}", "max_retries": 1}
    with pytest.raises(APIConnectionError) as caught:
        driver.call(options, "get_turbopuffer_namespace_schema", "products")
    assert caught.value.attempts == 3
    assert len(instant) == 1
