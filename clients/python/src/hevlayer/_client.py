"""The bases of the two clients: how a request is sent, how a wait is waited, how the transport is closed.

Generated clients add a method per operation on top.
"""

from __future__ import annotations

import asyncio
import time
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ._base import BaseClient, as_response, check_sends, split_options, undescribed_operation
from ._errors import ConfigError, HevlayerError, ResponseError
from ._transport import (
    AsyncHttpxTransport,
    AsyncTransport,
    HttpRequest,
    HttpxTransport,
    Transport,
    TransportFailure,
)
from ._wait import Pause, Told, refuse_async_callback

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from ._call import Answer, CallOptions, Exchange, Method, Operation, Outcome
    from ._perf import LayerResponse
    from ._retry import Safe
    from ._transport import HttpxClient

T = TypeVar("T")


class SyncClient(BaseClient[Transport]):
    """Blocking client. Safe to share between threads; close it, or use it in a `with` block."""

    @staticmethod
    def _over_httpx(client: HttpxClient | None) -> Transport:
        return HttpxTransport(client)

    @staticmethod
    def _check_http_client(client: Any) -> None:
        check_sends(client)
        if iscoroutinefunction(client.send):
            raise ConfigError("http_client is an async one, which needs an AsyncHevlayer")

    def request(
        self,
        method: Method,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        safe: Safe | None = None,
        **options: Any,
    ) -> Any:
        """Call a route that the client does not describe, with the same key, retries and errors.

        `path` is sent as it is, so percent-encode what needs it. `safe` is the retry class: by default
        `"read"` for GET, `"idempotent"` for PUT and DELETE, `"once"` otherwise, which repeats only what
        surely was not processed. Returns the decoded JSON, None for an empty answer. Takes `with_perf` and
        the options of every call.
        """
        operation = undescribed_operation(method, path, safe)
        return self._call(operation, object, query=query or {}, body=body, **split_options(options))

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
                    except (TransportFailure, ResponseError) as failure:
                        outcome = failure
                else:
                    time.sleep(step)
        except StopIteration as stop:
            answer: Answer = stop.value
            return answer

    def _wait(
        self,
        operation: Operation,
        result: type[T],
        *,
        path: Sequence[str | int],
        on_progress: Callable[[T], object] | None,
        pace: tuple[float, float, float],
        options: CallOptions,
    ) -> T:
        steps = self._waiting(operation, on_progress, pace, options)
        outcome: LayerResponse[T] | HevlayerError | None = None
        try:
            while True:
                step = steps.send(outcome)
                if isinstance(step, Told):
                    refuse_async_callback(operation, step)
                if isinstance(step, Pause):
                    time.sleep(step.seconds)
                    outcome = None
                    continue
                try:
                    outcome = as_response(
                        self._call(operation, result, path=path, with_perf=True, options=step.options)
                    )
                except HevlayerError as failure:
                    outcome = failure
        except StopIteration as stop:
            job: T = stop.value
            return job

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


class AsyncClient(BaseClient[AsyncTransport]):
    """Asyncio client. Safe to share between tasks and event loops; close it, or use it in an `async with`
    block.

    Cancelling a task ends connecting, reading, and waiting alike, and frees the connection.
    """

    @staticmethod
    def _over_httpx(client: HttpxClient | None) -> AsyncTransport:
        return AsyncHttpxTransport(client)

    @staticmethod
    def _check_http_client(client: Any) -> None:
        check_sends(client)
        if (
            hasattr(client, "close")
            and not hasattr(client, "aclose")
            and not iscoroutinefunction(client.send)
        ):
            raise ConfigError("http_client is a blocking one, which needs a Hevlayer")

    async def request(
        self,
        method: Method,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        safe: Safe | None = None,
        **options: Any,
    ) -> Any:
        """Call a route that the client does not describe, with the same key, retries and errors.

        `path` is sent as it is, so percent-encode what needs it. `safe` is the retry class: by default
        `"read"` for GET, `"idempotent"` for PUT and DELETE, `"once"` otherwise, which repeats only what
        surely was not processed. Returns the decoded JSON, None for an empty answer. Takes `with_perf` and
        the options of every call.
        """
        operation = undescribed_operation(method, path, safe)
        return await self._call(operation, object, query=query or {}, body=body, **split_options(options))

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
                    except (TransportFailure, ResponseError) as failure:
                        outcome = failure
                else:
                    await asyncio.sleep(step)
        except StopIteration as stop:
            answer: Answer = stop.value
            return answer

    async def _wait(
        self,
        operation: Operation,
        result: type[T],
        *,
        path: Sequence[str | int],
        on_progress: Callable[[T], object] | None,
        pace: tuple[float, float, float],
        options: CallOptions,
    ) -> T:
        steps = self._waiting(operation, on_progress, pace, options)
        outcome: LayerResponse[T] | HevlayerError | None = None
        try:
            while True:
                step = steps.send(outcome)
                if isinstance(step, Told):
                    await step.running
                    outcome = None
                    continue
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    outcome = None
                    continue
                try:
                    outcome = as_response(
                        await self._call(operation, result, path=path, with_perf=True, options=step.options)
                    )
                except HevlayerError as failure:
                    outcome = failure
        except StopIteration as stop:
            job: T = stop.value
            return job

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
