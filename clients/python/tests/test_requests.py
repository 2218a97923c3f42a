"""What goes over the wire for a call."""

from __future__ import annotations

import array
import ctypes
import gzip
import json
import math
import platform
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from hevlayer import OMIT, ConfigError, Hevlayer, ServerError, __version__
from hevlayer.models import Document

from .conftest import API_KEY, Driver
from .scripted_server import Answer, ScriptedServer

WRITTEN = {"status": "OK", "message": "", "rows_affected": 1, "billing": {}}


def test_a_call_carries_the_key_and_one_identifying_header(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(json={"namespaces": []}))
    driver.call(options, "list_namespaces")
    headers = server.requests[0].headers
    assert headers.pop("authorization") == f"Bearer {API_KEY}"
    runtime = f"{platform.python_implementation()} {platform.python_version()}"
    assert headers.pop("user-agent") == f"hevlayer-python/{__version__} ({runtime})"
    assert set(headers) == {"accept", "accept-encoding", "connection", "host"}


def test_no_key_means_no_authorization_header(driver: Driver, server: ScriptedServer) -> None:
    driver.call({"base_url": server.url, "api_key": "  "}, "get_health")
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("doc_id", "encoded"),
    [
        ("a/b", "a%2Fb"),
        ("ü", "%C3%BC"),
        ("100%", "100%25"),
        ("a b", "a%20b"),
        ("?#", "%3F%23"),
        ("a+b", "a%2Bb"),
        ("%2e%2e", "%252e%252e"),
        ("...", "..."),
        (18446744073709551615, "18446744073709551615"),
    ],
)
def test_path_values_are_encoded_as_one_segment(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, doc_id: Any, encoded: str
) -> None:
    server.answer(Answer(json={"id": "x", "attributes": {}}))
    driver.call(options, "fetch_document", "products", doc_id)
    assert server.requests[0].target == f"/v2/namespaces/products/documents/{encoded}"


@pytest.mark.parametrize("doc_id", ["", ".", "..", None, True, 1.5, "\ud800"])
def test_path_values_that_would_change_the_route_are_refused_before_any_request(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, doc_id: Any
) -> None:
    with pytest.raises(ConfigError, match="fetchDocument: doc_id"):
        driver.call(options, "fetch_document", "products", doc_id)
    assert server.requests == []


def test_query_values_are_sent_when_set_and_left_out_when_not(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(json={"namespaces": []}))
    driver.call(options, "list_namespaces", prefix="", page_size=0)
    driver.call(options, "list_namespaces", prefix="a b&c=ü,+", cursor=OMIT)
    driver.call(options, "list_namespaces", extra_query={"fresh": False, "since": 0, "tags": []})
    targets = [request.target for request in server.requests]
    assert targets == [
        "/v2/namespaces?prefix=&page_size=0",
        "/v2/namespaces?prefix=a%20b%26c%3D%C3%BC%2C%2B",
        "/v2/namespaces?fresh=false&since=0&tags=",
    ]


def test_lists_in_the_query_are_joined_by_commas(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(json={"id": "x", "attributes": {}}))
    driver.call(options, "fetch_document", "products", "x", include_attributes=["title", "a&b"])
    assert server.requests[0].target.endswith("?include_attributes=title,a%26b")


def test_a_comma_within_an_item_of_a_list_is_not_one_between_items(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(json={"id": "x", "attributes": {}}))
    driver.call(options, "fetch_document", "products", "x", include_attributes=["a,b", "c"])
    assert server.requests[0].target.endswith("?include_attributes=a%2Cb,c")


@pytest.mark.parametrize("value", [None, math.nan, {"a": 1}, b"bytes", bytearray(b"x"), [None], [["a"]]])
def test_what_has_no_spelling_in_a_query_is_refused(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, value: Any
) -> None:
    with pytest.raises(ConfigError, match="listNamespaces: prefix"):
        driver.call(options, "list_namespaces", prefix=value)
    with pytest.raises(ConfigError, match="getHealth: x"):
        driver.call(options, "get_health", extra_query={"x": value})
    assert server.requests == []


@pytest.mark.parametrize("body", [None, OMIT])
def test_a_body_that_must_be_there_is_asked_for(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, body: Any
) -> None:
    with pytest.raises(ConfigError, match="writeNamespace: the body is None"):
        driver.call(options, "write_namespace", "products", body)
    assert server.requests == []


