"""Which failures are tried again, and how long the client waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

from hevlayer import APIConnectionError, APIError, APITimeoutError, ConflictError, RateLimitError, ServerError
from hevlayer._retry import backoff_s, retry_after_s

from .scripted_server import Answer, ScriptedServer

if TYPE_CHECKING:
    from .conftest import Driver

OK = Answer(json={"status": "ok"})
ROWS = {"upsert_rows": [{"id": "a"}]}


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_reads_are_tried_again_after_statuses_that_heal(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, instant: list[float], status: int
) -> None:
    server.answer(Answer(status=status), Answer(status=status), OK)
    assert driver.call(options, "get_health").status == "ok"
    assert len(server.requests) == 3
    assert 0.125 <= instant[0] <= 0.25 <= instant[1] <= 0.5


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 501])
def test_other_statuses_are_final(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, status: int
) -> None:
    server.answer(Answer(status=status))
    with pytest.raises(APIError):
        driver.call(options, "get_health")
    assert len(server.requests) == 1


def test_a_code_that_cannot_heal_is_final_whatever_its_status(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(status=503, json={"error": "cache_cold", "message": "cold"}))
    with pytest.raises(ServerError, match="cold"):
        driver.call(options, "get_health")
    assert len(server.requests) == 1


def test_a_write_is_not_repeated_when_it_may_have_been_applied(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    illegible = Answer(status=503, headers={"retry-after": "soon"})
    for answer in (Answer(status=500), Answer(status=503), illegible, Answer(status=504), Answer(reset=True)):
        server.requests.clear()
        server.answer(answer)
        with pytest.raises((ServerError, APIConnectionError)):
            driver.call(options, "write_namespace", "products", ROWS)
        assert len(server.requests) == 1, answer


@pytest.mark.parametrize("refusal", [Answer(status=429), Answer(status=503, headers={"retry-after": "0"})])
def test_a_write_is_repeated_when_it_surely_was_not_applied(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, instant: list[float], refusal: Answer
) -> None:
    written = {"status": "OK", "message": "", "rows_affected": 1, "billing": {}}
    server.answer(refusal, Answer(json=written))
    assert driver.call(options, "write_namespace", "products", ROWS).rows_affected == 1
    assert [request.body for request in server.requests] == [b'{"upsert_rows":[{"id":"a"}]}'] * 2
    assert len(instant) == 1


def test_a_refused_connection_is_tried_again_even_for_writes(driver: Driver, instant: list[float]) -> None:
    with pytest.raises(APIConnectionError, match="no answer after 4 attempt") as caught:
        driver.call({"base_url": "http://127.0.0.1:1"}, "write_namespace", "products", ROWS)
    assert caught.value.attempts == 4
    assert caught.value.operation_id == "writeNamespace"
    assert not isinstance(caught.value, APITimeoutError)
    assert len(instant) == 3


@pytest.mark.parametrize("fault", [Answer(reset=True), Answer(json={"a": 1}, send_bytes=3)])
def test_reads_are_tried_again_after_a_broken_connection(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, instant: list[float], fault: Answer
) -> None:
    server.answer(fault, OK)
    assert driver.call(options, "get_health").status == "ok"
    assert len(instant) == 1


def test_retry_after_is_obeyed_in_seconds_fractions_milliseconds_and_dates(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, instant: list[float]
) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    server.answer(
        Answer(status=429, headers={"retry-after": "7"}),
        Answer(status=429, headers={"retry-after": "0.5"}),
        Answer(status=429, headers={"retry-after": date}),
        Answer(status=503, headers={"retry-after": "0"}),
        Answer(status=503, headers={"retry-after": "9", "retry-after-ms": "20"}),
        Answer(status=503, headers={"retry-after": "soon"}),
        OK,
    )
    driver.call({**options, "max_retries": 6}, "get_health")
    assert instant[:2] == [7, 0.5]
    assert 28 <= instant[2] <= 30
    assert instant[3:5] == [0, 0.02]
    assert 4 <= instant[5] <= 8


def test_a_wait_beyond_a_minute_is_left_to_the_caller(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, instant: list[float]
) -> None:
    server.answer(Answer(status=429, headers={"retry-after": "61"}))
    with pytest.raises(RateLimitError) as caught:
        driver.call(options, "get_health")
    assert caught.value.retry_after == 61
    assert instant == []


def test_the_server_can_overrule_the_status_rules(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, instant: list[float]
) -> None:
    server.answer(Answer(status=500, headers={"x-should-retry": "false"}))
    with pytest.raises(ServerError):
        driver.call(options, "get_health")
    server.answer(Answer(status=409, headers={"x-should-retry": "TRUE"}), OK)
    assert driver.call(options, "get_health").status == "ok"
    assert len(instant) == 1


@pytest.mark.parametrize("setting", ["client", "call", "derived", "variable"])
def test_the_number_of_retries_can_be_set(
    driver: Driver,
    options: dict[str, Any],
    server: ScriptedServer,
    instant: list[float],
    setting: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.answer(Answer(status=500))
    if setting == "variable":
        monkeypatch.setenv("HEVLAYER_MAX_RETRIES", "1")
    client_options = {**options, "max_retries": 1} if setting == "client" else options
    call_options = {"max_retries": 1} if setting == "call" else {}
    with pytest.raises(ServerError) as caught:
        driver.run(
            client_options,
            lambda client: (
                client.with_options(max_retries=1) if setting == "derived" else client
            ).get_health(**call_options),
        )
    assert caught.value.attempts == 2
    assert len(server.requests) == 2
    assert len(instant) == 1


def test_the_delay_doubles_to_a_cap_and_keeps_half_of_it_as_jitter() -> None:
    assert [backoff_s(retry, 1.0) for retry in range(7)] == [0.25, 0.5, 1, 2, 4, 8, 8]
    assert backoff_s(0, 0.0) == 0.125
    assert backoff_s(10_000, 1.0) == 8


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        *[("3", 3.0), (" 3 ", 3.0), ("0.5", 0.5), ("1e1", 10.0)],
        *[
            (text, None)
            for text in ("-1", "nan", "inf", "1e999", "1_0", "0x10", "1, 2", "", "x", "2026-05-26")
        ],
    ],
)
def test_retry_after_that_cannot_be_read_counts_as_absent(value: str, seconds: float | None) -> None:
    assert retry_after_s({"retry-after": value}, lambda: datetime.now(UTC)) == seconds


def test_retry_after_is_read_where_the_milliseconds_are_none() -> None:
    for bad in ("-5", "soon", ""):
        headers = {"retry-after-ms": bad, "retry-after": "2"}
        assert retry_after_s(headers, lambda: datetime.now(UTC)) == 2


def test_the_older_forms_of_a_date_are_read_as_gmt() -> None:
    now = datetime(1994, 11, 6, 8, 49, 30, tzinfo=UTC)
    for text in ("Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"):
        assert retry_after_s({"retry-after": text}, lambda: now) == 7


def test_a_retry_date_in_the_past_means_at_once() -> None:
    past = {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}
    assert retry_after_s(past, lambda: datetime.now(UTC)) == 0


def test_conflicts_are_reported_at_once(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(status=409, json={"error": "conflict", "message": "taken"}))
    with pytest.raises(ConflictError, match="taken"):
        driver.call(options, "delete_namespace", "products")
    assert len(server.requests) == 1
