"""Waiting for a job to end."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from hevlayer import (
    AsyncHevlayer,
    ConfigError,
    Hevlayer,
    JobFailedError,
    NotFoundError,
    ServerError,
    WaitTimeoutError,
)
from hevlayer._call import Environment

from .scripted_server import Answer, ScriptedServer

if TYPE_CHECKING:
    from .conftest import Driver


def job(status: str, progress: float, headers: dict[str, str] | None = None, **more: Any) -> Answer:
    body = {"id": "j", "namespace": "products", "status": status, "progress": progress, **more}
    return Answer(json=body, headers=headers or {})


class Moving:
    """A clock that stands still but for the waits made instant."""

    def __init__(self, waits: list[float]) -> None:
        self._waits = waits

    def __call__(self) -> float:
        return 1000.0 + sum(self._waits)


@pytest.fixture
def waits(instant: list[float], monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses, in seconds; the clock goes by them alone."""
    monkeypatch.setattr("hevlayer._base.Environment", lambda: Environment(clock=Moving(instant)))
    return instant


def wait(driver: Driver, options: dict[str, Any], **keywords: Any) -> Any:
    return driver.call(options, "wait_for_warm_job", "products", "j", **keywords)


def test_a_job_that_has_ended_is_given_at_once(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, waits: list[float]
) -> None:
    server.answer(job("completed", 1))
    assert wait(driver, options).status == "completed"
    assert waits == []
    assert [request.target for request in server.requests] == ["/v2/namespaces/products/warm-jobs/j"]


def test_it_asks_ever_more_seldom_up_to_every_five_seconds(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, waits: list[float]
) -> None:
    server.answer(*[job("running", 0)] * 10, job("completed", 1))
    wait(driver, options)
    assert waits[:4] == [0.25, 0.375, 0.5625, 0.84375]
    assert waits[-2:] == [5.0, 5.0]
    assert len(server.requests) == 11


def test_other_pauses_can_be_asked_for(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, waits: list[float]
) -> None:
    server.answer(*[job("running", 0)] * 3, job("completed", 1))
    wait(driver, options, first_delay=0.1, delay_factor=3, max_delay=0.2)
    assert waits == [0.1, 0.2, 0.2]


def test_progress_is_told_after_every_answer(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, waits: list[float]
) -> None:
    server.answer(job("running", 0.1), job("running", 0.6), job("completed", 1))
    told: list[float] = []
    wait(driver, options, on_progress=lambda seen: told.append(seen.progress))
    assert told == [0.1, 0.6, 1]


def test_an_async_callback_is_awaited_by_the_async_client_and_refused_by_the_other(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, waits: list[float]
) -> None:
    server.answer(job("running", 0.1), job("completed", 1))
    told: list[float] = []

    async def tell(seen: Any) -> None:
        await asyncio.sleep(0)
        told.append(seen.progress)

    if driver.mode == "async":
        assert wait(driver, options, on_progress=tell).status == "completed"
        assert told == [0.1, 1]
    else:
        with pytest.raises(ConfigError, match="getWarmJob: on_progress is async"):
            wait(driver, options, on_progress=tell)


def test_what_the_callback_raises_ends_the_wait(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, waits: list[float]
) -> None:
    server.answer(job("running", 0))

    def fed(_: object) -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        wait(driver, options, on_progress=fed)


def test_a_failed_job_is_raised_with_the_job(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, waits: list[float]
) -> None:
    server.answer(job("running", 0.5), job("failed", 0.5, error="page 3 was lost"))
    with pytest.raises(JobFailedError) as caught:
        wait(driver, options)
    error = caught.value
    assert str(error) == "getWarmJob: the job is failed: page 3 was lost"
    assert error.job.error == "page 3 was lost"
    assert (error.operation_id, error.attempts) == ("getWarmJob", 2)


def test_states_of_tomorrow_and_answers_without_one_count_as_running(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, waits: list[float]
) -> None:
    server.answer(job("paused", 0.5), Answer(json={"id": "j"}), job("completed", 1))
    assert wait(driver, options).status == "completed"
    assert len(server.requests) == 3


def test_failures_that_may_pass_do_not_end_the_wait(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, waits: list[float]
) -> None:
    server.answer(Answer(reset=True), Answer(status=500), Answer(status=503), job("completed", 1))
    assert wait(driver, options).status == "completed"
    assert waits == [0.25, 0.375, 0.5625]