@pytest.mark.parametrize("name", ["headers", "extra_query", "extra_body"])
def test_additions_to_a_call_are_mappings(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, name: str
) -> None:
    with pytest.raises(ConfigError, match=f"getHealth: {name} must be a mapping, not list"):
        driver.call(options, "get_health", **{name: ["a"]})
    driver.call(options, "evaluate_turbopuffer_recall", "products", **{name: None})
    assert len(server.requests) == 1


def test_fields_can_be_added_to_a_body_of_fields_only(driver: Driver, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="request: extra_body needs a body of fields"):
        driver.call(options, "request", "POST", "/v9/new", body=[1], extra_body={"a": 1})


def test_decimals_are_sent_as_numbers(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(json=WRITTEN))
    row = {"id": "a", "price": Decimal("12.340"), "big": Decimal(2**60 + 1)}
    driver.call(options, "write_namespace", "products", {"upsert_rows": [row]})
    assert server.requests[0].body == (
        b'{"upsert_rows":[{"id":"a","price":12.340,"big":1152921504606846977}]}'
    )
    for bad in ("NaN", "Infinity"):
        with pytest.raises(ConfigError, match=r"upsert_rows\[0\]\.price of row 'a' is"):
            driver.call(
                options, "write_namespace", "products", {"upsert_rows": [{"id": "a", "price": Decimal(bad)}]}
            )


def test_bodies_keep_null_false_zero_and_empty_values_and_drop_omitted_ones(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(json=WRITTEN))
    row: dict[str, Any] = {
        "id": "a",
        "gone": None,
        "no": False,
        "zero": 0,
        "text": "",
        "list": [],
        "left_out": OMIT,
    }
    driver.call(options, "write_namespace", "products", {"patch_rows": [row], "new_key": {"a": [1]}})
    request = server.requests[0]
    assert request.headers["content-type"] == "application/json"
    assert request.json == {
        "patch_rows": [{"id": "a", "gone": None, "no": False, "zero": 0, "text": "", "list": []}],
        "new_key": {"a": [1]},
    }


