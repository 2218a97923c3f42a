"""The seam to the HTTP library: one request out, one whole response (or one classified failure) back.

httpx2 sits behind two small protocols and never shows in a public type. It is imported when the first
client is built. Any client with httpx's `build_request` and `send` can be handed in, so failures are
recognised by class name.

The attempt timeout covers the whole exchange. Async holds it exactly, and so does sync with its own
connections (`_deadline`). A sync client that was handed in bounds each read on its own: there a server that
sends its headers drop by drop can hold a call for longer.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
import weakref
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, runtime_checkable

import msgspec

from ._deadline import Deadline, hold
from ._errors import ResponseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from http.cookiejar import CookieJar

RESPONSE_BYTES_MAX: Final = 512 * 1024 * 1024
"""Largest decoded response body, the same as the gateway's own limit on requests."""

ERROR_BYTES_MAX: Final = 1024 * 1024
"""How much of the body is read when the answer is no success; the rest is dropped."""

_READ_FLOOR_S: Final = 0.001

Phase = Literal["connect", "exchange", "body"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One attempt, ready to send."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    content: bytes | None = field(repr=False)
    connect_timeout: float
    """Seconds for the connection to stand."""
    timeout: float
    """Seconds for the whole attempt."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete response. `headers` have lower-case names; repeated ones are joined by commas."""

    status_code: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The body as UTF-8; bytes that are not UTF-8 are replaced."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The decoded body, integers exact; msgspec.DecodeError when it is not JSON."""
        return msgspec.json.decode(self.content)


class TransportFailure(Exception):
    """No response. `phase` says how far the attempt came.

    `connect`: nothing was sent, so nothing can have happened. `exchange`: the request may have been
    processed. `body`: the response had begun.
    """

    def __init__(self, message: str, *, phase: Phase, timed_out: bool, waited_for_pool: bool = False) -> None:
        """`waited_for_pool`: every pooled connection stayed busy, which says nothing about the server."""
        super().__init__(message)
        self.phase: Phase = phase
        self.timed_out = timed_out
        self.waited_for_pool = waited_for_pool


class Transport(Protocol):
    """What the sync client needs. Must be safe to share between threads."""

    def send(self, request: HttpRequest) -> HttpResponse:
        """Send once: no retries, no redirects. Raises TransportFailure when no whole response came, and
        ResponseError for a success that is too large.
        """
        ...

    def close(self) -> None:
        """Release every connection; further sends may open new ones."""
        ...


class AsyncTransport(Protocol):
    """What the async client needs. Must be safe to share between tasks."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """As `Transport.send`; cancelling it frees the connection."""
        ...

    async def aclose(self) -> None:
        """Release every connection; further sends may open new ones."""
        ...


@runtime_checkable
class HttpxClient(Protocol):
    """An httpx or httpx2 client of one's own, sync or async. It stays open when the Layer client closes."""

    # As properties, because a method of fixed signature would not match httpx's own.
    @property
    def build_request(self) -> Callable[..., Any]: ...

    @property
    def send(self) -> Callable[..., Any]: ...


class _Pool:
    """The connections of one process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.client: Any = None


class HttpxTransport:
    """Sync transport over `httpx2.Client`. Connections opened before a fork are not used after it."""

    def __init__(self, client: HttpxClient | None = None) -> None:
        self._injected = client
        self._httpx: Any = _import_httpx() if client is None else None
        self._deadline = Deadline()
        # By process: a lock that another thread holds at a fork is never released in the child.
        self._pools: dict[int, _Pool] = {}

    def send(self, request: HttpRequest) -> HttpResponse:
        client = self._injected or self._open()
        self._deadline.at = time.monotonic() + request.timeout
        try:
            return self._exchange(client, request, self._deadline.at)
        finally:
            self._deadline.at = None

    def _exchange(self, client: Any, request: HttpRequest, deadline: float) -> HttpResponse:
        timeouts = _timeouts(request)
        built = _build(client, request, {"timeout": timeouts})
        with _classified("exchange"):
            response = client.send(built, stream=True, follow_redirects=False)
        body = _Body(response.status_code)
        try:
            # The HTTP library reads this value when the first body byte is asked for.
            timeouts["read"] = max(deadline - time.monotonic(), _READ_FLOOR_S)
            with _classified("body"):
                for chunk in response.iter_bytes():
                    if not body.take(chunk):
                        break
                    if time.monotonic() >= deadline:
                        message = "the response was not complete in time"
                        raise TransportFailure(message, phase="body", timed_out=True)
        finally:
            response.close()
        return HttpResponse(response.status_code, _headers(response), body.content)

    def close(self) -> None:
        pool = self._pool()
        with pool.lock:
            owned, pool.client = pool.client, None
        if owned is not None:
            owned.close()

    def _open(self) -> Any:
        pool = self._pool()
        with pool.lock:
            if pool.client is None:
                client = self._httpx.Client(trust_env=True, cookies=_no_cookies())
                hold(client, self._deadline)
                pool.client = client
            return pool.client

    def _pool(self) -> _Pool:
        pid = os.getpid()
        pool = self._pools.get(pid)
        if pool is None:
            # Atomic, so that the threads of a child agree on one.
            pool = self._pools.setdefault(pid, _Pool())
            for other in [known for known in self._pools.copy() if known != pid]:
                self._pools.pop(other, None)
        return pool


class AsyncHttpxTransport:
    """Async transport over `httpx2.AsyncClient`, one per event loop: connections belong to the loop that
    opened them.
    """

    def __init__(self, client: HttpxClient | None = None) -> None:
        self._injected = client
        self._httpx: Any = _import_httpx() if client is None else None
        self._owned: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = weakref.WeakKeyDictionary()
        self._owner_pid = os.getpid()

    async def send(self, request: HttpRequest) -> HttpResponse:
        progress = _Progress()
        try:
            async with asyncio.timeout(request.timeout):
                return await self._exchange(request, progress)
        except TimeoutError as error:
            raise TransportFailure(
                f"no answer within {request.timeout:g} s",
                phase=progress.phase,
                timed_out=True,
                waited_for_pool=progress.waiting,
            ) from error

    async def _exchange(self, request: HttpRequest, progress: _Progress) -> HttpResponse:
        client = self._injected or self._open()
        extensions = {"timeout": _timeouts(request), "trace": progress.trace}
        built = _build(client, request, extensions)
        with _classified("exchange"):
            response = await client.send(built, stream=True, follow_redirects=False)
        progress.phase = "body"
        body = _Body(response.status_code)
        try:
            with _classified("body"):
                async for chunk in response.aiter_bytes():
                    if not body.take(chunk):
                        break
        finally:
            await response.aclose()
        return HttpResponse(response.status_code, _headers(response), body.content)

    async def aclose(self) -> None:
        owned = self._owned.pop(asyncio.get_running_loop(), None)
        # Connections of other loops cannot be closed from here; dropping them lets the collector do it.
        self._owned.clear()
        if owned is not None and self._owner_pid == os.getpid():
            await owned.aclose()

    def _open(self) -> Any:
        if self._owner_pid != os.getpid():
            self._owned.clear()
            self._owner_pid = os.getpid()
        loop = asyncio.get_running_loop()
        client = self._owned.get(loop)
        if client is None:
            self._drop_ended_loops()
            client = self._owned[loop] = self._httpx.AsyncClient(trust_env=True, cookies=_no_cookies())
        return client

    def _drop_ended_loops(self) -> None:
        # Connections hold their loop, so that of an `asyncio.run` would never leave by itself.
        for reference in self._owned.keyrefs():
            loop = reference()
            if loop is not None and loop.is_closed():
                self._owned.pop(loop, None)


class _Progress:
    """How far an async attempt has come, told by the HTTP library's trace events."""

    __slots__ = ("phase", "waiting")

    def __init__(self) -> None:
        self.phase: Phase = "connect"
        self.waiting = True

    async def trace(self, event: str, _info: Any) -> None:
        self.waiting = False
        if event.endswith("send_request_headers.started"):
            self.phase = "exchange"


def _import_httpx() -> Any:
    # The first two are else imported with the first connection, and a fork during an import hangs the child.
    import encodings.idna  # noqa: F401

    import httpcore2  # noqa: F401
    import httpx2

    return httpx2


def _no_cookies() -> CookieJar:
    """A jar that takes none: a client answers for many callers, and no other Layer client keeps cookies."""
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


def _timeouts(request: HttpRequest) -> dict[str, float]:
    return {
        "connect": min(request.connect_timeout, request.timeout),
        "read": request.timeout,
        "write": request.timeout,
        "pool": request.timeout,
    }


def _build(client: Any, request: HttpRequest, extensions: dict[str, Any]) -> Any:
    return client.build_request(
        request.method,
        request.url,
        headers=dict(request.headers),
        content=request.content,
        extensions=extensions,
    )


def _headers(response: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


class _Body:
    """The body of an answer as it arrives: a success whole, the beginning of anything else."""

    def __init__(self, status_code: int) -> None:
        self._status_code = status_code
        self._bytes = bytearray()

    def take(self, chunk: bytes) -> bool:
        """False when no more is wanted. ResponseError for a success that is too large."""
        self._bytes += chunk
        if not 200 <= self._status_code < 300:
            return len(self._bytes) < ERROR_BYTES_MAX
        if len(self._bytes) > RESPONSE_BYTES_MAX:
            error = ResponseError(f"the response is larger than {RESPONSE_BYTES_MAX} bytes")
            error.status_code = self._status_code
            raise error
        return True

    @property
    def content(self) -> bytes:
        return bytes(self._bytes if 200 <= self._status_code < 300 else self._bytes[:ERROR_BYTES_MAX])


@contextmanager
def _classified(phase: Literal["exchange", "body"]) -> Iterator[None]:
    """Turn the HTTP library's transport errors into TransportFailure; let everything else through."""
    try:
        yield
    except TransportFailure:
        raise
    except Exception as error:
        names = {kind.__name__ for kind in type(error).__mro__}
        if not names & {"TransportError", "DecodingError"}:
            raise
        unsent = names & {"ConnectError", "ConnectTimeout", "ProxyError", "UnsupportedProtocol"}
        pool_full = "PoolTimeout" in names
        raise TransportFailure(
            f"{type(error).__name__}: {error}" if str(error) else type(error).__name__,
            phase="connect" if unsent or pool_full else phase,
            timed_out="TimeoutException" in names,
            waited_for_pool=pool_full,
        ) from error