def test_a_failure_that_will_not_pass_ends_the_wait(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, waits: list[float]
) -> None:
    server.answer(job("running", 0), Answer(status=404, json={"error": "not_found", "message": "none"}))
    with pytest.raises(NotFoundError):
        wait(driver, options)
    assert len(server.requests) == 2


def test_retry_after_of_failures_and_of_answers_is_obeyed_but_never_sooner(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, waits: list[float]
) -> None:
    server.answer(
        job("running", 0, {"retry-after": "2"}),
        Answer(status=429, headers={"retry-after": "90"}),
        job("running", 0, {"retry-after": "0"}),
        job("completed", 1),
    )
    wait(driver, options)
    assert waits == [2.0, 90.0, 0.5625]


def test_it_gives_up_after_ten_minutes_with_the_job_as_it_was_last_seen(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, waits: list[float]
) -> None:
    server.answer(job("running", 0.4))
    with pytest.raises(WaitTimeoutError) as caught:
        wait(driver, options)
    assert str(caught.value) == "getWarmJob: not ended within 600 s: the job is running, progress 0.4"
    assert caught.value.job.progress == 0.4
    assert isinstance(caught.value, TimeoutError)
    assert sum(waits) == pytest.approx(599.75)


def test_it_gives_up_at_once_where_more_patience_is_asked_than_there_is(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, waits: list[float]
) -> None:
    server.answer(Answer(status=503, headers={"retry-after": "30"}))
    with pytest.raises(WaitTimeoutError) as caught:
        wait(driver, options, total_timeout=20)
    assert caught.value.job is None
    assert isinstance(caught.value.__cause__, ServerError)
    assert (waits, len(server.requests)) == ([], 1)


def test_it_looks_once_more_shortly_before_its_limit(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, waits: list[float]
) -> None:
    server.answer(job("running", 0))
    with pytest.raises(WaitTimeoutError):
        wait(driver, options, total_timeout=2, first_delay=0.25, delay_factor=4, max_delay=1.25)
    assert waits == [0.25, 1.0, 0.5]


def test_an_answer_is_not_waited_for_past_the_limit(
    driver: Driver, options: dict[str, Any], server: ScriptedServer
) -> None:
    server.answer(job("running", 0), Answer(json={}, delay=20))
    started = time.monotonic()
    with pytest.raises(WaitTimeoutError):
        wait(driver, options, total_timeout=0.5, first_delay=0.05)
    assert 0.4 < time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"total_timeout": 0}, "total_timeout must be"),
        ({"first_delay": -1}, "first_delay must be"),
        ({"max_delay": float("nan")}, "max_delay must be"),
        ({"delay_factor": 0.5}, "delay_factor must be a finite number of at least 1"),
        ({"delay_factor": "2"}, "delay_factor must be a number"),
    ],
)
def test_options_that_cannot_be_used_are_refused_before_it_asks(
    driver: Driver, options: dict[str, Any], server: ScriptedServer, keywords: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        wait(driver, options, **keywords)
    assert server.requests == []


def test_a_misspelt_option_is_refused(driver: Driver, options: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="unexpected keyword first_dely"):
        wait(driver, options, first_dely=1)


@pytest.mark.parametrize("answer", [job("running", 0), Answer(json={}, delay=20)], ids=["pause", "answer"])
def test_cancelling_a_task_ends_the_wait_within_50_ms(
    options: dict[str, Any], server: ScriptedServer, answer: Answer
) -> None:
    server.answer(answer)

    async def cancel() -> float:
        server.arrived.clear()
        async with AsyncHevlayer(**options) as client:
            task = asyncio.create_task(client.wait_for_warm_job("products", "j", first_delay=20))
            await asyncio.to_thread(server.arrived.wait)
            await asyncio.sleep(0.1)
            started = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return time.monotonic() - started

    # A busy machine may take a turn away from one of them; it does not from all.
    assert min(asyncio.run(cancel()) for _ in range(5)) < 0.05


def test_threads_can_wait_with_one_client(options: dict[str, Any], server: ScriptedServer) -> None:
    server.answer(*[job("running", 0)] * 4, job("completed", 1))
    ended: list[str] = []
    with Hevlayer(**options) as client:

        def work() -> None:
            ended.append(client.wait_for_warm_job("products", "j", first_delay=0.01).status)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=10)
    assert ended == ["completed"] * 3