def test_integers_to_two_to_the_64_stay_exact_both_ways(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    ids = [2**53 + 1, 2**64 - 1]
    server.answer(Answer(json={**WRITTEN, "upserted_ids": ids}))
    rows = [{"id": id_} for id_ in ids]
    result = driver.call(options, "write_namespace", "products", {"upsert_rows": rows})
    assert result.upserted_ids == ids
    assert server.requests[0].body == (
        b'{"upsert_rows":[{"id":9007199254740993},{"id":18446744073709551615}]}'
    )


class SwappedFloats(ctypes.c_float.__ctype_be__ * 2):  # type: ignore[misc]  # ctypes makes bases at run time
    """An array that memoryview cannot unpack and that lists itself, as some of numpy's do."""

    def tolist(self) -> list[float]:
        return list(self)


@pytest.mark.parametrize(
    "vector",
    [
        [0.5, 1.0],
        (0.5, 1.0),
        array.array("f", [0.5, 1.0]),
        array.array("d", [0.5, 1.0]),
        memoryview(array.array("f", [0.5, 1.0])),
        (ctypes.c_float * 2)(0.5, 1.0),
        SwappedFloats(0.5, 1.0),
    ],
)
def test_vectors_are_accepted_as_sequences_and_as_buffers(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, vector: Any
) -> None:
    server.answer(Answer(json={"rows": []}))
    driver.call(options, "query_namespace", "products", {"vector": vector, "top_k": 1})
    assert server.requests[0].json == {"vector": [0.5, 1.0], "top_k": 1}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("form", [list, tuple, lambda values: array.array("d", values)])
def test_numbers_that_json_lacks_are_refused_with_the_row_id(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, bad: float, form: Any
) -> None:
    rows = [{"id": "fine", "vector": [1.0]}, {"id": "sku-17", "vector": form([0.1, bad])}]
    with pytest.raises(ConfigError, match=r"upsert_rows\[1\]\.vector\[1\] of row 'sku-17' is"):
        driver.call(options, "write_namespace", "products", {"upsert_rows": rows})
    columns = {"id": ["fine", "sku-18"], "vector": [[1.0], form([bad, 0.1])]}
    with pytest.raises(ConfigError, match=r"upsert_columns\.vector\[1\]\[0\] of row 'sku-18' is"):
        driver.call(options, "write_namespace", "products", {"upsert_columns": columns})
    assert server.requests == []


def test_finite_numbers_whose_sum_overflows_are_sent(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(json={"rows": []}))
    driver.call(options, "query_namespace", "products", {"vector": [1.7e308, 1.7e308]})
    assert server.requests[0].json == {"vector": [1.7e308, 1.7e308]}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"upsert_rows": [{"id": "a", "blob": b"bytes"}]}, r"upsert_rows\[0\]\.blob of row 'a' is bytes"),
        ({"upsert_rows": [{"id": "a", 1: "x"}]}, r"upsert_rows\[0\].* has the key 1"),
        (
            {"upsert_rows": [{"id": "z"}, {"id": "a", "x": {"y": [1, object()]}}]},
            r"upsert_rows\[1\]\.x\.y\[1\] of row 'a' cannot be encoded: .*object",
        ),
        ({"upsert_columns": {"id": [1], "t": ["\ud800"]}}, r"upsert_columns\.t\[0\] of row 1 cannot be"),
    ],
)
def test_values_without_a_json_form_are_refused(
    driver: Driver, options: dict[str, Any], body: Any, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        driver.call(options, "write_namespace", "products", body)


class Days(array.array):  # type: ignore[type-arg]
    """Dates as numpy has them: a buffer of bytes, a dtype, and NaT, which differs from itself."""

    dtype = SimpleNamespace(kind="M")

    def __ne__(self, other: object) -> Any:
        return SimpleNamespace(any=lambda: 255 in self)

    def astype(self, unit: str) -> SimpleNamespace:
        assert unit == "datetime64[us]"
        return SimpleNamespace(tolist=lambda: [datetime(2024, 1, day, tzinfo=UTC) for day in self])


def test_dates_of_numpy_are_sent_as_dates_and_not_as_their_bytes(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(json=WRITTEN))
    driver.call(options, "write_namespace", "p", {"upsert_columns": {"id": [1], "at": Days("B", [2])}})
    assert server.requests[0].json == {"upsert_columns": {"id": [1], "at": ["2024-01-02T00:00:00Z"]}}
    with pytest.raises(ConfigError, match=r"upsert_columns\.at is NaT"):
        driver.call(options, "write_namespace", "p", {"upsert_columns": {"at": Days("B", [255])}})


class Stamp(datetime):
    """A date as pandas has them: a subclass."""


class NoDate(Stamp):
    """As NaT of pandas: a date that differs from itself."""

    def __ne__(self, other: object) -> bool:
        return True


class Series:
    """What lists itself and is no buffer, as those of pandas and torch."""

    def tolist(self) -> list[Any]:
        return [0.5, Stamp(2024, 1, 2, tzinfo=UTC)]


def test_series_and_subclasses_of_dates_are_sent_as_what_they_hold(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(json=WRITTEN))
    driver.call(options, "write_namespace", "p", {"upsert_rows": [{"id": 1, "s": Series()}]})
    assert server.requests[0].json == {"upsert_rows": [{"id": 1, "s": [0.5, "2024-01-02T00:00:00+00:00"]}]}
    rows = [{"id": 1, "at": NoDate(2024, 1, 2, tzinfo=UTC)}]
    with pytest.raises(ConfigError, match=r"upsert_rows\[0\]\.at of row 1 is NaT"):
        driver.call(options, "write_namespace", "p", {"upsert_rows": rows})


def test_a_cycle_in_a_body_is_refused(driver: Driver, options: dict[str, Any]) -> None:
    body: dict[str, Any] = {}
    body["patch"] = body
    with pytest.raises(ConfigError, match="nested more than 200 levels"):
        driver.call(options, "write_namespace", "products", body)


def test_a_model_is_taken_as_a_body_and_inside_one(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(json=WRITTEN))
    document = Document({"id": "a", "attributes": {"title": "x"}})
    driver.call(options, "write_namespace", "products", {"upsert_rows": [document]})
    driver.call(options, "write_namespace", "products", document)
    assert server.requests[0].json == {"upsert_rows": [document.to_dict()]}
    assert server.requests[1].json == document.to_dict()


def test_undescribed_body_fields_and_headers_can_be_added_to_a_call(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(json={"rows": []}))
    driver.call(
        {**options, "headers": {"X-One": "client", "X-Two": "client"}},
        "query_namespace",
        "products",
        {"vector": [1.0], "top_k": 1},
        extra_body={"top_k": 2, "future": True},
        headers={"x-two": "call"},
    )
    request = server.requests[0]
    assert request.json == {"vector": [1.0], "top_k": 2, "future": True}
    assert (request.headers["x-one"], request.headers["x-two"]) == ("client", "call")


def test_an_optional_body_is_left_out_when_not_given(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    driver.call(options, "evaluate_turbopuffer_recall", "products")
    driver.call(options, "evaluate_turbopuffer_recall", "products", {"num": 5})
    assert [request.body for request in server.requests] == [b"", b'{"num":5}']
    assert "content-type" not in server.requests[0].headers


def test_a_base_url_may_have_a_prefix_and_trailing_slashes(driver: Driver, server: ScriptedServer) -> None:
    driver.call({"base_url": f"{server.url}/layer//"}, "get_health")
    assert server.requests[0].target == "/layer/health"


def test_bodies_from_1_kib_are_compressed_when_asked_for(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(status=503, headers={"retry-after": "0"}), Answer(json={"rows": []}))
    body = {"vector": [0.5] * 300, "top_k": 1}
    asking = {**options, "compress_requests": True}
    answer = driver.call(asking, "query_namespace", "products", body, with_perf=True)
    driver.call(asking, "query_namespace", "products", {"vector": [0.5]})
    driver.call(options, "query_namespace", "products", body)
    first, second, small, plain = server.requests
    assert first.body == second.body
    assert json.loads(gzip.decompress(second.body)) == body
    assert answer.perf.bytes_sent == len(second.body)
    encodings = [request.headers.get("content-encoding") for request in server.requests]
    assert encodings == ["gzip", "gzip", None, None]
    assert (small.json, plain.json) == ({"vector": [0.5]}, body)


def test_compressed_answers_are_decoded(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    packed = gzip.compress(b'{"status": "ok"}')
    server.answer(Answer(raw=packed, headers={"content-encoding": "gzip"}))
    assert driver.call(options, "get_health").status == "ok"


def test_request_reaches_routes_that_the_client_does_not_describe(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(json=[1]))
    result = driver.call(
        options, "request", "PUT", "/v9/new", query={"a": 1}, body={"b": None}, headers={"x-c": "d"}
    )
    request = server.requests[0]
    assert result == [1]
    assert (request.method, request.target, request.json) == ("PUT", "/v9/new?a=1", {"b": None})
    assert request.headers["x-c"] == "d"
    assert request.headers["authorization"] == f"Bearer {API_KEY}"


@pytest.mark.parametrize(
    ("method", "made"), [("GET", 4), ("PUT", 4), ("DELETE", 4), ("POST", 1), ("PATCH", 1)]
)
def test_request_repeats_what_its_method_allows(
    driver: Driver,
    options: dict[str, Any],
    server: ScriptedServer,
    instant: list[float],
    method: str,
    made: int,
) -> None:
    server.answer(Answer(status=500))
    with pytest.raises(ServerError) as caught:
        driver.call(options, "request", method, "/v9/new")
    assert caught.value.attempts == made
    with pytest.raises(ServerError) as caught:
        driver.call(options, "request", method, "/v9/new", safe="once")
    assert caught.value.attempts == 1


def test_request_gives_none_for_an_empty_answer(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(status=204, raw=b""))
    assert driver.call(options, "request", "DELETE", "/v9/new") is None


@pytest.mark.parametrize(
    "path", ["", "v2/x", "/v2/../x", "/v2/%2E%2e/x", "/./x", "/v2/x?y=1", "/v2/x#y", "/v2/{x}", "/v2/a{x}"]
)
def test_request_refuses_paths_that_would_not_arrive_as_written(
    driver: Driver, options: dict[str, Any], path: str
) -> None:
    with pytest.raises(ConfigError, match="request: path"):
        driver.call(options, "request", "GET", path)


def test_an_unknown_keyword_is_a_type_error(server: ScriptedServer) -> None:
    with Hevlayer(base_url=server.url) as client, pytest.raises(TypeError, match="unexpected keyword retrys"):
        client.get_health(retrys=1)  # type: ignore[call-overload]
    assert server.requests == []
