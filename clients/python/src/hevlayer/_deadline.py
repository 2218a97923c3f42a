"""Holds a blocking exchange to its deadline.

The HTTP library bounds each read and write of a socket, not their sum: a server that sends one byte of its
headers before each of these limits would hold a call for ever. So the streams that the library opens are
wrapped, and every read and write gets what is left until the deadline of the thread that makes it.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Final

_WRITE_BYTES: Final = 64 * 1024
"""A large body is written in pieces, each with what is left by then."""


class Deadline(threading.local):
    """When the exchange of this thread must be over, on the monotonic clock; None outside of one."""

    at: float | None = None

    def left(self, timeout: float | None, timed_out: type[Exception]) -> float | None:
        """Seconds for the next step: `timeout`, or what is left when that is less. `timed_out` is raised when
        nothing is.
        """
        if self.at is None:
            return timeout
        left = self.at - time.monotonic()
        if left <= 0:
            raise timed_out("timed out")
        return left if timeout is None else min(timeout, left)


def hold(client: Any, deadline: Deadline) -> None:
    """Make every connection that an httpx2 client opens from now on keep to `deadline`.

    httpx2 has no option for the network backend of its pools, so they are reached into. A release that keeps
    them elsewhere is left with its own limits.
    """
    import httpcore2

    for transport in (client._transport, *client._mounts.values()):
        pool: Any = getattr(transport, "_pool", None)
        if hasattr(pool, "_network_backend"):
            pool._network_backend = _Backend(pool._network_backend, deadline, httpcore2)


class _Backend:
    """A network backend of httpcore2 whose streams keep to the deadline."""

    def __init__(self, inner: Any, deadline: Deadline, library: Any) -> None:
        self._inner = inner
        self._deadline = deadline
        self._library = library

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, **options: Any) -> Any:
        left = self._deadline.left(timeout, self._library.ConnectTimeout)
        return self._held(self._inner.connect_tcp(host, port, timeout=left, **options))

    def connect_unix_socket(self, path: str, timeout: float | None = None, **options: Any) -> Any:
        left = self._deadline.left(timeout, self._library.ConnectTimeout)
        return self._held(self._inner.connect_unix_socket(path, timeout=left, **options))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)

    def _held(self, stream: Any) -> _Stream:
        return _Stream(stream, self._deadline, self._library)


class _Stream:
    """A connection of httpcore2 that keeps to the deadline."""

    def __init__(self, inner: Any, deadline: Deadline, library: Any) -> None:
        self._inner = inner
        self._deadline = deadline
        self._library = library

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = self._deadline.left(timeout, self._library.ReadTimeout)
        data: bytes = self._inner.read(max_bytes, timeout=left)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        whole = memoryview(buffer)
        for start in range(0, len(whole), _WRITE_BYTES):
            left = self._deadline.left(timeout, self._library.WriteTimeout)
            self._inner.write(whole[start : start + _WRITE_BYTES], timeout=left)

    def close(self) -> None:
        self._inner.close()

    def start_tls(self, ssl_context: Any, server_hostname: Any = None, timeout: float | None = None) -> Any:
        left = self._deadline.left(timeout, self._library.ConnectTimeout)
        inner = self._inner.start_tls(ssl_context, server_hostname=server_hostname, timeout=left)
        return _Stream(inner, self._deadline, self._library)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
