"""The forms that the public documentation uses, letter for letter: each runs as written, and mypy reads it.

A form is added here with its operation.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from hevlayer import AsyncHevlayer

from .scripted_server import Answer, ScriptedServer

if TYPE_CHECKING:
    import pytest


def test_the_forms_of_the_public_documentation_run_as_written(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer(Answer(json={"id": "products", "layer": {}, "namespaces": [], "status": "OK"}))
    monkeypatch.setenv("LAYER_GATEWAY_URL", server.url)
    monkeypatch.setenv("LAYER_GATEWAY_API_KEY", "tpuf_local")

    async def use() -> None:
        client = AsyncHevlayer(
            base_url=os.environ["LAYER_GATEWAY_URL"], api_key=os.environ["LAYER_GATEWAY_API_KEY"]
        )
        AsyncHevlayer(fallback_to_turbopuffer=False)
        await client.get_namespace_metadata("products")
        await client.list_namespaces(prefix="prod", page_size=100)
        await client.hint_cache_warm("products")
        await client.hint_cache_warm("products", turbopuffer=False, documents=False, snapshots=True)
        job = await client.warm_cache("products", page_size=1000)
        await client.get_warm_job("products", job.id)
        await client.warm_namespace("products")
        await client.aclose()

    asyncio.run(use())
    assert [f"{request.method} {request.target}" for request in server.requests] == [
        "GET /v2/namespaces/products/metadata",
        "GET /v2/namespaces?prefix=prod&page_size=100",
        "GET /v1/namespaces/products/hint_cache_warm",
        "GET /v1/namespaces/products/hint_cache_warm?turbopuffer=false&documents=false&snapshots=true",
        "POST /v2/namespaces/products/warm?page_size=1000",
        "GET /v2/namespaces/products/warm-jobs/products",
        "POST /v2/namespaces/products/warm",
    ]
    assert server.requests[0].headers["authorization"] == "Bearer tpuf_local"


def test_a_client_is_an_async_context_manager_and_perf_is_asked_for_in_the_call(
    server: ScriptedServer,
) -> None:
    server.answer(Answer(json={"id": "a", "attributes": {}}, headers={"x-layer-cache": "hit"}))

    async def use() -> tuple[float, str | None, str | None]:
        async with AsyncHevlayer(base_url=server.url, timeout=30.0) as client:
            response = await client.fetch_document("products", "a", with_perf=True)
            return response.perf.latency_ms, response.perf.cache_status, response.perf.fallback

    latency_ms, cache_status, fallback = asyncio.run(use())
    assert latency_ms > 0
    assert (cache_status, fallback) == ("hit", None)
