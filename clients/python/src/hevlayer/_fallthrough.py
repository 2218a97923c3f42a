"""Going to Turbopuffer directly when the gateway cannot be reached.

Only a call that means the same there may go: the spec marks them, and of the queries only plain vector ones
qualify. An HTTP answer of any status, a 503 included, is an answer, and never leads here. A call that
changes data goes only if the gateway surely never saw it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ._retry import Safe
    from ._transport import TransportFailure

DOWN_S: Final = 5.0
"""How long the gateway is remembered as down after a failed connection."""

Fallthrough = Literal["yes", "no", "simple", "native"]
"""`simple`: only a plain vector query, rewritten; `native`: only a body that holds nothing of Layer's own."""

_LAYER_ONLY: Final = ("nearest_to_id", "cursor", "as_of", "between")
_LAYER_RANKINGS: Final = ("HybridText", "Auto")
_NEAREST: Final = ("ANN", "kNN")


class GatewayHealth:
    """Remembers which gateways could not be reached, so that calls do not all wait for the same dead
    address.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._down_until: dict[str, float] = {}

    def mark_down(self, base_url: str) -> None:
        self._down_until[base_url] = self._clock() + DOWN_S

    def is_down(self, base_url: str) -> bool:
        return self._clock() < self._down_until.get(base_url, 0.0)


def unreachable(safe: Safe, failure: TransportFailure) -> bool:
    """Whether a failed attempt counts as "the gateway cannot be reached" for an operation of this retry
    class.
    """
    if failure.waited_for_pool:
        return False
    if failure.phase == "connect":
        return True
    # A reset before any answer: a read can be asked again elsewhere, a write may already have been applied.
    return safe == "read" and failure.phase == "exchange" and not failure.timed_out


def direct_body(fallthrough: Fallthrough, body: Any) -> Any | None:
    """The body to send to Turbopuffer, or None when this call may not go there. `body` is plain JSON data."""
    if fallthrough == "yes":
        return body
    if fallthrough == "native":
        return body if _is_native(body) else None
    if fallthrough == "no" or not isinstance(body, dict) or any(name in body for name in _LAYER_ONLY):
        return None
    if "queries" in body:
        return None
    if "rank_by" in body:
        return body if "vector" not in body and _ranks_by_vector(body["rank_by"]) else None
    return _vector_query(body) if body.get("vector") else None


def _is_native(body: Any) -> bool:
    """Whether these are several queries that are all Turbopuffer's own."""
    if not isinstance(body, dict) or not isinstance(body.get("queries"), list | tuple):
        return False
    return all(_is_native_query(part) for part in (body, *body["queries"]))


def _is_native_query(query: Any) -> bool:
    if not isinstance(query, dict) or any(name in query for name in ("vector", *_LAYER_ONLY)):
        return False
    rank_by = query.get("rank_by")
    return not (isinstance(rank_by, list | tuple) and len(rank_by) > 1 and rank_by[1] in _LAYER_RANKINGS)


def _ranks_by_vector(rank_by: Any) -> bool:
    return (
        isinstance(rank_by, list | tuple)
        and len(rank_by) == 3
        and isinstance(rank_by[0], str)
        and rank_by[1] in _NEAREST
        and bool(rank_by[2])
    )


def _vector_query(body: Mapping[str, Any]) -> dict[str, Any]:
    """The ranking that the gateway would have built from `vector`."""
    rest = {name: value for name, value in body.items() if name not in ("vector", "top_k")}
    return {
        "rank_by": ["vector", "ANN", body["vector"]],
        "top_k": 10 if body.get("top_k") is None else body["top_k"],
        "consistency": {"level": "eventual"},
        **rest,
    }
