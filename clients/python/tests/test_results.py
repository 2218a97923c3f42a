"""What comes back: models, plain dicts, fields from headers, and measures."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from hevlayer import LayerResponse, ResponseError
from hevlayer.models import (
    Document,
    IndexStatus,
    NamespaceList,
    NamespaceMetadata,
    NamespaceSummary,
    QueryResponse,
    QueryRow,
)

from .scripted_server import Answer, ScriptedServer

if TYPE_CHECKING:
    from .conftest import Driver

METADATA = {
    "id": "products",
    "schema": {"title": {"type": "string"}, "price": "int"},
    "created_at": "2026-03-15T10:30:45Z",
    "index": {"status": "rebuilding", "eta_ms": 5},
    "layer": {"stable_as_of": None, "is_stable": False, "indexed": None, "index_lag_rows": None, "new": [1]},
    "future": {"a": [1, {"b": None}]},
}


def test_models_give_attributes_nested_types_and_whatever_is_new(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(json=METADATA))
    metadata = driver.call(options, "get_namespace_metadata", "products")
    assert isinstance(metadata, NamespaceMetadata)
    assert metadata.id == "products"
    assert metadata.schema == METADATA["schema"]
    assert metadata.created_at == datetime(2026, 3, 15, 10, 30, 45, tzinfo=UTC)
    assert metadata.last_write_at is None
    assert isinstance(metadata.index, IndexStatus)
    assert metadata.index.status == "rebuilding"
    assert metadata.index["eta_ms"] == 5
    assert metadata.layer.stable_as_of is None
    assert metadata.layer.is_stable is False
    assert metadata["future"] == {"a": [1, {"b": None}]}
    assert "future" in metadata
    assert metadata.to_dict() == METADATA


def test_a_missing_required_field_says_so_on_access() -> None:
    document = Document({"attributes": {}})
    with pytest.raises(AttributeError, match="Document: the response has no field 'id'"):
        _ = document.id
    with pytest.raises(KeyError):
        _ = document["id"]
    assert not hasattr(document, "id")


def test_an_unknown_attribute_points_to_the_raw_field() -> None:
    row = QueryRow({"id": 1, "title": "Trail shoe"})
    with pytest.raises(AttributeError, match=r"QueryRow has no field 'title'; read it as model\['title'\]"):
        _ = row.title  # type: ignore[attr-defined]
    assert row["title"] == "Trail shoe"


def test_models_are_read_only_and_compare_by_content() -> None:
    document = Document({"id": "a", "attributes": {}})
    with pytest.raises(AttributeError):
        document.id = "b"  # type: ignore[misc]
    assert document == Document({"id": "a", "attributes": {}})
    assert document != Document({"id": "b", "attributes": {}})
    assert document != {"id": "a", "attributes": {}}
    assert repr(document) == "Document({'id': 'a', 'attributes': {}})"
    assert list(document) == ["id", "attributes"]
    assert len(document) == 2
    assert {"id", "attributes", "to_dict"} <= set(dir(document))


def test_values_of_another_shape_than_the_spec_stay_readable() -> None:
    listing = NamespaceList({"namespaces": [{"name": "a", "index": "gone"}, "odd"]})
    first, second = listing.namespaces
    assert isinstance(first, NamespaceSummary)
    assert first["index"] == "gone"
    assert first.index == "gone"
    assert second == "odd"


def test_a_time_that_cannot_be_read_is_a_response_error() -> None:
    metadata = NamespaceMetadata({"created_at": "yesterday"})
    with pytest.raises(ResponseError, match=r"NamespaceMetadata\.created_at: cannot read 'yesterday'"):
        _ = metadata.created_at
    assert metadata["created_at"] == "yesterday"


def test_fields_from_headers_stand_beside_those_of_the_body(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    body = {"rows": [{"id": 7, "$dist": 0.5, "title": "Trail shoe"}]}
    server.answer(Answer(json=body, headers={"X-Layer-Stable-As-Of": "1715600400000"}), Answer(json=body))
    first, second = driver.calls(
        options,
        lambda client: client.query_namespace("products", {"vector": [1.0]}),
        lambda client: client.query_namespace("products", {"vector": [1.0]}),
    )
    assert isinstance(first, QueryResponse)
    assert first.stable_as_of == 1715600400000
    assert first.to_dict() == body
    assert second.stable_as_of is None
    assert first.rows is not None
    row = first.rows[0]
    assert (row.id, row.dist, row["title"]) == (7, 0.5, "Trail shoe")
    assert first.rows is first.rows


def test_a_header_that_is_no_number_is_a_response_error() -> None:
    result = QueryResponse({}, {"x-layer-stable-as-of": "soon"})
    with pytest.raises(ResponseError, match=r"QueryResponse\.x-layer-stable-as-of: cannot read 'soon'"):
        _ = result.stable_as_of


def test_passthrough_operations_return_plain_dicts(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(json={"rows": [{"id": 1, "$dist": 1}], "stable_as_of": 5}))
    result = driver.call(options, "query_turbopuffer_namespace", "products", {"rank_by": ["id", "asc"]})
    assert type(result) is dict
    assert result == {"rows": [{"id": 1, "$dist": 1}], "stable_as_of": 5}


def test_measures_come_on_request(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, instant: list[float]
) -> None:
    server.answer(
        Answer(status=503),
        Answer(
            json={"documents": [], "missing": ["a"]},
            headers={
                "x-layer-cache": "miss",
                "x-request-id": "r-1",
                "x-layer-warning": "careful, odd",
                "x-layer-stable-as-of": "1747200000000",
                "x-layer-partial": "true",
                "x-layer-next-cursor": "c2",
            },
            delay=0.02,
        ),
    )
    result = driver.call(options, "fetch_documents", "products", {"ids": ["a"]}, with_perf=True)
    assert isinstance(result, LayerResponse)
    assert result.data.missing == ["a"]
    perf = result.perf
    assert perf.latency_ms >= perf.last_attempt_ms >= 20
    assert perf.cache_status == "miss"
    assert perf.fallback is None
    assert (perf.status_code, perf.attempts) == (200, 2)
    assert (perf.bytes_sent, perf.bytes_received) == (len(b'{"ids":["a"]}'), len(server_body(result)))
    assert (perf.request_id, perf.warnings) == ("r-1", ["careful", "odd"])
    assert (perf.stable_as_of, perf.partial, perf.next_cursor) == (1747200000000, True, "c2")
    server.answer(Answer(json={"status": "ok"}))
    bare = driver.call(options, "get_health", with_perf=True).perf
    assert (bare.warnings, bare.stable_as_of, bare.partial, bare.next_cursor) == ([], None, False, None)
    assert len(instant) == 1


def server_body(result: LayerResponse[Any]) -> bytes:
    return b'{"documents": [], "missing": ["a"]}' if result.data.missing else b""


def test_measures_of_an_operation_without_a_cache_say_none(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(status=202, json={"status": "ACCEPTED"}))
    result = driver.call(options, "hint_cache_warm", "products", with_perf=True)
    assert result.data.status == "ACCEPTED"
    assert result.perf.cache_status is None
    assert result.perf.status_code == 202
