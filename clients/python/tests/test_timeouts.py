"""How long a call may take, and how it is ended from outside."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from hevlayer import APITimeoutError, AsyncHevlayer, ConfigError, Hevlayer

from .scripted_server import Answer, ScriptedServer

if TYPE_CHECKING:
    from .conftest import Driver

STALL_S = 5.0
"""Far longer than any timeout below, and half of it far longer than a busy machine needs to notice one."""

OK = Answer(json={"status": "ok"})
STALLED_BODY = Answer(json={"status": "ok"}, send_bytes=5, stall=STALL_S)


@pytest.mark.parametrize("stall", [Answer(delay=STALL_S), STALLED_BODY], ids=["headers", "body"])
def test_the_attempt_timeout_covers_headers_and_body(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, stall: Answer
) -> None:
    server.answer(stall)
    began = time.monotonic()
    with pytest.raises(APITimeoutError, match="getHealth: no answer after 1 attempt") as caught:
        driver.call(options, "get_health", timeout=0.2, max_retries=0)
    assert 0.15 <= time.monotonic() - began <= STALL_S / 2
    assert isinstance(caught.value, TimeoutError)


@pytest.mark.parametrize(
    "drips",
    [Answer(json={"status": "x" * 100}, drip=0.05), Answer(headers={"x-long": "x" * 100}, drip_head=0.05)],
    ids=["body", "headers"],
)
def test_an_answer_that_drips_does_not_stretch_the_attempt_timeout(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, drips: Answer
) -> None:
    server.answer(drips)
    began = time.monotonic()
    with pytest.raises(APITimeoutError):
        driver.call(options, "get_health", timeout=0.3, max_retries=0)
    assert 0.25 <= time.monotonic() - began <= STALL_S / 2


def test_a_deadline_ends_with_its_attempt_and_not_with_its_connection(
    options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(OK)
    with Hevlayer(**options) as client:
        client.get_health(timeout=0.2)
        time.sleep(0.3)
        assert client.get_health(timeout=5).status == "ok"


def test_a_body_of_several_pieces_is_sent_whole(options: dict[str, Any], server: ScriptedServer) -> None:
    server.answer(Answer(json={"status": "OK", "message": "", "rows_affected": 1, "billing": {}}))
    text = "".join(str(number) for number in range(60_000))
    with Hevlayer(**options) as client:
        client.write_namespace("products", {"upsert_rows": [{"id": "a", "text": text}]})
    assert server.requests[0].json["upsert_rows"][0]["text"] == text


def test_a_timed_out_attempt_is_followed_by_another(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, instant: list[float]
) -> None:
    server.answer(Answer(delay=STALL_S), OK)
    assert driver.call({**options, "timeout": 0.2}, "get_health").status == "ok"
    assert len(instant) == 1


def test_a_timed_out_write_is_not_repeated(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(delay=STALL_S))
    with pytest.raises(APITimeoutError):
        driver.call(options, "write_namespace", "products", {"deletes": ["a"]}, timeout=0.2)
    assert len(server.requests) == 1


def test_the_total_timeout_covers_attempts(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(delay=STALL_S))
    began = time.monotonic()
    with pytest.raises(APITimeoutError, match=r"total timeout of 0\.3 s is used up"):
        driver.call(options, "get_health", total_timeout=0.3)
    assert time.monotonic() - began <= STALL_S / 2


def test_a_wait_that_would_outlast_the_total_timeout_is_not_begun(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, instant: list[float]
) -> None:
    server.answer(Answer(status=503, headers={"retry-after": "20"}))
    with pytest.raises(APITimeoutError, match="total timeout of 10 s") as caught:
        driver.call({**options, "total_timeout": 10}, "get_health")
    assert instant == []
    assert "503" in str(caught.value)


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), True, "1"])
@pytest.mark.parametrize("name", ["timeout", "total_timeout"])
def test_durations_that_cannot_be_meant_are_refused(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, name: str, value: Any
) -> None:
    with pytest.raises(ConfigError, match=f"^{name} must be"):
        driver.call({**options, name: value}, "get_health")
    with pytest.raises(ConfigError, match=f"^{name} must be"):
        driver.call(options, "get_health", **{name: value})
    assert server.requests == []


@pytest.mark.parametrize(
    "answer",
    [Answer(delay=STALL_S), STALLED_BODY, Answer(status=503, headers={"retry-after": str(STALL_S)})],
    ids=["headers", "body", "backoff"],
)
def test_cancelling_a_task_ends_the_call_at_once_and_frees_the_socket(
    options: dict[str, Any], server: ScriptedServer, answer: Answer
) -> None:
    server.answer(answer)

    async def cancel() -> float:
        async with AsyncHevlayer(**options) as client:
            task = asyncio.create_task(client.get_health())
            assert await asyncio.to_thread(server.arrived.wait, STALL_S)
            # Time for what came back to be read, so that the call hangs where it is meant to.
            await asyncio.sleep(0.1)
            began = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return time.monotonic() - began

    assert asyncio.run(cancel()) < STALL_S / 2
    if answer.status != 503:
        assert server.hung_up.wait(STALL_S / 2)
    assert len(server.requests) == 1


def test_a_callers_own_deadline_is_not_mistaken_for_an_attempt_timeout(
    options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(Answer(delay=STALL_S))

    async def wait() -> None:
        async with AsyncHevlayer(**options) as client:
            async with asyncio.timeout(0.1):
                await client.get_health()

    with pytest.raises(TimeoutError) as caught:
        asyncio.run(wait())
    assert not isinstance(caught.value, APITimeoutError)


def test_many_tasks_share_one_client(options: dict[str, Any], server: ScriptedServer) -> None:
    server.answer(OK)

    async def together() -> int:
        async with AsyncHevlayer(**options) as client:
            results = await asyncio.gather(*(client.get_health() for _ in range(50)))
            return sum(result.status == "ok" for result in results)

    assert asyncio.run(together()) == 50


def test_one_async_client_works_in_several_event_loops(
    options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(OK)
    client = AsyncHevlayer(**options)

    async def use_and_close() -> str:
        try:
            return (await client.get_health()).status
        finally:
            await client.aclose()

    assert asyncio.run(use_and_close()) == "ok"
    assert asyncio.run(use_and_close()) == "ok"
