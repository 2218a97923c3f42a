"""What the sync and the async client share: options, derived clients, everything about a call but its I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, Self, TypeVar
from urllib.parse import unquote

from ._call import Answer, Call, CallOptions, Environment, Exchange, Operation, exchange, logger
from ._config import (
    Config,
    check_headers,
    check_mapping,
    check_retries,
    check_seconds,
    derive_config,
    log_level,
    resolve_config,
)
from ._decode import decode
from ._encode import encode_headers, encode_path, encode_query, plain_body
from ._errors import ConfigError
from ._fallthrough import GatewayHealth
from ._model import Model
from ._omit import OMIT
from ._perf import LayerResponse
from ._transport import HttpxClient
from ._wait import waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from ._call import Method
    from ._retry import Safe
    from ._wait import Look, Pause, Told
    from ._wait import Outcome as WaitOutcome

T = TypeVar("T")
TransportT = TypeVar("TransportT")

_OPTION_NAMES: Final = frozenset(CallOptions.__annotations__)


@dataclass(frozen=True, slots=True)
class _Shared:
    """What a client and those derived from it by `with_options` have in common."""

    health: GatewayHealth
    environment: Environment


class BaseClient(Generic[TransportT]):
    """Everything but I/O."""

    _config: Config
    _shared: _Shared
    _transport: TransportT
    _owns_transport: bool

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
        compress_requests: bool = False,
        http_client: TransportT | HttpxClient | None = None,
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
        - `headers`: sent with every request to the gateway; the key goes into `api_key`.
        - `compress_requests`: gzip request bodies of 1 KiB and more. Default False.
        - `http_client`: an httpx or httpx2 client of your own, sync or async like this one, or any
          transport. It stays open on close.

        The variable `HEVLAYER_LOG` (off, error, warn, info, debug) sets the level of the logger `hevlayer`.

        A value that cannot be used raises ConfigError.
        """
        if (level := log_level()) is not None:
            logger.setLevel(level)
        self._config = resolve_config(
            base_url=base_url,
            api_key=api_key,
            turbopuffer_api_key=turbopuffer_api_key,
            turbopuffer_base_url=turbopuffer_base_url,
            fallback_to_turbopuffer=fallback_to_turbopuffer,
            timeout=timeout,
            total_timeout=total_timeout,
            max_retries=max_retries,
            headers=headers,
            compress_requests=compress_requests,
        )
        self._shared = _Shared(GatewayHealth(), Environment())
        if http_client is not None:
            self._check_http_client(http_client)
        self._owns_transport = http_client is None or isinstance(http_client, HttpxClient)
        if http_client is None or isinstance(http_client, HttpxClient):
            self._transport = self._over_httpx(http_client)
        else:
            self._transport = http_client

    @staticmethod
    def _over_httpx(client: HttpxClient | None) -> TransportT:
        """The transport over an httpx client, one of its own when there is none."""
        raise NotImplementedError

    @staticmethod
    def _check_http_client(client: Any) -> None:
        """ConfigError for what surely cannot send for this client."""
        raise NotImplementedError

    @property
    def base_url(self) -> str:
        """Address of the gateway, without a trailing slash."""
        return self._config.base_url

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._config.base_url!r})"

    def with_options(
        self,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        turbopuffer_api_key: str | None = None,
        turbopuffer_base_url: str | None = None,
        fallback_to_turbopuffer: bool | None = None,
        timeout: float | None = None,
        total_timeout: float | None = None,
        max_retries: int | None = None,
        headers: Mapping[str, str] | None = None,
        compress_requests: bool | None = None,
    ) -> Self:
        """A client with other options over the same connections; what is not given stays, and `headers` are
        added. Closing it leaves this one open.
        """
        config = derive_config(
            self._config,
            base_url=base_url,
            api_key=api_key,
            turbopuffer_api_key=turbopuffer_api_key,
            turbopuffer_base_url=turbopuffer_base_url,
            fallback_to_turbopuffer=fallback_to_turbopuffer,
            timeout=timeout,
            total_timeout=total_timeout,
            max_retries=max_retries,
            headers=headers,
            compress_requests=compress_requests,
        )
        derived = object.__new__(type(self))
        derived._config = config
        derived._shared = self._shared
        derived._transport = self._transport
        derived._owns_transport = False
        return derived

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
        for name in ("headers", "extra_query", "extra_body"):
            check_mapping(options.get(name), f"{operation.id}: {name}")
        extra_body = options.get("extra_body")
        if extra_body is not None:
            if body is not None and not isinstance(body, Mapping | Model):
                raise ConfigError(f"{operation.id}: extra_body needs a body of fields, not {body!r:.80}")
            body = {**(body.to_dict() if isinstance(body, Model) else body or {}), **extra_body}
        if body is OMIT:
            body = None
        if body is None and operation.body_required:
            raise ConfigError(f"{operation.id}: the body is None")
        timeout, total = options.get("timeout"), options.get("total_timeout")
        retries = options.get("max_retries")
        parameters = {**query, **(options.get("extra_query") or {})}
        given_headers = {**encode_headers(operation.id, headers), **(options.get("headers") or {})}
        return Call(
            operation=operation,
            path=encode_path(operation.path, operation.id, path),
            direct_path=encode_path(operation.upstream_path or operation.path, operation.id, path),
            query=encode_query(operation.id, {**operation.fixed_query, **parameters}),
            headers=check_headers(given_headers),
            body=plain_body(operation.id, body),
            has_body=body is not None,
            timeout=config.timeout if timeout is None else check_seconds(timeout, "timeout"),
            total_timeout=config.total_timeout if total is None else check_seconds(total, "total_timeout"),
            max_retries=config.max_retries if retries is None else check_retries(retries, "max_retries"),
        )

    def _exchange(self, call: Call) -> Exchange:
        return exchange(call, self._config, self._shared.health, self._shared.environment)

    def _waiting(
        self,
        operation: Operation,
        on_progress: Callable[[T], object] | None,
        pace: tuple[float, float, float],
        options: CallOptions,
    ) -> Generator[Look | Pause | Told, WaitOutcome[T], T]:
        return waiting(
            operation,
            on_progress=on_progress,
            pace=pace,
            options=options,
            each_s=self._config.total_timeout,
            environment=self._shared.environment,
        )

    def _finish(self, call: Call, answer: Answer, result: type[T], with_perf: bool) -> T | LayerResponse[T]:
        data = decode(call.operation, answer, result, self._config.secrets())
        if not with_perf:
            return data
        return LayerResponse(data, answer.perf(self._shared.environment.clock))


def check_sends(client: Any) -> None:
    if isinstance(client, type) or not callable(getattr(client, "send", None)):
        raise ConfigError(f"http_client must be an httpx client or a transport, not {client!r:.80}")


_SAFE_BY_METHOD: Final[Mapping[str, Safe]] = {"GET": "read", "PUT": "idempotent", "DELETE": "idempotent"}


def undescribed_operation(method: Method, path: str, safe: Safe | None) -> Operation:
    if not path.startswith("/") or "?" in path or "#" in path:
        raise ConfigError(f"request: path must begin with / and hold no query or fragment, got {path!r}")
    if any(unquote(segment) in (".", "..") or "{" in segment for segment in path.split("/")):
        raise ConfigError(f'request: path may hold no ".", ".." or template segment, got {path!r}')
    return Operation(id="request", method=method, path=path, safe=safe or _SAFE_BY_METHOD.get(method, "once"))


def as_response(response: T | LayerResponse[T]) -> LayerResponse[T]:
    """What a call with `with_perf=True` gave, as its type."""
    assert isinstance(response, LayerResponse)
    return response


def split_options(options: dict[str, Any]) -> dict[str, Any]:
    return {"with_perf": options.pop("with_perf", False), "options": options}
