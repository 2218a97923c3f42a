"""Shared fixtures: a scripted server, and both clients behind one synchronous face."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from hevlayer import AsyncHevlayer, Hevlayer

from .scripted_server import ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

API_KEY = "sk-gateway-0123456789"
STORE_KEY = "sk-store-9876543210"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def upstream() -> Iterator[ScriptedServer]:
    """A second server, in Turbopuffer's place."""
    with ScriptedServer() as running:
        yield running


@pytest.fixture(scope="session")
def no_authorities(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An empty folder of certificates: reading the system's takes longer than a test, and none is used."""
    return str(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, no_authorities: str) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", no_authorities)
    for name in (
        "LAYER_GATEWAY_URL",
        "LAYER_GATEWAY_API_KEY",
        "TURBOPUFFER_API_KEY",
        "TURBOPUFFER_API_URL",
        "HEVLAYER_TIMEOUT_MS",
        "HEVLAYER_MAX_RETRIES",
        "HEVLAYER_LOG",
    ):
        monkeypatch.delenv(name, raising=False)


class Driver:
    """Calls a method of either client and returns its result, so that one test body covers both."""

    def __init__(self, mode: str) -> None:
        self.mode = mode

    def call(self, options: dict[str, Any], method: str, *args: Any, **kwargs: Any) -> Any:
        return self.run(options, lambda client: getattr(client, method)(*args, **kwargs))

    def run(self, options: dict[str, Any], use: Callable[[Any], Any]) -> Any:
        if self.mode == "sync":
            with Hevlayer(**options) as client:
                return use(client)
        return asyncio.run(self._run_async(options, use))

    def calls(self, options: dict[str, Any], *uses: Callable[[Any], Any]) -> list[Any]:
        """Several calls on one client, one after the other."""
        if self.mode == "sync":
            with Hevlayer(**options) as client:
                return [use(client) for use in uses]

        async def run_all() -> list[Any]:
            async with AsyncHevlayer(**options) as client:
                return [await use(client) for use in uses]

        return asyncio.run(run_all())

    def collect(self, options: dict[str, Any], listing: Callable[[Any], Any]) -> list[Any]:
        """Everything that iterating over `listing(client)` yields."""
        if self.mode == "sync":
            with Hevlayer(**options) as client:
                return list(listing(client))

        async def collect_all() -> list[Any]:
            async with AsyncHevlayer(**options) as client:
                return [item async for item in listing(client)]

        return asyncio.run(collect_all())

    async def _run_async(self, options: dict[str, Any], use: Callable[[Any], Any]) -> Any:
        async with AsyncHevlayer(**options) as client:
            return await use(client)


@pytest.fixture(params=["sync", "async"])
def driver(request: pytest.FixtureRequest) -> Driver:
    return Driver(request.param)


@pytest.fixture
def options(server: ScriptedServer) -> dict[str, Any]:
    """Constructor options that point at the scripted server."""
    return {"base_url": server.url, "api_key": API_KEY}


@pytest.fixture
def instant(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Makes waits between attempts instant and records how long each would have been, in seconds."""
    waits: list[float] = []

    async def sleep_async(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("hevlayer._client.time", SimpleNamespace(sleep=waits.append))
    monkeypatch.setattr("hevlayer._client.asyncio", SimpleNamespace(sleep=sleep_async))
    return waits
