"""Every error the client raises.

    HevlayerError
    ├── APIError                  the server answered with an error status
    │   ├── BadRequestError           400
    │   ├── AuthenticationError       401
    │   ├── PermissionDeniedError     403
    │   ├── NotFoundError             404
    │   ├── ConflictError             409
    │   ├── TooLargeError             413
    │   ├── UnprocessableError        422
    │   ├── RateLimitError            429
    │   ├── ServerError               500 and above
    │   └── UnsupportedError          error code `UnsupportedByStore`, whatever the status
    ├── APIConnectionError        no answer: refused, reset, cut short
    │   └── APITimeoutError           no answer in time
    ├── ResponseError             a 2xx answer that cannot be understood
    ├── PageError                 a listing that cannot be continued
    ├── JobFailedError            a job that was waited for failed
    ├── WaitTimeoutError          a job that was waited for runs on (also a TimeoutError)
    └── ConfigError               an option, variable or argument that cannot be used (also a ValueError)

Cancelling a task raises `asyncio.CancelledError` as everywhere in asyncio: it is not wrapped.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._call import Operation
    from ._generated.errors import ErrorCode
    from ._transport import HttpResponse

MESSAGE_CHARS_MAX: Final = 200
"""How much of a body without a message of its own is quoted."""

BODY_BYTES_MAX: Final = 64 * 1024
"""How much of a body that is not JSON is kept as `body` of the error."""


class HevlayerError(Exception):
    """Base of all errors of this package. Fields that do not apply are None."""

    message: str
    """What went wrong, in words."""
    status_code: int | None = None
    """HTTP status of the answer."""
    error: ErrorCode | str | None = None
    """Machine-readable code of the gateway's own errors; None for those relayed from Turbopuffer."""
    feature: str | None = None
    """With `UnsupportedByStore`: stable id of what the store lacks."""
    response: HttpResponse | None = None
    """The answer itself."""
    operation_id: str | None = None
    """operationId of the call, as in the spec."""
    method: str | None = None
    """HTTP method of the request."""
    route: str | None = None
    """Path template of the operation, without the values."""
    attempts: int | None = None
    """Requests that were made, the first included."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class APIError(HevlayerError):
    """The server answered with an error status. Statuses without a class of their own are plain APIErrors."""

    status_code: int
    response: HttpResponse
    operation_id: str
    attempts: int
    method: str
    route: str
    headers: Mapping[str, str]
    """Response headers, names in lower case."""
    body: Any
    """Decoded JSON body, or up to 64 KiB of text when it is not JSON."""
    request_id: str | None
    """`x-request-id` of the answer."""
    retry_after: float | None
    """Seconds the server asked to wait."""
    reason: str | None
    """With `unauthorized` and `forbidden`: which rule refused."""
    required_scope: str | None
    """With `forbidden`: the scope the key lacks."""

    def __init__(
        self,
        response: HttpResponse,
        operation: Operation,
        *,
        attempts: int,
        retry_after: float | None,
        hidden: tuple[str, ...] = (),
    ) -> None:
        response = without_secrets(response, hidden)
        body = _readable_body(response)
        details: Mapping[str, Any] = body if isinstance(body, dict) else {}
        self.error = _code(details)
        message = _text(details, "message") or _text(details, "error") or _excerpt(body)
        self.status_code = response.status_code
        self.operation_id = operation.id
        code = f" {self.error}" if self.error else ""
        super().__init__(message)
        self.args = (f"{operation.id}: {response.status_code}{code}: {message}",)
        self.response = response
        self.attempts = attempts
        self.method = operation.method
        self.route = operation.path
        self.headers = response.headers
        self.body = body
        self.request_id = response.headers.get("x-request-id")
        self.retry_after = retry_after
        self.feature = _text(details, "feature")
        self.reason = _text(details, "reason")
        self.required_scope = _text(details, "required_scope")

    def __reduce__(self) -> tuple[Any, ...]:
        # The constructor wants the response; an unpickled error is rebuilt from its fields instead.
        return (_restore, (type(self), self.args, self.__dict__))


class BadRequestError(APIError):
    """400: the request could not be read, for example a body that is not JSON."""


class AuthenticationError(APIError):
    """401: no key, or one that matches nothing."""


class PermissionDeniedError(APIError):
    """403: the key is known and may not do this."""


class NotFoundError(APIError):
    """404: no such document, namespace or route."""


class ConflictError(APIError):
    """409: the request contradicts stored state. Never retried."""


class TooLargeError(APIError):
    """413: the body is above the server's limit."""


