"""One call from arguments to answer, without any I/O.

`exchange` is a generator: it yields what has to be done (send this, wait that long) and is told the
outcome. The sync and the async client each drive it with a loop of a dozen lines, so that retries,
deadlines and fall-through exist once.
"""

from __future__ import annotations

import gzip
import logging
import platform
import random
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, TypedDict

from ._config import CONNECT_TIMEOUT_S, Config, Secret
from ._encode import encode_json
from ._errors import APIConnectionError, APITimeoutError, HevlayerError, ResponseError, api_error, hide
from ._fallthrough import Fallthrough, GatewayHealth, direct_body, unreachable
from ._perf import Fallback, Perf
from ._redirect import REDIRECTS_MAX, redirected
from ._retry import (
    RETRY_AFTER_MAX_S,
    Safe,
    backoff_s,
    retries_failure,
    retries_status,
    retry_after_s,
)
from ._transport import HttpRequest, HttpResponse, TransportFailure
from ._version import __version__

if TYPE_CHECKING:
    from ._wait import JobStates

logger: Final = logging.getLogger("hevlayer")

USER_AGENT: Final = (
    f"hevlayer-python/{__version__} ({platform.python_implementation()} {platform.python_version()})"
)

COMPRESS_FROM_BYTES: Final = 1024
"""Below this a gzipped body is hardly smaller, and the server's work is wasted."""

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What the spec says about an operation, as far as sending it goes."""

    id: str
    """operationId of the spec."""
    method: Method
    path: str
    """Path template."""
    safe: Safe
    """Retry class."""
    fallthrough: Fallthrough = "no"
    """Whether Turbopuffer may be asked directly when the gateway cannot be reached."""
    fixed_query: Mapping[str, str] = field(default_factory=dict)
    """Query parameters that every call sends: what tells operations on one route apart."""
    upstream_path: str | None = None
    """Path template at Turbopuffer, where it differs."""
    body_required: bool = False
    job: JobStates | None = None
    """How the answer says that a job has ended, where it is a job."""


class CallOptions(TypedDict, total=False):
    """Options that every call takes as keywords."""

    timeout: float
    """Seconds one attempt may take. Default the client's."""
    total_timeout: float
    """Seconds the call may take, retries and waits included. Default the client's."""
    max_retries: int
    """Attempts after the first. Default the client's."""
    headers: Mapping[str, str]
    """Extra request headers; they win over the client's. Not sent to Turbopuffer on fall-through."""
    extra_query: Mapping[str, Any]
    """Query parameters that the spec does not describe."""
    extra_body: Mapping[str, Any]
    """Body fields that the spec does not describe; they win over the body's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call with everything resolved and encoded."""

    operation: Operation
    path: str
    direct_path: str
    query: str
    headers: Mapping[str, str]
    """Caller's headers, for the gateway only."""
    body: Any
    """Plain JSON data, kept for fall-through."""
    has_body: bool
    timeout: float
    total_timeout: float | None
    max_retries: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx response and what it took."""

    response: HttpResponse
    attempts: int
    started: float
    last_attempt_ms: float
    bytes_sent: int
    fallback: Fallback | None

    def perf(self, clock: Callable[[], float]) -> Perf:
        """The public measures; `latency_ms` ends now."""
        return Perf(
            latency_ms=(clock() - self.started) * 1000,
            last_attempt_ms=self.last_attempt_ms,
            cache_status=self.response.headers.get("x-layer-cache"),
            fallback=self.fallback,
            status_code=self.response.status_code,
            attempts=self.attempts,
            bytes_sent=self.bytes_sent,
            bytes_received=len(self.response.content),
            headers=self.response.headers,
        )


@dataclass(frozen=True, slots=True)
class Environment:
    """Time and chance, replaced in tests."""

    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    jitter: Callable[[], float] = random.random


Step = HttpRequest | float
"""Send this request, or wait that many seconds."""
Outcome = HttpResponse | TransportFailure | ResponseError | None
"""What became of the step; None after a wait."""
Exchange = Generator[Step, Outcome, Answer]


def exchange(call: Call, config: Config, health: GatewayHealth, environment: Environment) -> Exchange:
    """Drive a call to its answer: the gateway first, Turbopuffer when the gateway is out of reach and may
    be skipped.

    Raises the errors of `_errors`. Each generator serves one call.
    """
    started = environment.clock()
    gateway = _Attempts(call, _gateway_request(call, config), config, environment, started)
    direct = _direct_call(call, config)
    if direct is None:
        return (yield from gateway.run())
    if not health.is_down(config.base_url):
        try:
            return (yield from gateway.run(give_up=lambda failure: unreachable(call.operation.safe, failure)))
        except _Unreachable as error:
            # A connection that broke is no proof that the next one would be refused.
            if error.failure.phase == "connect":
                health.mark_down(config.base_url)
            reason = str(error.failure)
    else:
        reason = "the gateway could not be reached moments ago"
    logger.warning(
        "turbopuffer_direct: %s goes to Turbopuffer directly: %s",
        call.operation.id,
        hide(reason, config.secrets()),
    )
    request = _direct_request(direct, config)
    attempts = _Attempts(direct, request, config, environment, started, made=gateway.made)
    answer = yield from attempts.run()
    return replace(answer, fallback="turbopuffer_direct")


class _Unreachable(Exception):
    """Carries the failure that ends the gateway's turn."""

    def __init__(self, failure: TransportFailure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class _Attempts:
    """Attempts at one server until an answer, an error that will not heal, or the end of patience."""

    def __init__(
        self,
        call: Call,
        request: HttpRequest,
        config: Config,
        environment: Environment,
        started: float,
        made: int = 0,
    ) -> None:
        self._call = call
        self._operation = call.operation
        self._request = request
        self._hidden = config.secrets()
        self._environment = environment
        self._started = started
        self._deadline = None if call.total_timeout is None else started + call.total_timeout
        self._retries = 0
        self.made = made

    def run(self, give_up: Callable[[TransportFailure], bool] | None = None) -> Exchange:
        while True:
            began = self._environment.clock()
            self.made += 1
            outcome = yield from self._ask(self._bounded_request(began), began)
            elapsed_ms = (self._environment.clock() - began) * 1000
            if isinstance(outcome, ResponseError):
                message = f"{self._operation.id}: {outcome.message}"
                outcome.args, outcome.message = (message,), message
                self._locate(outcome)
                raise outcome
            if isinstance(outcome, TransportFailure):
                if give_up is not None and give_up(outcome):
                    raise _Unreachable(outcome)
                error, delay = self._after_failure(outcome)
            else:
                assert isinstance(outcome, HttpResponse)
                self._log_attempt(outcome.status_code, elapsed_ms)
                if 200 <= outcome.status_code < 300:
                    sent = len(self._request.content or b"")
                    return Answer(outcome, self.made, self._started, elapsed_ms, sent, None)
                error, delay = self._after_status(outcome)
            if delay is None or self._retries >= self._call.max_retries:
                raise error
            self._check_patience(delay, error)
            self._retries += 1
            logger.info("%s: retry %d in %.0f ms", self._operation.id, self._retries, delay * 1000)
            yield delay

    def _ask(self, request: HttpRequest, began: float) -> Generator[Step, Outcome, Outcome]:
        """Send the request, and those it is redirected to, within the time of one attempt."""
        limit = request.timeout
        outcome = yield request
        for _ in range(REDIRECTS_MAX):
            following = redirected(request, outcome) if isinstance(outcome, HttpResponse) else None
            if following is None:
                break
            left = limit - (self._environment.clock() - began)
            if left <= 0:
                return TransportFailure(f"no answer within {limit:g} s", phase="body", timed_out=True)
            request = replace(following, timeout=left)
            outcome = yield request
            if isinstance(outcome, TransportFailure):
                # There has been an answer, so the server of the call was reached.
                outcome = TransportFailure(str(outcome), phase="body", timed_out=outcome.timed_out)
        return outcome

    def _bounded_request(self, now: float) -> HttpRequest:
        if self._deadline is None:
            return self._request
        remaining = self._deadline - now
        if remaining <= 0:
            self._out_of_time(None)
        return replace(self._request, timeout=min(self._call.timeout, remaining))

    def _after_failure(self, failure: TransportFailure) -> tuple[HevlayerError, float | None]:
        """The error this failure is, and the wait before another attempt (None: there is none)."""
        kind = APITimeoutError if failure.timed_out else APIConnectionError
        message = f"{self._operation.id}: no answer after {self.made} attempt(s): {failure}"
        error = kind(hide(message, self._hidden))
        self._locate(error)
        error.__cause__ = _without_secrets(failure, self._hidden)
        logger.debug("%s: attempt %d: %s", self._operation.id, self.made, failure.phase)
        if not retries_failure(self._operation.safe, failure):
            return error, None
        return error, backoff_s(self._retries, self._environment.jitter())

    def _after_status(self, response: HttpResponse) -> tuple[HevlayerError, float | None]:
        asked = retry_after_s(response.headers, self._environment.now)
        error = api_error(
            response, self._operation, attempts=self.made, retry_after=asked, hidden=self._hidden
        )
        if not retries_status(self._operation.safe, response, asked):
            return error, None
        if asked is None:
            return error, backoff_s(self._retries, self._environment.jitter())
        return error, asked if asked <= RETRY_AFTER_MAX_S else None

    def _check_patience(self, delay: float, error: HevlayerError) -> None:
        """Waiting past the total timeout helps nobody: raise now."""
        if self._deadline is not None and self._environment.clock() + delay >= self._deadline:
            self._out_of_time(error)

    def _out_of_time(self, last: HevlayerError | None) -> NoReturn:
        seen = f"; last: {last}" if last is not None else ""
        error = APITimeoutError(
            f"{self._operation.id}: total timeout of {self._call.total_timeout:g} s is used up "
            f"after {self.made} attempt(s){seen}"
        )
        self._locate(error)
        raise error from last

    def _locate(self, error: HevlayerError) -> None:
        error.operation_id = self._operation.id
        error.method = self._operation.method
        error.route = self._operation.path
        error.attempts = self.made

    def _log_attempt(self, status: int, elapsed_ms: float) -> None:
        operation = self._operation
        logger.debug(
            "%s: attempt %d: %s %s: %d in %.1f ms",
            operation.id,
            self.made,
            operation.method,
            operation.path,
            status,
            elapsed_ms,
        )


def _without_secrets(failure: TransportFailure, hidden: tuple[str, ...]) -> TransportFailure:
    """The failure itself, unless a traceback of it would show a secret; then one that tells the same."""
    seen: list[BaseException] = []
    link: BaseException | None = failure
    while link is not None and link not in seen:
        seen.append(link)
        link = link.__cause__ or link.__context__
    if not any(secret in str(link) for link in seen for secret in hidden):
        return failure
    return TransportFailure(
        hide(str(failure), hidden),
        phase=failure.phase,
        timed_out=failure.timed_out,
        waited_for_pool=failure.waited_for_pool,
    )


def _gateway_request(call: Call, config: Config) -> HttpRequest:
    headers = {**_own_headers(call, config.api_key), **config.headers, **call.headers}
    return _request(call, config, (config.base_url, call.path), headers)


def _direct_call(call: Call, config: Config) -> Call | None:
    """The call as Turbopuffer takes it, or None when it must not go there."""
    if not config.fallback_to_turbopuffer or config.turbopuffer_api_key is None:
        return None
    if not call.has_body:
        return call if call.operation.fallthrough == "yes" else None
    body = direct_body(call.operation.fallthrough, call.body)
    return None if body is None else replace(call, body=body)


def _direct_request(call: Call, config: Config) -> HttpRequest:
    # Only our own headers: the caller's may hold credentials that are meant for the gateway.
    headers = _own_headers(call, config.turbopuffer_api_key)
    return _request(call, config, (config.turbopuffer_base_url, call.direct_path), headers)


def _own_headers(call: Call, key: Secret | None) -> dict[str, str]:
    headers = {"accept": "application/json", "accept-encoding": "gzip", "user-agent": USER_AGENT}
    if key is not None:
        headers["authorization"] = f"Bearer {key.reveal()}"
    if call.has_body:
        headers["content-type"] = "application/json"
    return headers


def _request(call: Call, config: Config, address: tuple[str, str], headers: dict[str, str]) -> HttpRequest:
    content = encode_json(call.operation.id, call.body) if call.has_body else None
    if content is not None and config.compress_requests and len(content) >= COMPRESS_FROM_BYTES:
        content = gzip.compress(content, compresslevel=6, mtime=0)
        headers["content-encoding"] = "gzip"
    base_url, path = address
    return HttpRequest(
        method=call.operation.method,
        url=f"{base_url}{path}{'?' if call.query else ''}{call.query}",
        headers=headers,
        content=content,
        connect_timeout=CONNECT_TIMEOUT_S,
        timeout=call.timeout,
    )
