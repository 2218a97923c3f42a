"""Operations that share a route and are told apart by a marker."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from hevlayer._fallthrough import direct_body

from .scripted_server import Answer

if TYPE_CHECKING:
    from .conftest import Driver
    from .scripted_server import ScriptedServer

WRITTEN = Answer(json={"status": "OK", "message": "", "rows_affected": 0, "billing": {}})
NATIVE = {"rank_by": ["vector", "ANN", [1.0]], "limit": 1}


def test_each_sends_its_marker_and_the_callers_own_query(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(WRITTEN, WRITTEN, Answer(json={"results": [{"rows": [{"id": 2**64 - 1}]}]}), WRITTEN)
    source = {"source_namespace": "a"}
    results = driver.calls(
        options,
        lambda client: client.copy_namespace("p", {"copy_from_namespace": source}),
        lambda client: client.branch_namespace("p", {"branch_from_namespace": "a"}, extra_query={"x": 0}),
        lambda client: client.batch_query_namespace("p", {"queries": [NATIVE]}),
        lambda client: client.write_namespace("p", {"copy_from_namespace": "a"}),
    )
    assert [request.target for request in server.requests] == [
        "/v2/namespaces/p?stainless_overload=copyFrom",
        "/v2/namespaces/p?stainless_overload=branchFrom&x=0",
        "/v2/namespaces/p/query?stainless_overload=multiQuery",
        "/v2/namespaces/p",
    ]
    assert server.requests[0].json == {"copy_from_namespace": source}
    assert results[2].results[0].rows[0].id == 2**64 - 1
    assert results[2].stable_as_of is None


def test_several_queries_of_turbopuffers_own_go_there_unchanged(
    driver: Driver, upstream: ScriptedServer
) -> None:
    upstream.answer(Answer(json={"results": []}))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dead_port: int = listener.getsockname()[1]
    options = {
        "base_url": f"http://127.0.0.1:{dead_port}",
        "turbopuffer_api_key": "sk-store-0123456789",
        "turbopuffer_base_url": upstream.url,
    }
    body = {"queries": [NATIVE, {"aggregate_by": {"n": ["Count"]}}], "rerank_by": ["RRF"]}
    result = driver.call(options, "batch_query_namespace", "p", body, with_perf=True)
    assert result.perf.fallback == "turbopuffer_direct"
    assert upstream.requests[0].target == "/v2/namespaces/p/query?stainless_overload=multiQuery"
    assert upstream.requests[0].json == body


@pytest.mark.parametrize(
    "body",
    [
        {"queries": [NATIVE, {"vector": [1.0]}]},
        {"queries": [{"nearest_to_id": ["a"]}]},
        {"queries": [{**NATIVE, "as_of": 1}]},
        {"queries": [NATIVE], "as_of": 1},
        {"queries": [NATIVE], "between": [1, 2]},
        {"queries": [NATIVE], "cursor": "c"},
        {"queries": [{"rank_by": ["title", "Auto", "x"]}]},
        {"queries": [7]},
        {},
        None,
    ],
)
def test_several_queries_with_anything_of_layers_stay_with_the_gateway(body: Any) -> None:
    assert direct_body("native", body) is None


def test_several_native_queries_qualify() -> None:
    body = {"queries": [NATIVE, {"rank_by": ["id", "asc"]}, {"filters": ["a", "Eq", 1]}]}
    assert direct_body("native", body) is body