class UnprocessableError(APIError):
    """422: well-formed, and refused before anything was done."""


class RateLimitError(APIError):
    """429: too many requests; `retry_after` says how long to wait."""


class ServerError(APIError):
    """500 and above: the gateway or what stands behind it failed."""


class UnsupportedError(APIError):
    """The store behind the gateway cannot do this; `feature` names what is missing."""


class APIConnectionError(HevlayerError):
    """No answer: the server could not be reached, or the connection broke.

    `__cause__` holds the transport's error.
    """


class APITimeoutError(APIConnectionError, TimeoutError):
    """No answer within the attempt timeout, or the total timeout ran out."""


class ResponseError(HevlayerError):
    """A 2xx answer that cannot be understood: empty, not JSON, or of the wrong type."""


class PageError(HevlayerError):
    """A listing that cannot be continued: a cursor came twice, or a page has no items."""


class JobFailedError(HevlayerError):
    """A job that was waited for failed."""

    job: Any
    """The job as it ended."""

    def __init__(self, message: str, job: Any = None) -> None:
        super().__init__(message)
        self.job = job


class WaitTimeoutError(HevlayerError, TimeoutError):
    """A job that was waited for had not ended at the end of the wait; it runs on."""

    job: Any
    """The job as it was last seen; None when no request was answered."""

    def __init__(self, message: str, job: Any = None) -> None:
        super().__init__(message)
        self.job = job


class ConfigError(HevlayerError, ValueError):
    """An option, environment variable or argument that cannot be used. Raised before any request is made."""


_BY_STATUS: Final[Mapping[int, type[APIError]]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    413: TooLargeError,
    422: UnprocessableError,
    429: RateLimitError,
}


def api_error(
    response: HttpResponse,
    operation: Operation,
    *,
    attempts: int,
    retry_after: float | None,
    hidden: tuple[str, ...] = (),
) -> APIError:
    """The error for an answer outside 2xx.

    `hidden` are secrets that may not show, even if the server repeats them.
    """
    fallback = ServerError if response.status_code >= 500 else APIError
    kind = _BY_STATUS.get(response.status_code, fallback)
    if error_code(response) == "UnsupportedByStore":
        kind = UnsupportedError
    return kind(response, operation, attempts=attempts, retry_after=retry_after, hidden=hidden)


def error_code(response: HttpResponse) -> str | None:
    """The machine-readable code of an error body, or None."""
    body = _readable_body(response)
    return _code(body) if isinstance(body, dict) else None


def hide(text: str, hidden: tuple[str, ...]) -> str:
    """`text` with every secret blanked out."""
    for secret in hidden:
        text = text.replace(secret, "***")
    return text


def without_secrets(response: HttpResponse, hidden: tuple[str, ...]) -> HttpResponse:
    """The answer with every secret that the server sent back blanked out."""
    content = response.content
    for secret in hidden:
        content = content.replace(secret.encode(), b"***")
    headers = {name: hide(value, hidden) for name, value in response.headers.items()}
    return replace(response, headers=headers, content=content)


def _readable_body(response: HttpResponse) -> Any:
    content = response.content
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return content[:BODY_BYTES_MAX].decode("utf-8", "replace")


def _code(details: Mapping[str, Any]) -> str | None:
    # The gateway's own bodies have a message beside the code; Turbopuffer's have prose in its place.
    return _text(details, "error") if _text(details, "message") is not None else None


def _text(details: Mapping[str, Any], name: str) -> str | None:
    value = details.get(name)
    return value if isinstance(value, str) else None


def _excerpt(body: Any) -> str:
    text = " ".join(body.split()) if isinstance(body, str) else msgspec.json.encode(body).decode()
    if not text:
        return "empty body"
    return text if len(text) <= MESSAGE_CHARS_MAX else f"{text[: MESSAGE_CHARS_MAX - 1]}…"


def _restore(kind: type[APIError], args: tuple[Any, ...], fields: dict[str, Any]) -> APIError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(fields)
    return error
