"""The bases of the two clients: construction, life, and the one method that generated code calls.

Generated clients add a method per operation on top. What differs between sync and async is here and nowhere
else: how a request is sent, how a wait is waited, and how the transport is closed.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, get_origin

import msgspec

from ._call import Answer, Call, CallOptions, Environment, Exchange, Operation, exchange
from ._config import Config, check_headers, check_retries, check_seconds, resolve_config
from ._encode import encode_headers, encode_path, encode_query, plain_body
from ._errors import ConfigError, ResponseError
from ._fallthrough import GatewayHealth
from ._model import Model, converter
from ._perf import LayerResponse
from ._transport import AsyncHttpxTransport, HttpRequest, HttpxClient, HttpxTransport, TransportFailure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from ._call import Method, Outcome
    from ._retry import Safe
    from ._transport import AsyncTransport, Transport

T = TypeVar("T")

_OPTION_NAMES: Final = frozenset(CallOptions.__annotations__)


@dataclass(frozen=True, slots=True)
class _Shared:
    """What a client and those derived from it by `with_options` have in common."""

    health: GatewayHealth
    environment: Environment


class _BaseClient:
    """Everything but I/O."""

    def __init__(self, config: Config, shared: _Shared) -> None:
        self._config = config
        self._shared = shared

    @property
    def base_url(self) -> str:
        """Address of the gateway, without a trailing slash."""
        return self._config.base_url

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._config.base_url!r})"

    def _derived_config(self, changes: Mapping[str, Any]) -> Config:
        given = {name: value for name, value in changes.items() if value is not None}
        if "timeout" in given:
            given["timeout"] = check_seconds(given["timeout"], "timeout")
        if "total_timeout" in given:
            given["total_timeout"] = check_seconds(given["total_timeout"], "total_timeout")
        if "max_retries" in given:
            given["max_retries"] = check_retries(given["max_retries"], "max_retries")
        if "headers" in given:
            given["headers"] = {**self._config.headers, **check_headers(given["headers"])}
        return replace(self._config, **given)

    def _prepare(
        self,
        operation: Operation,
        path: Sequence[str | int],
        query: Mapping[str, Any],
        headers: Mapping[str, Any],
        body: Any,
        options: CallOptions,
    ) -> Call:
        """Check and encode everything, so that what cannot be sent is refused before any I/O."""
        unknown = options.keys() - _OPTION_NAMES
        if unknown:
            raise TypeError(f"{operation.id}: unexpected keyword {', '.join(sorted(unknown))}")
        config = self._config
        extra_body = options.get("extra_body")
        if extra_body is not None:
            if body is not None and not isinstance(body, dict | Model):
                body = dict(body)
            body = {**(body.to_dict() if isinstance(body, Model) else body or {}), **extra_body}
        total = options.get("total_timeout")
        parameters = {**query, **options.get("extra_query", {})}
        given_headers = {**encode_headers(operation.id, headers), **options.get("headers", {})}
        return Call(
            operation=operation,
            path=encode_path(operation.path, operation.id, path),
            direct_path=encode_path(operation.upstream_path or operation.path, operation.id, path),
            query=encode_query(operation.id, parameters),
            headers=check_headers(given_headers),
            body=plain_body(operation.id, body),
            has_body=body is not None,
            timeout=check_seconds(options.get("timeout", config.timeout), "timeout"),
            total_timeout=config.total_timeout if total is None else check_seconds(total, "total_timeout"),
            max_retries=check_retries(options.get("max_retries", config.max_retries), "max_retries"),
        )

    def _exchange(self, call: Call) -> Exchange:
        return exchange(call, self._config, self._shared.health, self._shared.environment)

    def _finish(self, call: Call, answer: Answer, result: type[T], with_perf: bool) -> T | LayerResponse[T]:
        data = _decode(call.operation, answer, result)
        if not with_perf:
            return data
        return LayerResponse(data, answer.perf(self._shared.environment.clock))


class SyncClient(_BaseClient):
    """Blocking client. Safe to share between threads; close it, or use it in a `with` block."""

    _transport: Transport

    def __init__(
        self,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        turbopuffer_api_key: str | None = None,
        turbopuffer_base_url: str | None = None,
        fallback_to_turbopuffer: bool = True,
        timeout: float | None = None,
        total_timeout: float | None = None,
        max_retries: int | None = None,
        headers: Mapping[str, str] | None = None,
        http_client: Transport | HttpxClient | None = None,
    ) -> None:
        """Options not given come from the environment, then from the defaults.

        - `base_url`: the gateway. `LAYER_GATEWAY_URL`, else `http://localhost:8080`.
        - `api_key`: its key. `LAYER_GATEWAY_API_KEY`, else none (open gateways need none).
        - `turbopuffer_api_key`: enables going to Turbopuffer directly while the gateway cannot be reached.
          `TURBOPUFFER_API_KEY`, else none.
        - `turbopuffer_base_url`: where that goes. `TURBOPUFFER_API_URL`, else Turbopuffer's own in
          aws-us-east-1.
        - `fallback_to_turbopuffer`: False keeps every call at the gateway. Default True.
        - `timeout`: seconds for one attempt, connecting and the whole body included. `HEVLAYER_TIMEOUT_MS`,
          else 30.
        - `total_timeout`: seconds for a call with retries and waits. Default no bound.
        - `max_retries`: attempts after the first. `HEVLAYER_MAX_RETRIES`, else 3.
        - `headers`: sent with every request to the gateway.
        - `http_client`: an httpx or httpx2 `Client` of your own, or any `Transport`. It stays open on close.

        A value that cannot be used raises ConfigError.
        """
        config = resolve_config(
            base_url=base_url,
            api_key=api_key,
            turbopuffer_api_key=turbopuffer_api_key,
            turbopuffer_base_url=turbopuffer_base_url,
            fallback_to_turbopuffer=fallback_to_turbopuffer,
            timeout=timeout,
            total_timeout=total_timeout,
            max_retries=max_retries,
            headers=headers,
        )
        super().__init__(config, _Shared(GatewayHealth(), Environment()))
        self._owns_transport = http_client is None or isinstance(http_client, HttpxClient)
        if http_client is None or isinstance(http_client, HttpxClient):
            self._transport = HttpxTransport(http_client)
        else:
            self._transport = http_client

    def with_options(
        self,
        *,
        timeout: float | None = None,
        total_timeout: float | None = None,
        max_retries: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """A client with other options over the same connections. Closing it leaves this one open."""
        derived = object.__new__(type(self))
        changes = {
            "timeout": timeout,
            "total_timeout": total_timeout,
            "max_retries": max_retries,
            "headers": headers,
        }
        _BaseClient.__init__(derived, self._derived_config(changes), self._shared)
        derived._transport = self._transport
        derived._owns_transport = False
        return derived

    def request(
        self,
        method: Method,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        safe: Safe = "once",
        **options: Any,
    ) -> Any:
        """Call a route that the client does not describe, with the same key, retries and errors.

        `path` is sent as it is, so percent-encode what needs it. `safe="read"` or `"idempotent"` allows
        retries after failures that may have had an effect. Returns the decoded JSON. Takes `with_perf` and
        the options of every call.
        """
        operation = _undescribed(method, path, safe)
        return self._call(operation, object, query=query or {}, body=body, **_split(options))

    def _call(
        self,
        operation: Operation,
        result: type[T],
        *,
        path: Sequence[str | int] = (),
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, Any] | None = None,
        body: Any = None,
        with_perf: bool,
        options: CallOptions,
    ) -> T | LayerResponse[T]:
        call = self._prepare(operation, path, query or {}, headers or {}, body, options)
        answer = self._drive(self._exchange(call))
        return self._finish(call, answer, result, with_perf)

    def _drive(self, steps: Exchange) -> Answer:
        outcome: Outcome = None
        try:
            while True:
                step = steps.send(outcome)
                outcome = None
                if isinstance(step, HttpRequest):
                    try:
                        outcome = self._transport.send(step)
                    except TransportFailure as failure:
                        outcome = failure
                else:
                    time.sleep(step)
        except StopIteration as stop:
            answer: Answer = stop.value
            return answer

    def close(self) -> None:
        """Close the connections this client opened. Calling it twice is fine."""
        if self._owns_transport:
            self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class AsyncClient(_BaseClient):
    """Asyncio client. Safe to share between tasks and event loops; close it, or use it in an `async with`
    block.

    Cancelling a task ends connecting, reading, and waiting alike, and frees the connection.
    """

    _transport: AsyncTransport

    def __init__(
        self,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        turbopuffer_api_key: str | None = None,
        turbopuffer_base_url: str | None = None,
        fallback_to_turbopuffer: bool = True,
        timeout: float | None = None,
        total_timeout: float | None = None,
        max_retries: int | None = None,
        headers: Mapping[str, str] | None = None,
        http_client: AsyncTransport | HttpxClient | None = None,
    ) -> None:
        """Options not given come from the environment, then from the defaults.

        - `base_url`: the gateway. `LAYER_GATEWAY_URL`, else `http://localhost:8080`.
        - `api_key`: its key. `LAYER_GATEWAY_API_KEY`, else none (open gateways need none).
        - `turbopuffer_api_key`: enables going to Turbopuffer directly while the gateway cannot be reached.
          `TURBOPUFFER_API_KEY`, else none.
        - `turbopuffer_base_url`: where that goes. `TURBOPUFFER_API_URL`, else Turbopuffer's own in
          aws-us-east-1.
        - `fallback_to_turbopuffer`: False keeps every call at the gateway. Default True.
        - `timeout`: seconds for one attempt, connecting and the whole body included. `HEVLAYER_TIMEOUT_MS`,
          else 30.
        - `total_timeout`: seconds for a call with retries and waits. Default no bound.
        - `max_retries`: attempts after the first. `HEVLAYER_MAX_RETRIES`, else 3.
        - `headers`: sent with every request to the gateway.
        - `http_client`: an httpx or httpx2 `AsyncClient` of your own, or any `AsyncTransport`. It stays
          open on close.

        A value that cannot be used raises ConfigError.
        """
        config = resolve_config(
            base_url=base_url,
            api_key=api_key,
            turbopuffer_api_key=turbopuffer_api_key,
            turbopuffer_base_url=turbopuffer_base_url,
            fallback_to_turbopuffer=fallback_to_turbopuffer,
            timeout=timeout,
            total_timeout=total_timeout,
            max_retries=max_retries,
            headers=headers,
        )
        super().__init__(config, _Shared(GatewayHealth(), Environment()))
        self._owns_transport = http_client is None or isinstance(http_client, HttpxClient)
        if http_client is None or isinstance(http_client, HttpxClient):
            self._transport = AsyncHttpxTransport(http_client)
        else:
            self._transport = http_client

    def with_options(
        self,
        *,
        timeout: float | None = None,
        total_timeout: float | None = None,
        max_retries: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """A client with other options over the same connections. Closing it leaves this one open."""
        derived = object.__new__(type(self))
        changes = {
            "timeout": timeout,
            "total_timeout": total_timeout,
            "max_retries": max_retries,
            "headers": headers,
        }
        _BaseClient.__init__(derived, self._derived_config(changes), self._shared)
        derived._transport = self._transport
        derived._owns_transport = False
        return derived

    async def request(
        self,
        method: Method,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        safe: Safe = "once",
        **options: Any,
    ) -> Any:
        """Call a route that the client does not describe, with the same key, retries and errors.

        `path` is sent as it is, so percent-encode what needs it. `safe="read"` or `"idempotent"` allows
        retries after failures that may have had an effect. Returns the decoded JSON. Takes `with_perf` and
        the options of every call.
        """
        operation = _undescribed(method, path, safe)
        return await self._call(operation, object, query=query or {}, body=body, **_split(options))

    async def _call(
        self,
        operation: Operation,
        result: type[T],
        *,
        path: Sequence[str | int] = (),
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, Any] | None = None,
        body: Any = None,
        with_perf: bool,
        options: CallOptions,
    ) -> T | LayerResponse[T]:
        call = self._prepare(operation, path, query or {}, headers or {}, body, options)
        answer = await self._drive(self._exchange(call))
        return self._finish(call, answer, result, with_perf)

    async def _drive(self, steps: Exchange) -> Answer:
        outcome: Outcome = None
        try:
            while True:
                step = steps.send(outcome)
                outcome = None
                if isinstance(step, HttpRequest):
                    try:
                        outcome = await self._transport.send(step)
                    except TransportFailure as failure:
                        outcome = failure
                else:
                    await asyncio.sleep(step)
        except StopIteration as stop:
            answer: Answer = stop.value
            return answer

    async def aclose(self) -> None:
        """Close the connections this client opened. Calling it twice is fine."""
        if self._owns_transport:
            await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


def _undescribed(method: Method, path: str, safe: Safe) -> Operation:
    if not path.startswith("/") or "?" in path or "#" in path:
        raise ConfigError(f"request: path must begin with / and hold no query or fragment, got {path!r}")
    if any(segment in (".", "..") or segment.startswith("{") for segment in path.split("/")):
        raise ConfigError(f'request: path may hold no ".", ".." or template segment, got {path!r}')
    return Operation(id="request", method=method, path=path, safe=safe)


def _split(options: dict[str, Any]) -> dict[str, Any]:
    return {"with_perf": options.pop("with_perf", False), "options": options}


def _decode(operation: Operation, answer: Answer, result: type[T]) -> T:
    """The body as `result`: a Model, `dict[...]`, `list[...]`, `str`, or `object` for whatever came."""
    response = answer.response
    kind: Any = get_origin(result) or result
    decoded: Any = None
    if kind is str:
        decoded = response.text
        return decoded  # type: ignore[no-any-return]  # str is what was asked for
    problem = "the body is empty" if not response.content else None
    is_model = issubclass(kind, Model)
    if problem is None:
        try:
            decoded = msgspec.json.decode(response.content)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            problem = f"the body is not JSON: {error}"
        else:
            expected = dict if is_model else kind
            if not isinstance(decoded, expected):
                problem = f"the body is {_json_name(type(decoded))}, not {_json_name(expected)}"
    if problem is not None:
        failure = ResponseError(f"{operation.id}: answered {response.status_code}, but {problem}")
        failure.status_code = response.status_code
        failure.response = response
        failure.operation_id = operation.id
        failure.attempts = answer.attempts
        raise failure
    if is_model:
        decoded = kind(decoded, response.headers)
    elif (convert := converter(result)) is not None:
        decoded = convert(decoded)
    return decoded  # type: ignore[no-any-return]  # checked or converted to `result` above


def _json_name(kind: type) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(kind, "a number")
