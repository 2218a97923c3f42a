"""What a call cost, for callers that ask with `with_perf=True`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

Fallback = Literal["turbopuffer_direct"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Perf:
    """Measures of one call. Milliseconds are wall time on this side, retries and waits included."""

    latency_ms: float
    """The whole call: every attempt, the waits between them, and decoding."""
    last_attempt_ms: float
    """The attempt that was answered, alone."""
    cache_status: str | None
    """`hit`, `miss` or `miss-on-error` from `x-layer-cache`; None where the operation has no cache."""
    fallback: Fallback | None
    """`turbopuffer_direct` when the gateway could not be reached and Turbopuffer answered instead."""
    status_code: int
    """HTTP status of the answer."""
    attempts: int
    """Requests made, the first included."""
    bytes_sent: int
    """Body of one request, as it was sent."""
    bytes_received: int
    """Body of the answer, decompressed."""
    headers: Mapping[str, str] = field(repr=False)
    """Response headers, names in lower case."""

    @property
    def request_id(self) -> str | None:
        """`x-request-id` of the answer."""
        return self.headers.get("x-request-id")

    @property
    def warnings(self) -> list[str]:
        """Names of request parts that had no effect, such as `vector_attribute_dropped`."""
        names = (name.strip() for name in self.headers.get("x-layer-warning", "").split(","))
        return [name for name in names if name]

    @property
    def stable_as_of(self) -> int | None:
        """The watermark of the answer, milliseconds since 1970; None when the gateway gave none."""
        text = self.headers.get("x-layer-stable-as-of", "")
        return int(text) if text.isascii() and text.isdigit() else None

    @property
    def partial(self) -> bool:
        """Some parts of a federated query failed."""
        return self.headers.get("x-layer-partial") == "true"

    @property
    def next_cursor(self) -> str | None:
        """Token of the next page from the headers; None when there is none."""
        return self.headers.get("x-layer-next-cursor")


@dataclass(frozen=True, slots=True)
class LayerResponse(Generic[T]):
    """A result with its measures."""

    data: T
    """What the call returns without `with_perf`."""
    perf: Perf
