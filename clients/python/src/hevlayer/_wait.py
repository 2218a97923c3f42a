"""Waiting for a job to end, without any I/O.

Only the job's own word ends a wait: a request that fails in a way that may pass is made again, and a state
that this release does not know counts as running. `waiting` is a generator like `_call.exchange`: it yields
what has to be done and is told the outcome.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from inspect import isawaitable, iscoroutine
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from ._config import check_seconds
from ._errors import (
    APIConnectionError,
    APIError,
    ConfigError,
    HevlayerError,
    JobFailedError,
    WaitTimeoutError,
)
from ._perf import LayerResponse
from ._retry import retries_status, retry_after_s

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from ._call import CallOptions, Environment, Operation

T = TypeVar("T")

TOTAL_TIMEOUT_S: Final = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStates:
    """How an answer says that a job has ended. What is neither done nor failed is running."""

    state: str
    """Field that holds the state."""
    done: tuple[str, ...]
    failed: tuple[str, ...]
    progress: str
    """Field that holds how far the job is, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait that many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Look:
    """Read the job, with these options."""

    options: CallOptions


@dataclass(frozen=True, slots=True)
class Told:
    """Wait for an async callback to end."""

    running: Awaitable[object]


Outcome = LayerResponse[T] | HevlayerError | None
"""What became of a step; None after a pause or a callback."""


def waiting(
    operation: Operation,
    *,
    on_progress: Callable[[T], object] | None,
    pace: tuple[float, float, float],
    options: CallOptions,
    each_s: float | None,
    environment: Environment,
) -> Generator[Look | Pause | Told, Outcome[T], T]:
    """Drive a wait to the job as it ended. `each_s` is the client's own limit for one call."""
    job_states = operation.job
    assert job_states is not None
    first, factor, longest = _check_pace(pace)
    limit = check_seconds(options.get("total_timeout", TOTAL_TIMEOUT_S), "total_timeout")
    ends_at = environment.clock() + limit
    delay, looks = first, 0
    job: T | None = None
    while True:
        looks += 1
        outcome = yield Look(_look_options(options, ends_at - environment.clock(), each_s))
        failure: HevlayerError | None = None
        if isinstance(outcome, LayerResponse):
            job = outcome.data
            asked = retry_after_s(outcome.perf.headers, environment.now)
            if on_progress is not None:
                running = on_progress(job)
                if isawaitable(running):
                    yield Told(running)
            if _ended(operation, job_states, job, looks):
                return job
        else:
            assert outcome is not None
            failure = outcome
            asked = failure.retry_after if isinstance(failure, APIError) else None
            if not _may_pass(operation, failure, asked):
                raise failure
        # The last request is made a first pause before the limit, so that it can be answered.
        last = ends_at - environment.clock() - first
        if last <= 0 or (asked is not None and asked > last):
            raise _late(operation, job_states, limit, job, looks) from failure
        yield Pause(min(max(asked or 0.0, delay), last))
        delay = min(delay * factor, longest)


def refuse_async_callback(operation: Operation, told: Told) -> NoReturn:
    """The end of a blocking wait whose callback is async, so that nobody would run it."""
    if iscoroutine(told.running):
        told.running.close()
    raise ConfigError(
        f"{operation.id}: on_progress is async, which an AsyncHevlayer waits for, a Hevlayer not"
    )


def _check_pace(pace: tuple[float, float, float]) -> tuple[float, float, float]:
    first, factor, longest = pace
    return check_seconds(first, "first_delay"), _check_factor(factor), check_seconds(longest, "max_delay")


def _check_factor(value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"delay_factor must be a number, not {value!r}")
    if not 1 <= value < math.inf:
        raise ConfigError(f"delay_factor must be a finite number of at least 1, not {value!r}")
    return float(value)


def _look_options(options: CallOptions, left: float, each_s: float | None) -> CallOptions:
    """The caller's options with the limits of one request. The wait itself asks again after a failure, in
    its own time, so a request makes no retries unless the caller says so.
    """
    left = max(left, 0.001)
    total = left if each_s is None else min(left, each_s)
    return {"max_retries": 0, **options, "total_timeout": total}


def _may_pass(operation: Operation, failure: HevlayerError, asked: float | None) -> bool:
    if isinstance(failure, APIError):
        return retries_status(operation.safe, failure.response, asked)
    return isinstance(failure, APIConnectionError)


def _ended(operation: Operation, job_states: JobStates, job: Any, looks: int) -> bool:
    """Whether the job has ended well; raises when it failed."""
    state = _field(job, job_states.state)
    if state in job_states.failed:
        why = _field(job, "error")
        error = JobFailedError(f"{operation.id}: the job is {state}{f': {why}' if why else ''}", job)
        _locate(error, operation, looks)
        raise error
    return state in job_states.done


def _late(
    operation: Operation, job_states: JobStates, limit: float, job: Any, looks: int
) -> WaitTimeoutError:
    seen = "the job was never seen"
    if job is not None:
        state, progress = _field(job, job_states.state), _field(job, job_states.progress)
        seen = f"the job is {state}, progress {progress}"
    error = WaitTimeoutError(f"{operation.id}: not ended within {limit:g} s: {seen}", job)
    _locate(error, operation, looks)
    return error


def _locate(error: HevlayerError, operation: Operation, looks: int) -> None:
    error.operation_id = operation.id
    error.method = operation.method
    error.route = operation.path
    error.attempts = looks


def _field(job: Any, name: str) -> Any:
    """A field as it came, by wire name; models and dicts are read alike."""
    return job[name] if name in job else None  # noqa: SIM401  # models have no get()
