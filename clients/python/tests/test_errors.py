"""Errors: which class, which fields, and what they never show."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback
from typing import TYPE_CHECKING, Any

import pytest

import hevlayer
from hevlayer import APIError, HevlayerError, ResponseError

from .conftest import API_KEY, STORE_KEY
from .scripted_server import Answer, ScriptedServer

if TYPE_CHECKING:
    from .conftest import Driver


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "BadRequestError"),
        (401, "AuthenticationError"),
        (403, "PermissionDeniedError"),
        (404, "NotFoundError"),
        (409, "ConflictError"),
        (412, "APIError"),
        (413, "TooLargeError"),
        (418, "APIError"),
        (307, "APIError"),
        (422, "UnprocessableError"),
        (429, "RateLimitError"),
        (500, "ServerError"),
        (503, "ServerError"),
        (599, "ServerError"),
    ],
)
def test_each_status_has_its_class(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, status: int, name: str
) -> None:
    server.answer(Answer(status=status, json={"error": "code", "message": "why"}))
    with pytest.raises(HevlayerError) as caught:
        driver.call({**options, "max_retries": 0}, "get_health")
    assert type(caught.value) is getattr(hevlayer, name)
    assert isinstance(caught.value, APIError)


def test_an_error_carries_what_the_server_said(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    body = {
        "error": "forbidden",
        "message": "key 'reader' lacks the scope write",
        "reason": "insufficient_scope",
        "required_scope": "write",
        "new_field": 1,
    }
    server.answer(Answer(status=403, json=body, headers={"X-Request-Id": "r-1", "retry-after": "2"}))
    with pytest.raises(hevlayer.PermissionDeniedError) as caught:
        driver.call(options, "fetch_document", "products", "sku-17")
    error = caught.value
    assert str(error) == "fetchDocument: 403 forbidden: key 'reader' lacks the scope write"
    assert error.status_code == 403
    assert error.message == "key 'reader' lacks the scope write"
    assert error.error == "forbidden"
    assert error.feature is None
    assert error.reason == "insufficient_scope"
    assert error.required_scope == "write"
    assert error.body == body
    assert error.response.json() == body
    assert error.headers["x-request-id"] == "r-1"
    assert error.request_id == "r-1"
    assert error.retry_after == 2
    assert error.attempts == 1
    assert (error.operation_id, error.method) == ("fetchDocument", "GET")
    assert error.route == "/v2/namespaces/{namespace}/documents/{doc_id}"


@pytest.mark.parametrize("status", [422, 501, 400])
def test_what_the_store_lacks_is_told_by_its_code(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, status: int
) -> None:
    body = {"error": "UnsupportedByStore", "message": "no", "feature": "recall", "store": "x", "route": "y"}
    server.answer(Answer(status=status, json=body))
    with pytest.raises(hevlayer.UnsupportedError) as caught:
        driver.call(options, "evaluate_turbopuffer_recall", "products")
    assert caught.value.feature == "recall"


def test_prose_relayed_from_turbopuffer_is_the_message(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(status=404, json={"status": "error", "error": "namespace 'products' was not found"}))
    with pytest.raises(hevlayer.NotFoundError) as caught:
        driver.call(options, "get_namespace_metadata", "products")
    assert caught.value.message == "namespace 'products' was not found"
    assert caught.value.error is None
    assert str(caught.value) == "getNamespaceMetadata: 404: namespace 'products' was not found"


@pytest.mark.parametrize(
    ("raw", "body", "message"),
    [
        (b"<html>\n bad   gateway</html>", "<html>\n bad   gateway</html>", "<html> bad gateway</html>"),
        (b"", "", "empty body"),
        (b"\xff\xfe", "\ufffd\ufffd", "\ufffd\ufffd"),
        (b"[1, 2]", [1, 2], "[1,2]"),
        (b'{"error": {"deep": 1}}', {"error": {"deep": 1}}, '{"error":{"deep":1}}'),
    ],
)
def test_bodies_of_any_shape_keep_status_and_text(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, raw: bytes, body: Any, message: str
) -> None:
    server.answer(Answer(status=502, raw=raw, headers={"content-type": "text/html"}))
    with pytest.raises(hevlayer.ServerError) as caught:
        driver.call({**options, "max_retries": 0}, "get_health")
    assert caught.value.body == body
    assert caught.value.message == message
    assert caught.value.status_code == 502


def test_every_error_says_which_call_failed(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, instant: list[float]
) -> None:
    for answer in (Answer(status=404), Answer(raw=b"{"), Answer(reset=True), Answer(delay=2)):
        server.answer(answer)
        with pytest.raises(HevlayerError) as caught:
            driver.call({**options, "max_retries": 0, "timeout": 0.3}, "fetch_document", "products", "a")
        error = caught.value
        assert (error.operation_id, error.attempts, error.method) == ("fetchDocument", 1, "GET")
        assert error.route == "/v2/namespaces/{namespace}/documents/{doc_id}"


def test_an_answer_that_is_nested_too_deeply_is_a_response_error(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    deep = b'{"status":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    server.answer(Answer(raw=deep))
    with pytest.raises(ResponseError, match="nested too deeply"):
        driver.call(options, "get_health")
    server.answer(Answer(status=400, raw=deep))
    with pytest.raises(hevlayer.BadRequestError) as caught:
        driver.call(options, "get_health")
    assert caught.value.body.startswith('{"status":[[')


def test_a_huge_text_body_is_cut_in_the_message_and_on_the_error(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(status=502, raw=b"x" * 200_000))
    with pytest.raises(hevlayer.ServerError) as caught:
        driver.call({**options, "max_retries": 0}, "get_health")
    assert len(caught.value.message) == 200
    assert len(caught.value.body) == 64 * 1024


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "the body is empty"),
        (b"{", "the body is not JSON"),
        (b"\xff", "the body is not JSON"),
        (b"[]", "the body is an array, not an object"),
        (b"null", "the body is null, not an object"),
        (b"7", "the body is a number, not an object"),
        (b'"ok"', "the body is a string, not an object"),
    ],
)
def test_a_success_that_cannot_be_understood_is_a_response_error(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, raw: bytes, problem: str
) -> None:
    server.answer(Answer(raw=raw))
    for method, args in (("get_health", ()), ("get_turbopuffer_namespace_schema", ("products",))):
        with pytest.raises(ResponseError, match=f"answered 200, but {problem}") as caught:
            driver.call(options, method, *args)
        assert caught.value.status_code == 200
        assert caught.value.response is not None
        assert caught.value.response.content == raw


def test_errors_can_be_pickled_and_copied(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(status=404, json={"error": "not_found", "message": "gone"}))
    with pytest.raises(hevlayer.NotFoundError) as caught:
        driver.call(options, "get_health")
    for twin in (pickle.loads(pickle.dumps(caught.value)), copy.copy(caught.value)):
        assert type(twin) is hevlayer.NotFoundError
        assert (str(twin), twin.status_code, twin.error) == (str(caught.value), 404, "not_found")


def shown(value: Any) -> str:
    return " ".join((str(value), repr(value), f"{value!s:>20}"))


def test_keys_show_nowhere(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    options |= {"turbopuffer_api_key": STORE_KEY, "headers": {"x-secret": "hush-hush"}, "max_retries": 1}
    seen: list[str] = []

    def remember(client: Any) -> Any:
        seen.append(shown(client) + shown(client._config) + shown(vars(client)))
        return client.get_health()

    echo = f"you sent {API_KEY} and {STORE_KEY}"
    for answer in (
        Answer(status=500, json={"error": echo, "message": echo, "more": echo}, headers={"x-echo": echo}),
        Answer(json=[echo], headers={"x-echo": echo}),
        Answer(status=500, raw=echo.encode()),
        Answer(reset=True),
    ):
        server.answer(answer)
        with pytest.raises(HevlayerError) as caught:
            driver.run(options, remember)
        error = caught.value
        seen.append(shown(error) + shown(error.response) + shown(getattr(error, "body", "")) + error.message)
        seen.append(shown(getattr(error, "headers", "")))
        if error.response is not None:
            seen.append(error.response.text + shown(error.response.headers))
        seen.append(shown(error.__cause__))
    # The HTTP library's own trace repeats the headers of answers to whoever turns it on.
    logged = [record.getMessage() for record in caplog.records if record.name == "hevlayer"]
    everything = "\n".join((*seen, *logged))
    assert any("getHealth" in line for line in logged)
    for secret in (API_KEY, STORE_KEY, "hush-hush"):
        assert secret not in everything


def test_a_transport_that_repeats_the_key_does_not_make_it_show(instant: list[float]) -> None:
    class Echoing:
        def send(self, request: hevlayer.HttpRequest) -> hevlayer.HttpResponse:
            message = f"cannot send {request.headers['authorization']}"
            raise hevlayer.TransportFailure(message, phase="connect", timed_out=False) from OSError(message)

        def close(self) -> None: ...

    client = hevlayer.Hevlayer(api_key=API_KEY, http_client=Echoing())
    with pytest.raises(hevlayer.APIConnectionError) as caught:
        client.get_health()
    assert "cannot send Bearer ***" in str(caught.value)
    assert API_KEY not in "".join(traceback.format_exception(caught.value))
    assert isinstance(caught.value.__cause__, hevlayer.TransportFailure)
    assert len(instant) == 3


def test_clients_with_keys_refuse_to_be_pickled() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(hevlayer.Hevlayer(api_key=API_KEY))
