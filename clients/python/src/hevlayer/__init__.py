"""Client for Layer, the gateway in front of Turbopuffer.

    from hevlayer import Hevlayer

    with Hevlayer() as client:
        client.write_namespace("products", {"upsert_rows": [{"id": "sku-17", "title": "Trail shoe"}]})
        document = client.fetch_document("products", "sku-17")

`AsyncHevlayer` has the same surface, awaited. Bodies and results are in `hevlayer.models`.
"""

from ._call import CallOptions
from ._errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConfigError,
    ConflictError,
    HevlayerError,
    JobFailedError,
    NotFoundError,
    PageError,
    PermissionDeniedError,
    RateLimitError,
    ResponseError,
    ServerError,
    TooLargeError,
    UnprocessableError,
    UnsupportedError,
    WaitTimeoutError,
)
from ._generated.errors import ERROR_CODES, ErrorCode, ErrorCodeInfo
from ._model import Model
from ._omit import OMIT, Omit
from ._pages import AsyncPages, Pages
from ._perf import LayerResponse, Perf
from ._surface import AsyncHevlayer, Hevlayer
from ._transport import (
    AsyncHttpxTransport,
    AsyncTransport,
    HttpRequest,
    HttpResponse,
    HttpxTransport,
    Transport,
    TransportFailure,
)
from ._version import __version__

__all__ = [
    "ERROR_CODES",
    "OMIT",
    "APIConnectionError",
    "APIError",
    "APITimeoutError",
    "AsyncHevlayer",
    "AsyncHttpxTransport",
    "AsyncPages",
    "AsyncTransport",
    "AuthenticationError",
    "BadRequestError",
    "CallOptions",
    "ConfigError",
    "ConflictError",
    "ErrorCode",
    "ErrorCodeInfo",
    "Hevlayer",
    "HevlayerError",
    "HttpRequest",
    "HttpResponse",
    "HttpxTransport",
    "JobFailedError",
    "LayerResponse",
    "Model",
    "NotFoundError",
    "Omit",
    "PageError",
    "Pages",
    "Perf",
    "PermissionDeniedError",
    "RateLimitError",
    "ResponseError",
    "ServerError",
    "TooLargeError",
    "Transport",
    "TransportFailure",
    "UnprocessableError",
    "UnsupportedError",
    "WaitTimeoutError",
    "__version__",
]
