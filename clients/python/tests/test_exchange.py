"""The call as a conversation without I/O: deadlines to the millisecond, with a clock that the test moves."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hevlayer import APITimeoutError, HttpRequest, HttpResponse, TransportFailure
from hevlayer._call import Call, Environment, Exchange, Operation, exchange
from hevlayer._config import resolve_config
from hevlayer._fallthrough import GatewayHealth

from .test_config import NOTHING

UNAVAILABLE = HttpResponse(503, {}, b"{}")
OK = HttpResponse(200, {}, b"{}")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def begin(clock: Clock, *, timeout: float = 30, total_timeout: float | None = None) -> Exchange:
    call = Call(
        operation=Operation(id="getHealth", method="GET", path="/health", safe="read"),
        path="/health",
        direct_path="/health",
        query="",
        headers={},
        body=None,
        has_body=False,
        timeout=timeout,
        total_timeout=total_timeout,
        max_retries=3,
    )
    environment = Environment(clock=clock, now=lambda: datetime.now(UTC), jitter=lambda: 1.0)
    return exchange(call, resolve_config(**NOTHING), GatewayHealth(clock), environment)


def attempt_timeout(step: HttpRequest | float) -> float:
    assert isinstance(step, HttpRequest)
    return step.timeout


def test_what_is_left_of_the_total_timeout_bounds_each_attempt() -> None:
    clock = Clock()
    steps = begin(clock, timeout=4, total_timeout=10)
    assert attempt_timeout(next(steps)) == 4
    clock.now += 3
    assert steps.send(UNAVAILABLE) == 0.25
    clock.now += 0.25
    assert attempt_timeout(steps.send(None)) == 4
    clock.now += 3.25
    assert steps.send(UNAVAILABLE) == 0.5
    clock.now += 0.5
    assert attempt_timeout(steps.send(None)) == 3
    clock.now += 3
    with pytest.raises(APITimeoutError, match=r"total timeout of 10 s is used up after 3 attempt\(s\); last"):
        steps.send(TransportFailure("slow", phase="exchange", timed_out=True))


def test_an_oversleeping_system_cannot_stretch_the_total_timeout() -> None:
    clock = Clock()
    steps = begin(clock, total_timeout=10)
    next(steps)
    steps.send(UNAVAILABLE)
    clock.now += 11
    with pytest.raises(APITimeoutError, match="total timeout of 10 s"):
        steps.send(None)


def test_waits_are_not_bounded_by_the_attempt_timeout() -> None:
    clock = Clock()
    steps = begin(clock, timeout=0.1)
    next(steps)
    assert steps.send(HttpResponse(429, {"retry-after": "60"}, b"")) == 60


def test_measures_span_all_attempts_and_name_the_last_one() -> None:
    clock = Clock()
    steps = begin(clock)
    next(steps)
    clock.now += 1
    delay = steps.send(UNAVAILABLE)
    assert isinstance(delay, float)
    clock.now += delay
    steps.send(None)
    clock.now += 0.5
    with pytest.raises(StopIteration) as stopped:
        steps.send(OK)
    answer = stopped.value.value
    perf = answer.perf(clock)
    assert perf.latency_ms == pytest.approx(1750)
    assert perf.last_attempt_ms == pytest.approx(500)
    assert perf.attempts == 2
