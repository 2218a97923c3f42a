"""When a failed attempt is made again, and how long to wait before it. Pure functions; the loop is in
`_call`.

An operation has a retry class from the spec. `read` and `idempotent` may be repeated after any failure that
can heal. `once` may be repeated only when the first attempt surely had no effect.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, Literal

from ._errors import error_code
from ._generated.errors import NOT_RETRYABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ._transport import HttpResponse, TransportFailure

Safe = Literal["read", "idempotent", "once"]

FIRST_DELAY_S: Final = 0.25
DELAY_MAX_S: Final = 8.0
RETRY_AFTER_MAX_S: Final = 60.0
"""A server that asks for a longer wait gets no wait: the error is raised with `retry_after` set."""

_HEALING_STATUSES: Final = frozenset({408, 429, 500, 502, 503, 504})


# float() would read "1_0" and "inf" too.
_DECIMAL: Final = re.compile(r"[0-9]+(\.[0-9]*)?(e[0-9]+)?", re.IGNORECASE)


def retries_status(safe: Safe, response: HttpResponse, asked: float | None) -> bool:
    """Whether an answer outside 2xx may be followed by another attempt. `asked`: the wait it asks for."""
    if error_code(response) in NOT_RETRYABLE:
        return False
    verdict = response.headers.get("x-should-retry", "").strip().lower()
    if verdict in ("true", "false"):
        return verdict == "true"
    if safe == "once":
        # A server that says when to come back has not taken the request on.
        return response.status_code == 429 or (response.status_code == 503 and asked is not None)
    return response.status_code in _HEALING_STATUSES


def retries_failure(safe: Safe, failure: TransportFailure) -> bool:
    """Whether an attempt without an answer may be followed by another one."""
    return safe != "once" or failure.phase == "connect"


def retry_after_s(headers: Mapping[str, str], now: Callable[[], datetime]) -> float | None:
    """Seconds the server asked to wait, 0 or more; None when it did not say, or not legibly."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is not None or text is None:
        return seconds
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - now()).total_seconds(), 0.0)


def backoff_s(retry: int, jitter: float) -> float:
    """Seconds before retry number `retry` (from 0): doubling from 250 ms to 8 s, times 50 to 100 percent.

    `jitter` is a random number in [0, 1).
    """
    # The exponent is bounded so that a large retry count cannot overflow.
    delay = min(FIRST_DELAY_S * 2.0 ** min(retry, 16), DELAY_MAX_S)
    return delay * (0.5 + jitter / 2)


def _number(text: str | None) -> float | None:
    if text is None or not _DECIMAL.fullmatch(text.strip()):
        return None
    value = float(text)
    return value if math.isfinite(value) else None
